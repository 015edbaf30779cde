"""Host names and /etc/hosts."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from miglab.provision.block import with_block
from miglab.provision.names import deploy_names, hostname_commands, hosts_lines, hosts_text
from miglab.topology import Node, Topology
from tests.machines import Machine, run

LINES = ["192.168.80.100 nfs", "192.168.80.121 source", "192.168.80.161 target"]
LOCAL = "127.0.0.1 localhost\n::1 localhost ip6-localhost\n"
KEEP = "test -e /etc/hostname.before-miglab || cp -a /etc/hostname /etc/hostname.before-miglab"
NEW = "printf '%s\\n' source > /etc/hostname.new"
PLACE = (
    "mv -Z /etc/hostname.new /etc/hostname 2>/dev/null"
    " || { cat /etc/hostname.new > /etc/hostname && rm /etc/hostname.new; }"
)
FILE = (KEEP, NEW, PLACE)
KERNEL = "hostname source 2>/dev/null || hostnamectl set-hostname source"


def test_every_node_has_a_line(topology: Topology) -> None:
    """Addresses and names as declared."""
    assert hosts_lines(topology) == LINES


@pytest.mark.parametrize(
    ("found", "kept"),
    [
        ("", ""),
        (LOCAL, LOCAL),
        ("127.0.1.1 source\n", ""),
        ("127.0.1.1\tsource.example.org source\n", ""),
        ("127.0.0.1 localhost source\n", "127.0.0.1 localhost\n"),
        ("::1 source localhost\n", "::1 localhost\n"),
        ("127.0.1.1 other\n", "127.0.1.1 other\n"),
        ("127.0.1.1 source-2 resource\n", "127.0.1.1 source-2 resource\n"),
        ("# 127.0.1.1 source\n\nnonsense source\n", "# 127.0.1.1 source\n\nnonsense source\n"),
        ("10.0.0.1 source\n", "10.0.0.1 source\n"),
        ("127.0.0.1 localhost # source\n", "127.0.0.1 localhost # source\n"),
    ],
)
def test_no_node_is_on_a_loopback_address(topology: Topology, found: str, kept: str) -> None:
    """There a name would win over ours, and libvirt would send guests to the host they are on."""
    assert hosts_text(found, topology) == with_block(kept, LINES)


word = st.sampled_from(["source", "target", "localhost", "127.0.1.1", "::1", "#", "10.0.0.1", "x"])


@settings(deadline=None)
@given(st.lists(st.lists(word, max_size=4).map(" ".join), max_size=4).map("\n".join))
def test_hosts_are_written_once(topology: Topology, found: str) -> None:
    """The second time changes nothing."""
    once = hosts_text(found, topology)
    assert hosts_text(once, topology) == once


@pytest.mark.parametrize(
    ("now", "lasting", "expected"),
    [
        ("source", "source", []),
        ("debian", "debian", [*FILE, KERNEL]),
        ("debian", "source", [KERNEL]),
        ("source.example.org", "source.example.org", []),
        ("source.example.org", "debian", [*FILE]),
        ("source", "debian", [*FILE]),
        ("source", "", [NEW, PLACE]),
    ],
)
def test_both_host_names_are_set(now: str, lasting: str, expected: list[str]) -> None:
    """The kernel's, and the one that comes back after a reboot."""
    assert list(hostname_commands("source", now, lasting)) == expected


def test_a_named_machine_is_left_alone(
    topology: Topology,
    source: Node,
) -> None:
    """No operation has a command; on a fresh machine both have."""
    files = {"/etc/hostname": "source\n", "/etc/hosts": hosts_text(LOCAL, topology)}
    right = Machine(says={"uname -n": "source"}, files=files)
    assert run(deploy_names, right, "source", topology=topology, node=source) == []
    changes = run(
        deploy_names, Machine(says={"uname -n": "debian"}), "source", topology=topology, node=source
    )
    assert [name for name, _ in changes] == [
        "Names | Host name",
        "Names | Names of all nodes in /etc/hosts",
    ]
