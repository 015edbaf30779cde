"""The guest's files: built in one place, fetched by all."""

import io
import tarfile

import pytest

from miglab.guest.boot import FILES, boot_directory, payload_digest, payload_sources
from miglab.packages import GUEST_BUILD
from miglab.provision import guest
from miglab.provision.guest import copy_command, deploy_guest, deploy_guest_build, payload_archive
from miglab.topology import Node, Topology
from tests.machines import Changes, Machine, run

BUILT = "Guest | Kernel and initramfs, built"
FETCHED = "Guest | Kernel and initramfs, fetched"
SHARED = f"/opt/kvmshare/boot/{payload_digest()}"


def build(host: Machine, topology: Topology, node: Node) -> Changes:
    """What building changes on ``host``."""
    return run(deploy_guest_build, host, node.name, topology=topology, node=node)


def test_an_archive_is_the_same_for_the_same_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever their order; and it holds them all, owned by nobody in particular."""
    first, sources = payload_archive(), payload_sources()
    monkeypatch.setattr(guest, "payload_sources", lambda: dict(reversed(sources.items())))
    assert payload_archive() == first
    with tarfile.open(fileobj=io.BytesIO(first)) as archive:
        found = {entry.name: entry for entry in archive.getmembers()}
    assert found.keys() == sources.keys()
    assert "build.sh" in found
    assert {(entry.mtime, entry.uid, entry.mode) for entry in found.values()} == {(0, 0, 0o644)}


def test_the_storage_node_builds(topology: Topology) -> None:
    """Beside the share; only what is complete is moved there, and QEMU's number owns it."""
    (packages, _), (name, commands) = build(Machine(), topology, topology.storage)
    assert (packages, name) == ("Guest | Packages: guest build", BUILT)
    work = commands[0].split()[2]
    assert work.endswith(payload_digest())
    assert commands[0] == f"rm -rf {work} && mkdir -p {work}/payload {work}/out"
    assert commands[1] == f"upload {work}/payload.tar\n{len(payload_archive())} bytes"
    assert commands[3].startswith(f"sh {work}/payload/build.sh {work}/out ")
    assert commands[4].startswith("test -d /opt/kvmshare || install -d -m 750 -o 64055 ")
    assert commands[5].startswith("test -d /opt/kvmshare/boot || install -d -m 755 -o 64055 ")
    assert f"mv {work}/out {SHARED}" in commands[6]
    assert commands[7].startswith(f"chown -R 64055:64055 {SHARED} ")  # of boot/ no other


def test_what_is_built_is_not_built_again(topology: Topology) -> None:
    """All files of the same sources are there; one that is missing has it built."""
    files = {f"{SHARED}/{name}": "" for name in FILES}
    built = Machine(files=files, packages=set(GUEST_BUILD["debian"]))
    assert build(built, topology, topology.storage) == []
    del built.files[f"{SHARED}/vmlinuz"]
    assert [name for name, _ in build(built, topology, topology.storage)] == [BUILT]


def test_others_do_not_build(topology: Topology, source: Node) -> None:
    """They only wait."""
    assert build(Machine(), topology, source) == []


def test_a_rhel_storage_node_says_that_it_cannot_build(topology: Topology) -> None:
    """With one command that fails and says why; guests of one's own need no building."""
    ((name, (command,)),) = build(Machine(os="ID=rhel"), topology, topology.storage)
    assert name == BUILT
    assert "nfs: the guest is built on the Debian family only" in command
    assert command.endswith(">&2; exit 1")
    prebuilt = Machine(os="ID=rhel", files={f"{SHARED}/{name}": "" for name in FILES})
    assert build(prebuilt, topology, topology.storage) == []


def by_iscsi(topology: Topology) -> Topology:
    """The same declaration with the other kind of share."""
    share = topology.share.model_copy(update={"kind": "iscsi"})
    return topology.model_copy(update={"share": share})


@pytest.mark.parametrize("built", [False, True])
def test_with_iscsi_the_files_are_in_an_image_too(topology: Topology, built: bool) -> None:
    """Written over what is there once they are built; the last tells that all are in it."""
    storage, last = topology.storage, f"{payload_digest()}/{FILES[-1]}"
    files = {f"{SHARED}/{name}": "" for name in FILES} if built else {}
    host = Machine(files=files, packages=set(GUEST_BUILD["debian"]))
    ((name, commands),) = build(host, by_iscsi(topology), storage)
    assert name == BUILT
    assert len(commands) == (1 if built else 9)
    pack = commands[-1]
    new = "/opt/kvmshare/boot/new.tar"
    assert pack.startswith(f"tar -C /opt/kvmshare/boot -cf {new} {payload_digest()}/vmlinuz ")
    assert f"dd if={new} of=/opt/kvmshare/boot.tar bs=1M conv=notrunc" in pack
    host.files = {f"{SHARED}/{name}": "" for name in FILES}
    host.says[f"tar -tf '/opt/kvmshare/boot.tar' '{last}'"] = "yes"
    assert build(host, by_iscsi(topology), storage) == []


def test_with_iscsi_a_hypervisor_reads_the_image(topology: Topology) -> None:
    """By QEMU's initiator, whether its kernel mounts NFS or not; all or nothing, once."""
    local = str(boot_directory())
    fresh = Machine(says={"modprobe -q nfsv4": "yes"})
    ((name, commands),) = run(deploy_guest, fresh, "source", topology=by_iscsi(topology))
    assert name == FETCHED
    begun, unpack, moved = commands
    assert begun == f"rm -rf {local}.new && mkdir -p {local}.new"
    assert " iscsi://192.168.80.100:3260/iqn.2026-01.test.miglab:vm1/2 " in unpack
    assert unpack.endswith(f"{payload_digest()} && rm {local}.new/boot.tar")
    assert f"mv {local}.new {local}" in moved
    fresh.files = {f"{local}/{each}": "" for each in FILES}
    assert run(deploy_guest, fresh, "source", topology=by_iscsi(topology)) == []


@pytest.mark.parametrize(
    ("mounted", "expected"),
    [
        (True, "timeout 60 cp /opt/kvmshare/a /b"),
        (
            False,
            "timeout 60 nfs-cp 'nfs://192.168.80.100/opt/kvmshare/a?uid=64055&gid=64055' /b",
        ),
    ],
)
def test_files_come_over_the_share(topology: Topology, mounted: bool, expected: str) -> None:
    """As QEMU reads its disk, and never for longer than a minute."""
    server = str(topology.storage.address)
    assert copy_command(topology.share, server, mounted, "/opt/kvmshare/a", "/b") == expected


@pytest.mark.parametrize(("mounts", "tool"), [("yes", " cp "), ("no", " nfs-cp ")])
def test_a_hypervisor_fetches_all_or_nothing(topology: Topology, mounts: str, tool: str) -> None:
    """Beside the place where they belong, then there at a stroke; once."""
    local = str(boot_directory())
    fresh = Machine(says={"modprobe -q nfsv4": mounts})
    ((name, commands),) = run(deploy_guest, fresh, "source", topology=topology)
    assert name == FETCHED
    assert commands[0] == f"rm -rf {local}.new && mkdir -p {local}.new"
    assert [tool in command for command in commands[1:-1]] == [True] * len(FILES)
    assert f"mv {local}.new {local}" in commands[-1]
    fresh.files = {f"{local}/{name}": "" for name in FILES}
    assert run(deploy_guest, fresh, "source", topology=topology) == []
