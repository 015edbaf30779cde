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


OCCUPIED, SIZE, IMAGE = "grep -qvx lost+found", "stat -c %s", "/opt/kvmshare/vm1.img"


@pytest.mark.parametrize(
    ("owners", "says", "message"),
    [
        ({"/opt/kvmshare": "0:0 755"}, {OCCUPIED: "yes"}, "files in one of 0's; declare another"),
        ({"/opt/kvmshare": "1000:64055 750"}, {OCCUPIED: "yes"}, "files in one of 1000's"),
        ({"/opt/kvmshare": "0:0 755"}, {}, None),
        ({"/opt/kvmshare": "64055:0 777"}, {OCCUPIED: "yes"}, None),
        ({IMAGE: "1000:1000 600"}, {SIZE: str(64 << 20)}, "found 1000's; declare another guest.na"),
        ({IMAGE: "0:0 600"}, {SIZE: "12345"}, "found 0's; declare another guest.name"),
        ({IMAGE: "0:0 600"}, {SIZE: str(64 << 20)}, None),  # as libvirt may leave it
        ({IMAGE: "64055:108 600"}, {SIZE: "12345"}, None),
    ],
)
def test_what_is_another_s_is_not_given_to_qemu(
    topology: Topology, owners: dict[str, str], says: dict[str, str], message: str | None
) -> None:
    """A directory with files in it, or an image of the guest's name; ours are mended."""
    topology = sized(topology, 64 << 20)
    machine = Machine(says={SERVES: "yes", **says}, owners=owners)
    if message is None:
        (path,) = owners
        assert f"chown 64055:64055 {path} && " in str(
            run(deploy_storage, machine, "nfs", topology=topology)
        )
        return
    with pytest.raises(OperationError, match=rf"nfs: /opt/kvmshare.*: expected .*{message}"):
        run(deploy_storage, machine, "nfs", topology=topology)
    assert "chown" not in str(machine.asked)


def sized(topology: Topology, size: int) -> Topology:
    """With a guest whose disk has ``size`` bytes."""
    guest = topology.guest.model_copy(update={"disk": size})
    return topology.model_copy(update={"guest": guest})


def test_an_image_beside_a_share_that_exists_stays_its_owner_s(existing: Topology) -> None:
    """Though our guest has the same name."""
    machine = Machine(owners={IMAGE: "1000:1000 600"})
    with pytest.raises(
        OperationError, match=r"vm1\.img: expected no image, or one that belongs to"
    ):
        run(deploy_storage, machine, "nfs", topology=existing)


@pytest.mark.parametrize("mounted", ["yes", "no"])
def test_no_files_are_hidden_by_the_share(topology: Topology, source: Node, mounted: str) -> None:
    """What a host has at the share's path would be out of sight; the share's own files are not."""
    unit = {"/etc/systemd/system/opt-kvmshare.mount": "ours\n"}
    says = {MOUNTS: "yes", MOUNTED: mounted, OCCUPIED: "yes", IP: links(APPLIED)}
    host = Machine(says=says, active={NETWORKD}, files=unit)
    if mounted == "yes":
        assert run(deploy_share, host, "source", topology=topology, node=source)
        return
    with pytest.raises(OperationError, match=r"source: /opt/kvmshare: expected an empty directory"):
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
