"""Hypervisors let each other in, and nobody else."""

import re
from ipaddress import IPv4Address

import pytest

from miglab.provision.block import block_lines, with_block
from miglab.provision.trust import (
    AUTHORIZED,
    KNOWN,
    authorized_line,
    deploy_trust,
    merge,
    name_authorized,
    name_known,
)
from miglab.topology import Node, Topology
from tests.machines import Changes, Machine, Pyinfra

OWN_KEY, MUTUAL = "Trust | Root's own ssh key", "Trust | Hypervisors trust each other"
KEY = "cat /root/.ssh/id_ed25519.pub"
HOST_KEY = "for kind in ed25519"


@pytest.fixture
def three(topology: Topology) -> Topology:
    """A declaration with a third hypervisor."""
    third = Node(name="spare", role="hypervisor", address=IPv4Address("192.168.80.162"))
    parts = {name: getattr(topology, name) for name in ("network", "share", "guest")}
    return Topology(nodes=(*topology.nodes, third), **parts)


@pytest.fixture
def hypervisors(
    three: Topology,
) -> dict[str, Machine]:
    """Machines by name, each with a key and a host key of its own."""
    return {
        node.name: Machine(
            says={KEY: f"ssh-ed25519 {node.name}", HOST_KEY: f"ssh-rsa H{node.name}"}
        )
        for node in three.hypervisors
    }


def deploy(three: Topology, machines: dict[str, Machine], *away: str) -> dict[str, Changes]:
    """What trust changes on each of ``machines`` that is not ``away``."""
    return Pyinfra(machines, frozenset(away)).deploy(
        deploy_trust, topology=three, node=lambda host: three.node(host.data.node)
    )


def texts(changes: Changes) -> dict[str, str]:
    """Path → content of the files that are written."""
    pattern = re.compile(r"printf %s '(.*)' > (\S+)\.new", re.DOTALL)
    found = (pattern.search(each) for _, commands in changes for each in commands)
    return {match[2]: match[1] for match in found if match}


def test_each_peer_may_come_from_its_own_address(
    three: Topology, hypervisors: dict[str, Machine]
) -> None:
    """And is known by its host key, by name and address; the host itself is not among them."""
    changes = deploy(three, hypervisors)
    assert texts(changes["source"]) == {
        AUTHORIZED: with_block(
            "",
            [
                'from="192.168.80.161" ssh-ed25519 target root@target',
                'from="192.168.80.162" ssh-ed25519 spare root@spare',
            ],
        ),
        KNOWN: with_block(
            "", ["target,192.168.80.161 ssh-rsa Htarget", "spare,192.168.80.162 ssh-rsa Hspare"]
        ),
    }
    assert {name for name, _ in changes["target"]} == {MUTUAL}
    assert "chmod 0600 /root/.ssh/authorized_keys.new" in str(changes["source"])
    assert "chmod 0644 /etc/ssh/ssh_known_hosts.new" in str(changes["source"])


def test_hosts_that_trust_each_other_are_left_alone(
    three: Topology, hypervisors: dict[str, Machine]
) -> None:
    """The second run has no command on any host."""
    for name, changes in deploy(three, hypervisors).items():
        hypervisors[name].files |= texts(changes)
    assert set(map(tuple, deploy(three, hypervisors).values())) == {()}


def test_a_peer_left_out_keeps_its_trust(three: Topology, hypervisors: dict[str, Machine]) -> None:
    """With ``--limit``, lines of hosts that are not reached stay as an earlier run wrote them."""
    for name, first in deploy(three, hypervisors).items():
        hypervisors[name].files |= texts(first)
    hypervisors["target"].says[KEY] = "ssh-ed25519 renewed"
    changes = deploy(three, hypervisors, "spare")
    assert "spare" not in changes
    assert block_lines(texts(changes["source"])[AUTHORIZED]) == [
        'from="192.168.80.161" ssh-ed25519 renewed root@target',
        'from="192.168.80.162" ssh-ed25519 spare root@spare',
    ]
    alone = deploy(three, hypervisors, "spare", "target")
    assert alone == {"source": []}


def test_a_peer_that_dies_during_the_run_keeps_its_trust(
    three: Topology, hypervisors: dict[str, Machine]
) -> None:
    """What was to be made is not written in place of what is known."""
    for name, first in deploy(three, hypervisors).items():
        hypervisors[name].files |= texts(first)
    hypervisors["target"].says |= {KEY: "", HOST_KEY: ""}
    changes = deploy(three, hypervisors)
    assert texts(changes["source"]) == texts(changes["spare"]) == {}


def test_a_host_alone_writes_no_empty_block(
    three: Topology, hypervisors: dict[str, Machine]
) -> None:
    """Where no peer was ever reached there is nothing to say."""
    assert deploy(three, hypervisors, "spare", "target") == {"source": []}


def test_a_key_made_by_this_run_is_the_one_that_is_trusted(
    three: Topology, hypervisors: dict[str, Machine]
) -> None:
    """It does not exist while the run is planned, and does when the other host asks for it."""
    target = hypervisors["target"]
    target.says[KEY] = ""
    target.changes = {"ssh-keygen -q": {KEY: "ssh-ed25519 fresh"}}
    changes = deploy(three, hypervisors)
    assert [name for name, _ in changes["target"]] == [OWN_KEY, MUTUAL]
    lines = block_lines(texts(changes["source"])[AUTHORIZED])
    assert lines[0] == 'from="192.168.80.161" ssh-ed25519 fresh root@target'
    assert "made by this run" not in str(changes)


def test_a_host_without_a_host_key_is_not_known_as_none(
    three: Topology, hypervisors: dict[str, Machine]
) -> None:
    """No line is better than a wrong one."""
    hypervisors["target"].says[HOST_KEY] = ""
    known = block_lines(texts(deploy(three, hypervisors)["source"])[KNOWN])
    assert known == ["spare,192.168.80.162 ssh-rsa Hspare"]


def test_lines_are_merged_in_the_order_declared(three: Topology) -> None:
    """New before old, none for strangers, whether the line is of the one file or the other."""
    peers = list(three.hypervisors)
    old = [authorized_line(node, "old") for node in peers] + ['from="1.2.3.4" k root@stranger']
    merged = merge(peers, {"target": "new"}, old, name_authorized)
    assert merged == [authorized_line(peers[0], "old"), "new", authorized_line(peers[2], "old")]
    assert name_known("target,192.168.80.161 ssh-rsa X") == "target"


def test_own_lines_of_the_user_stay(
    three: Topology, hypervisors: dict[str, Machine], source: Node
) -> None:
    """Whoever could log in before still can."""
    hypervisors[source.name].files[AUTHORIZED] = "ssh-rsa MINE me@desk\n"
    changes = deploy(three, hypervisors)
    assert texts(changes["source"])[AUTHORIZED].startswith("ssh-rsa MINE me@desk\n# BEGIN")
