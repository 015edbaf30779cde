"""A hypervisor of each family, as a whole deploy."""

import json
import subprocess
from pathlib import Path

import pytest

from miglab.packages import HYPERVISOR
from miglab.provision.bridges import networkd
from miglab.provision.daemons import MODULAR, MONOLITHIC
from miglab.provision.hypervisor import (
    deploy_hypervisor,
    listening_commands,
    qemu_settings,
)
from miglab.topology import Node, Topology
from tests.machines import Changes, Machine, run
from tests.provision.networks import BRIDGE, MAC

RHEL = 'ID="rhel"\nID_LIKE="fedora"\nVERSION_ID="9.4"\n'
NIC = {"ifname": "ens33", "address": MAC, "addr_info": []}
BRIDGED = json.dumps(
    [
        NIC | {"master": "br0"},
        {
            "ifname": "br0",
            "address": MAC,
            "addr_info": [{"family": "inet", "local": "192.168.80.121", "prefixlen": 24}],
        },
    ]
)
CONTAINER, CGROUPS = "systemd-detect-virt", "/sys/fs/cgroup"
OWNER = 'user = "+64055"\ngroup = "+64055"\n'
SETTINGS = "Hypervisor | Settings in /etc/libvirt/qemu.conf"
SWITCH = (
    "systemctl stop a.service && systemctl start a.socket"
    " || { systemctl start a.service; echo 'a.socket cannot be opened' >&2; exit 1; }"
)
RESTART = "Hypervisor | libvirt takes the settings up"


@pytest.mark.parametrize(
    ("read_only", "expected"),
    [
        (False, {"user": '"+64055"', "group": '"+64055"'}),
        (True, {"user": '"+64055"', "group": '"+64055"', "cgroup_controllers": "[]"}),
    ],
)
def test_qemu_runs_as_the_owner_of_the_images(
    topology: Topology, read_only: bool, expected: dict[str, str]
) -> None:
    """By number; without control groups where none can be made."""
    assert qemu_settings(topology, read_only) == expected


@pytest.mark.parametrize(
    ("active", "expected"),
    [
        ({"a.socket"}, []),
        ({"a.socket", "a.service"}, []),
        (set(), ["systemctl start a.socket"]),
        ({"a.service"}, [SWITCH]),
    ],
)
def test_a_socket_opens_though_its_service_runs(active: set[str], expected: list[str]) -> None:
    """systemd refuses to open it for a service that already runs without."""
    assert list(listening_commands("a.socket", active)) == expected


@pytest.mark.parametrize(
    ("opens", "expected"),
    [
        (True, ["stop a.service", "start a.socket"]),
        (False, ["stop a.service", "start a.socket", "start a.service"]),
    ],
)
def test_a_service_is_not_left_stopped(tmp_path: Path, opens: bool, expected: list[str]) -> None:
    """Where its socket cannot be opened, it runs on, and that is an error."""
    tool, done = tmp_path / "systemctl", tmp_path / "done"
    tool.write_text(
        f'#!/bin/sh\necho "$*" >>{done}\ncase "$*" in *socket) {str(opens).lower()};; esac\n'
    )
    tool.chmod(0o755)
    (command,) = listening_commands("a.socket", {"a.service"})
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    ended = subprocess.run(["sh", "-c", command], env=environment, capture_output=True, check=False)
    assert (ended.returncode == 0) == opens
    assert done.read_text().splitlines() == expected


def deploy(host: Machine, topology: Topology, source: Node) -> Changes:
    """What the role changes on ``host``."""
    return run(deploy_hypervisor, host, "source", topology=topology, node=source)


def test_a_fresh_rhel_hypervisor(topology: Topology, source: Node) -> None:
    """dnf, one daemon for each task, and NetworkManager, in this order; nothing of Debian's."""
    fresh = Machine(
        os=RHEL,
        says={"ip -j": json.dumps([NIC]), CONTAINER: "no", CGROUPS: "no"},
        files={"/etc/libvirt/qemu.conf": '#user = "qemu"\n#group = "qemu"\n'},
        packages={"openssh-clients", "dnf"},
        active={"NetworkManager.service"},
    )
    changes = deploy(fresh, topology, source)
    assert [name for name, _ in changes] == [
        "Hypervisor | Packages: libvirt and QEMU",
        SETTINGS,
        *(f"Hypervisor | libvirt listens: {socket}" for socket in MODULAR),
        RESTART,
        "Hypervisor | Bridge br0",
    ]
    done = dict(changes)
    assert done["Hypervisor | Packages: libvirt and QEMU"] == [
        "dnf install -y libvirt libvirt-client qemu-kvm qemu-img"
    ]
    assert done[RESTART] == ["systemctl try-restart virtqemud.service"]
    assert done["Hypervisor | libvirt listens: virtqemud.socket"] == [
        "systemctl start virtqemud.socket",
        "systemctl enable virtqemud.socket",
    ]
    text = str(changes)
    assert "libvirtd" not in text
    assert "libnfs" not in text
    assert "apt" not in text


@pytest.mark.parametrize(
    ("os", "path"),
    [("ID=debian\n", "/etc/libvirt/libvirtd.conf"), (RHEL, "/etc/libvirt/virtqemud.conf")],
)
def test_a_container_has_an_identity_of_its_own(
    topology: Topology, source: Node, os: str, path: str
) -> None:
    """All containers of a machine read its firmware's UUID; libvirt takes them for one host."""
    host = Machine(
        os=os,
        says={"ip -j": BRIDGED, CONTAINER: "yes", CGROUPS: "yes"},
        files={"/etc/libvirt/qemu.conf": OWNER, path: '#host_uuid_source = "smbios"\n'},
        active={"systemd-networkd.service"},
    )
    names = [name for name, _ in deploy(host, topology, source)]
    assert names.index(f"Hypervisor | Settings in {path}") < names.index(RESTART)
    assert names.index(SETTINGS) < names.index(RESTART)


@pytest.fixture
def right() -> Machine:
    """A Debian hypervisor on which nothing is left to do."""
    return Machine(
        says={"ip -j": BRIDGED, CONTAINER: "no", CGROUPS: "no"},
        files={
            "/etc/libvirt/qemu.conf": OWNER,
            **networkd.contents(BRIDGE),
        },
        packages=set(HYPERVISOR["debian"]),
        active={"systemd-networkd.service", *MONOLITHIC, "libvirtd.service"},
        enabled=set(MONOLITHIC),
    )


def test_one_daemon_stays_where_somebody_chose_it(topology: Topology, source: Node) -> None:
    """Both kinds at once would each think that all guests are theirs."""
    host = Machine(
        os=RHEL,
        says={"ip -j": BRIDGED, CONTAINER: "no", CGROUPS: "no", "is-enabled libvirtd": "yes"},
        active={"NetworkManager.service"},
    )
    done = dict(deploy(host, topology, source))
    listens = [name for name in done if "libvirt listens" in name]
    assert listens == [f"Hypervisor | libvirt listens: {socket}" for socket in MONOLITHIC]
    assert done[RESTART] == ["systemctl try-restart libvirtd.service"]


def test_a_hypervisor_that_is_right_is_left_alone(
    right: Machine, topology: Topology, source: Node
) -> None:
    """No operation has a command."""
    assert deploy(right, topology, source) == []


def test_only_the_setting_that_drifted_is_set(
    right: Machine, topology: Topology, source: Node
) -> None:
    """libvirt then takes it up; a daemon that does not run is not started for it."""
    right.files["/etc/libvirt/qemu.conf"] = OWNER.replace('user = "+64055"', 'user = "root"')
    (setting, _), (restart, commands) = deploy(right, topology, source)
    assert setting == SETTINGS
    assert (restart, commands) == (RESTART, ["systemctl try-restart libvirtd.service"])


def test_a_closed_socket_is_opened(right: Machine, topology: Topology, source: Node) -> None:
    """Though its service went on without it."""
    right.active.remove("libvirtd.socket")
    assert deploy(right, topology, source) == [
        ("Hypervisor | libvirt listens: libvirtd.socket", [SWITCH.replace("a.", "libvirtd.")])
    ]


def test_a_masked_socket_stays_so_beside_its_service(
    right: Machine, topology: Topology, source: Node
) -> None:
    """Somebody chose it; libvirt is there without."""
    right.active.remove("libvirtd.socket")
    right.enabled.remove("libvirtd.socket")
    right.says["is-enabled libvirtd.socket 2>/dev/null | grep -q ^masked"] = "yes"
    assert deploy(right, topology, source) == []


def test_libvirt_starts_with_the_host(right: Machine, topology: Topology, source: Node) -> None:
    """A socket alone would start no guest and no pool: nobody may connect."""
    right.says["is-enabled libvirtd.service"] = "yes"
    assert deploy(right, topology, source) == [
        (
            "Hypervisor | libvirt starts with the host: libvirtd",
            ["systemctl enable libvirtd.service"],
        )
    ]


def test_a_missing_package_is_the_only_one_installed(
    right: Machine, topology: Topology, source: Node
) -> None:
    """And the lists are read anew for it, once."""
    right.packages.remove("libnfs-utils")
    ((name, commands),) = deploy(right, topology, source)
    assert name == "Hypervisor | Packages: libvirt and QEMU"
    assert commands[0] == "apt-get update"
    assert commands[1].endswith(" install --no-install-recommends libnfs-utils")
    assert len(commands) == 2
