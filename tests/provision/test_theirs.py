"""What was there before us, and is not ours, stays: on machines that are somebody's own."""

import subprocess
from pathlib import Path

import pytest
from pyinfra.api.exceptions import OperationError

from miglab.provision import trust
from miglab.provision.block import WRITTEN
from miglab.provision.bridge import bridge
from miglab.provision.exports import others_exports, unexport_commands
from miglab.provision.guest import copy_command
from miglab.provision.iscsi import served
from miglab.provision.storage import deploy_share, deploy_storage
from miglab.topology import Node, Topology
from tests.machines import Machine, run
from tests.provision.networks import APPLIED, NIC_ONLY, links

IP, MOUNTS, SERVES = "ip -j", "modprobe -q nfsv4", "mount -t nfsd"
OUR_BRIDGE, MOUNTED = "grep -qsF 'Written by miglab'", "mountpoint -q"
NETWORKD = "systemd-networkd.service"
TARGETS = """\
Target 1: iqn.2003-01.org.example:theirs
    LUN information:
    ACL information:
"""


@pytest.fixture
def existing(topology: Topology) -> Topology:
    """A declaration whose share is there already."""
    share = topology.share.model_copy(update={"existing": True})
    return topology.model_copy(update={"share": share})


@pytest.mark.parametrize("kernel", ["yes", "no"])
def test_of_a_share_that_exists_only_our_disk_is_made(existing: Topology, kernel: str) -> None:
    """No package, no export, no service, no owner of a directory."""
    changes = run(deploy_storage, Machine(says={SERVES: kernel}), "nfs", topology=existing)
    assert [name for name, _ in changes] == ["Storage | The guest's disk image"]
    guest = existing.guest.model_copy(update={"system": "foreign"})
    theirs = existing.model_copy(update={"guest": guest})
    assert run(deploy_storage, Machine(says={SERVES: kernel}), "nfs", topology=theirs) == []


def test_a_share_that_exists_is_not_mounted_by_us(existing: Topology, source: Node) -> None:
    """Nor has it a pool of ours."""
    host = Machine(says={MOUNTS: "yes", IP: links(APPLIED)}, active={NETWORKD})
    assert run(deploy_share, host, "source", topology=existing, node=source) == []


def test_another_s_mount_at_the_share_s_path_is_named(topology: Topology, source: Node) -> None:
    """It may be a line of /etc/fstab, over which a unit of ours would win."""
    host = Machine(says={MOUNTS: "yes", MOUNTED: "yes", IP: links(APPLIED)}, active={NETWORKD})
    with pytest.raises(OperationError, match=r"source: /opt/kvmshare: expected nothing mounted"):
        run(deploy_share, host, "source", topology=topology, node=source)


@pytest.mark.parametrize(
    ("config", "paths"),
    [
        ("", []),
        ("EXPORT {\n  Export_Id = 12345;\n  Path = /nonexistent;\n  Pseudo = /nonexistent;\n}", []),
        ("# Path = /commented;\n", []),
        ("EXPORT { Export_Id = 1; Path = /srv/theirs; Pseudo = /t; }", ["/srv/theirs"]),
        ('EXPORT {\n\tPath = "/a b";\n}\nEXPORT {\n  Path=/c;\n}', ["/a", "/c"]),
        (f"{WRITTEN}EXPORT {{ Path = /srv/theirs; }}", []),
    ],
)
def test_exports_of_others_are_seen(config: str, paths: list[str]) -> None:
    """In ganesha's one file, unless we wrote it; its package's example is none."""
    assert others_exports(config) == paths


def test_exports_of_others_are_not_written_over(topology: Topology) -> None:
    """One line instead, with the way out."""
    text = "EXPORT { Path = /srv/theirs; }\n"
    host = Machine(files={"/etc/ganesha/ganesha.conf": text})
    with pytest.raises(OperationError, match=r"found /srv/theirs, which would be lost; `share\.ex"):
        run(deploy_storage, host, "nfs", topology=topology)


def test_only_our_own_exports_end(topology: Topology) -> None:
    """By client: ``exportfs -r`` would end those that were made without a file."""
    before = (
        f"{WRITTEN}/opt/kvmshare 192.168.80.121(rw)\n/opt/kvmshare 192.168.80.162(rw)\n"
        "/old 192.168.80.121(rw)\n"
    )
    assert unexport_commands(topology, before) == [
        "exportfs -u 192.168.80.162:/opt/kvmshare",
        "exportfs -u 192.168.80.121:/old",
    ]
    assert unexport_commands(topology, None) == []


def test_targets_of_others_are_named(topology: Topology) -> None:
    """tgt would not reach their images any more."""
    host = Machine(says={"tgtadm": TARGETS, "tgt-admin": TARGETS})
    with pytest.raises(OperationError, match=r"no target but ours, found iqn\.2003-01\.org\.ex"):
        run(served, host, "nfs", topology=topology)


@pytest.mark.parametrize("unit", [NETWORKD, "NetworkManager.service", "networking.service"])
def test_another_s_bridge_that_has_the_address_stays(
    topology: Topology, source: Node, unit: str
) -> None:
    """Whatever it lies over; ours is mended, and one without the address is not there yet."""
    where = {"network": topology.network, "node": source}
    theirs = {IP: links(APPLIED), OUR_BRIDGE: "no"}
    assert run(bridge, Machine(active={unit}, says=theirs), "source", **where) == []
    bonded = {"bond0": NIC_ONLY["ens33"] | {"addresses": []}, "br0": APPLIED["br0"]}
    over = {IP: links(bonded), OUR_BRIDGE: "no"}
    assert run(bridge, Machine(active={unit}, says=over), "source", **where) == []
    ours = {IP: links(APPLIED), OUR_BRIDGE: "yes"}
    assert run(bridge, Machine(active={unit}, says=ours), "source", **where) != []


def test_a_private_key_outlives_the_loss_of_its_public_half(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, topology: Topology, source: Node
) -> None:
    """It is somebody's; the public half is made of it anew."""
    key = tmp_path / "id_ed25519"
    monkeypatch.setattr(trust, "KEY", str(key))
    (_, commands), *_ = run(trust.deploy_trust, Machine(), "source", topology=topology, node=source)
    make = commands[-1]
    for _ in range(2):
        subprocess.run(["sh", "-c", make], check=True, capture_output=True)
        private, public = key.read_bytes(), key.with_suffix(".pub").read_text().split()[:2]
        key.with_suffix(".pub").unlink()
    subprocess.run(["sh", "-c", make], check=True, capture_output=True)
    assert key.read_bytes() == private
    assert key.with_suffix(".pub").read_text().split()[:2] == public


def test_a_share_that_is_a_directory_is_read_as_one(existing: Topology) -> None:
    """Else by the client that QEMU has."""
    share = existing.share
    assert copy_command(share, "192.168.80.100", True, "/s/a", "/l/a") == "timeout 60 cp /s/a /l/a"
