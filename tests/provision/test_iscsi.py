"""The iSCSI target, as whole deploys on machines: to whom it is given, and what is left alone."""

import re

import pytest
from pyinfra.api.exceptions import OperationError

from miglab.packages import ISCSI_TARGET
from miglab.provision.facts.iscsi import Served
from miglab.provision.iscsi import (
    CONFIG,
    UNIT,
    deploy_target,
    drop_in,
    served_commands,
    target_config,
)
from miglab.provision.storage import deploy_share
from miglab.topology import Topology
from tests.machines import Machine, run

IQN = "iqn.2026-01.test.miglab:vm1"
DISKS = {1: "/opt/kvmshare/vm1.img", 2: "/opt/kvmshare/boot.tar"}
BOTH = ["192.168.80.121", "192.168.80.161"]
ACL = "tgtadm --lld iscsi --mode target --op {} --tid 3 --initiator-address {}"
SHOWN = f"""\
Target 3: {IQN}
    LUN information:
        LUN: 1
            Backing store path: {DISKS[1]}
        LUN: 2
            Backing store path: {DISKS[2]}
    ACL information:
        {BOTH[0]}
        {BOTH[1]}
"""


@pytest.fixture
def by_iscsi(topology: Topology) -> Topology:
    """The shipped declaration with the other kind of share."""
    return topology.model_copy(
        update={"share": topology.share.model_copy(update={"kind": "iscsi"})}
    )


def right(topology: Topology) -> Machine:
    """A machine on which nothing is left to do."""
    return Machine(
        says={"tgtadm": SHOWN},
        files={CONFIG: target_config(topology), UNIT: drop_in(topology)},
        owners={
            "/opt/kvmshare": "64055:64055 750",
            **dict.fromkeys(DISKS.values(), "64055:64055 660"),
        },
        packages=set(ISCSI_TARGET["debian"]),
        active={"tgt.service"},
        enabled={"tgt.service"},
    )


def test_the_target_is_for_exactly_the_hypervisors(by_iscsi: Topology) -> None:
    """By address; what they boot from is for reading."""
    text = target_config(by_iscsi)
    assert re.findall(r"initiator-address (\S+)", text) == BOTH
    stores = re.findall(r"<backing-store (\S+)>\s*lun (\d)(\s*readonly 1)?", text)
    assert [(path, int(lun), bool(only)) for path, lun, only in stores] == [
        (DISKS[1], 1, False),
        (DISKS[2], 2, True),
    ]
    assert f"<target {IQN}>" in text


def test_tgt_listens_at_one_address_and_may_little(by_iscsi: Topology) -> None:
    """Of the capabilities one, of the file system the share."""
    lines = drop_in(by_iscsi).splitlines()
    started = lines.index("ExecStart=/usr/sbin/tgtd -f --iscsi portal=192.168.80.100:3260")
    assert "show to 192.168.80.100 |" in lines[started - 2], "it waits for the address before"
    assert "CapabilityBoundingSet=CAP_DAC_OVERRIDE" in lines
    assert "ReadWritePaths=/opt/kvmshare" in lines


@pytest.mark.parametrize(
    ("found", "commands"),
    [
        (None, [f"tgt-admin --force --update {IQN}"]),
        (Served(3, {1: DISKS[1]}, BOTH), [f"tgt-admin --force --update {IQN}"]),
        (Served(3, DISKS, BOTH), []),
        (Served(3, DISKS, BOTH[:1]), [ACL.format("bind", BOTH[1])]),
        (
            Served(3, DISKS, ["192.168.80.162", "ALL", BOTH[1]]),
            [
                ACL.format("bind", BOTH[0]),
                ACL.format("unbind", "192.168.80.162"),
                ACL.format("unbind", "ALL"),
            ],
        ),
    ],
)
def test_what_is_served_is_mended(
    by_iscsi: Topology, found: Served | None, commands: list[str]
) -> None:
    """Who may log in is changed while others are logged in; another disk is another target."""
    assert list(served_commands(by_iscsi, found)) == commands


def test_a_fresh_machine_serves(by_iscsi: Topology) -> None:
    """Images and configuration before the service, which takes them up as it starts."""
    fresh = Machine(changes={"systemctl start tgt": {"tgtadm": SHOWN}})
    changes = run(deploy_target, fresh, "nfs", topology=by_iscsi)
    assert [name.removeprefix("Storage | ") for name, _ in changes] == [
        "Packages: iSCSI target",
        "The shared directory",
        "The guest's disk image",
        "The image with what it boots",
        "The target, for the hypervisors",
        "tgt listens at one address",
        "systemd knows of it",
        "tgt takes it up",
        "tgt runs",
    ]
    done = dict(changes)
    assert (
        done["Storage | The image with what it boots"][0] == f"truncate --size=67108864 {DISKS[2]}"
    )
    assert "systemctl enable tgt.service" in done["Storage | tgt runs"]


def test_a_machine_that_is_right_is_left_alone(by_iscsi: Topology) -> None:
    """No operation has a command; nor has one on a hypervisor, where there is nothing to mount."""
    assert run(deploy_target, right(by_iscsi), "nfs", topology=by_iscsi) == []
    mounts, node = Machine(says={"nfsv4": "yes"}), by_iscsi.source
    assert run(deploy_share, mounts, "source", topology=by_iscsi, node=node) == []


def test_a_client_that_was_sent_away_comes_back(by_iscsi: Topology) -> None:
    """One command; the service is not restarted under a guest that runs."""
    drifted = right(by_iscsi)
    drifted.says["tgtadm"] = SHOWN.replace(f"        {BOTH[1]}\n", "")
    assert run(deploy_target, drifted, "nfs", topology=by_iscsi) == [
        ("Storage | The target is served as declared", [ACL.format("bind", BOTH[1])])
    ]


@pytest.mark.parametrize(("what", "name"), [(deploy_target, "nfs"), (deploy_share, "source")])
def test_the_rhel_family_is_refused(by_iscsi: Topology, what: object, name: str) -> None:
    """In one line, before anything is done there."""
    more = {"node": by_iscsi.source} if what is deploy_share else {}
    rocky = Machine(os="ID=rocky\nID_LIKE=rhel\n")
    with pytest.raises(OperationError, match=f"{name}: expected the Debian family, whose .*nfs"):
        run(what, rocky, name, topology=by_iscsi, **more)  # type: ignore[arg-type]
    assert not any("install" in command for command in rocky.asked)
