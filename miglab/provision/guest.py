"""The guest's kernel and initramfs.

They are built on the storage node, and fetched over the share by the hypervisors; with iSCSI, from
a LUN that holds them as a tar.
"""

import io
import tarfile
from collections.abc import Generator, Iterator

from pyinfra import host
from pyinfra.api.command import FileUploadCommand
from pyinfra.api.deploy import deploy
from pyinfra.api.operation import operation

from miglab.guest.boot import FILES, boot_directory, payload_digest, payload_sources
from miglab.packages import GUEST_BUILD
from miglab.provision.context import family
from miglab.provision.facts.storage import KernelMountsNfs
from miglab.provision.facts.system import Archived, Exists
from miglab.provision.packages import install
from miglab.topology import BOOT_LUN, Node, Share, Topology


@operation()
def built(builder: str, share: Share) -> Generator[str | FileUploadCommand]:
    """On ``builder``: the files lie on the share, in a directory named by what they are made of."""
    if host.data.node != builder:
        host.noop(f"{builder} builds for all")
        return
    directory = share.path / "boot" / payload_digest()
    if host.get_fact(Exists, paths=tuple(str(directory / name) for name in FILES)):
        yield from _packed(share)
    elif family(host) == "debian":
        yield from build_commands(share)
        yield from _packed(share)
    else:
        yield (
            f"echo '{builder}: the guest is built on the Debian family only;"
            f" bring its files in {directory}, or guests of your own' >&2; exit 1"
        )


def build_commands(share: Share) -> Iterator[str | FileUploadCommand]:
    """Builds beside the share, and moves there what is complete; the rest of boot/ stays."""
    directory, owner = share.path / "boot" / payload_digest(), share.owner
    parent, work = directory.parent, f"/var/tmp/miglab-guest-{payload_digest()}"
    yield f"rm -rf {work} && mkdir -p {work}/payload {work}/out"
    yield FileUploadCommand(io.BytesIO(payload_archive()), f"{work}/payload.tar")
    yield f"tar -xf {work}/payload.tar -C {work}/payload"
    yield (
        f"sh {work}/payload/build.sh {work}/out >{work}/log 2>&1"
        f" || {{ tail -n 3 {work}/log >&2; exit 1; }}"
    )
    for path, mode in ((share.path, 750), (parent, 755)):
        yield f"test -d {path} || install -d -m {mode} -o {owner} -g {owner} {path}"
    yield f"rm -rf {directory} && mv {work}/out {directory} && rm -rf {work}"
    yield f"chown -R {owner}:{owner} {directory} && chmod -R u=rwX,go=rX {directory}"


def _packed(share: Share) -> Iterator[str]:
    """With iSCSI the files are in the archive too; the last of them tells that all are."""
    last = f"{payload_digest()}/{FILES[-1]}"
    if share.kind == "iscsi" and not host.get_fact(
        Archived, archive=str(share.boot_archive), member=last
    ):
        yield pack_command(share)


def pack_command(share: Share) -> str:
    """Writes over the image as it is: the target has it open, and keeps its size."""
    members = " ".join(f"{payload_digest()}/{name}" for name in FILES)
    new = f"{share.path}/boot/new.tar"
    return (
        f"tar -C {share.path}/boot -cf {new} {members}"
        f" && dd if={new} of={share.boot_archive} bs=1M conv=notrunc,fsync status=none && rm {new}"
    )


def payload_archive() -> bytes:
    """The program's sources as a tar, the same bytes for the same sources."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in sorted(payload_sources().items()):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o644
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


@operation()
def fetched(topology: Topology, mounted: bool) -> Generator[str]:
    """The files lie at the same local path on every hypervisor: a target opens them too."""
    local = boot_directory()
    if host.get_fact(Exists, paths=tuple(str(local / name) for name in FILES)):
        host.noop("the guest's kernel is here already")
        return
    yield f"rm -rf {local}.new && mkdir -p {local}.new"
    if topology.share.kind == "iscsi":
        yield unpack_command(topology, f"{local}.new")
    else:
        yield from _copies(topology, mounted, f"{local}.new")
    yield f"rm -rf {local} && mv {local}.new {local} && chmod -R u=rwX,go=rX {local}"


def _copies(topology: Topology, mounted: bool, local: str) -> Iterator[str]:
    share, server = topology.share, str(topology.storage.address)
    remote = share.path / "boot" / payload_digest()
    for name in FILES:
        yield copy_command(share, server, mounted, str(remote / name), f"{local}/{name}")


def unpack_command(topology: Topology, local: str) -> str:
    """Reads the LUN by the initiator that QEMU itself uses."""
    url, archive = topology.lun_url(BOOT_LUN), f"{local}/boot.tar"
    return (
        f"timeout 60 qemu-img convert -f raw -O raw {url} {archive}"
        f" && tar -C {local} -xf {archive} --strip-components=1 {payload_digest()}"
        f" && rm {archive}"
    )


def copy_command(share: Share, server: str, mounted: bool, remote: str, local: str) -> str:
    """Reads from the mounted share, or by the NFS client that QEMU itself uses."""
    if mounted:
        return f"timeout 60 cp {remote} {local}"
    identity = f"uid={share.owner}&gid={share.owner}"
    return f"timeout 60 nfs-cp 'nfs://{server}{remote}?{identity}' {local}"


@deploy("Guest")
def deploy_guest_build(topology: Topology, node: Node) -> None:
    """Built on the storage node.

    Every host takes part, though all but one have nothing to do: pyinfra keeps the order of
    operations that hosts share, and no other between hosts. Here all wait for the storage node.
    """
    builder = topology.storage.name
    if node.name == builder:
        install("guest build", GUEST_BUILD)
    built(name="Kernel and initramfs, built", builder=builder, share=topology.share)


def _is_mounted(share: Share) -> bool:
    """Whether this hypervisor has the share as a directory."""
    if share.existing:
        return bool(host.get_fact(Exists, paths=(str(share.path / "boot"),)))
    return share.kind == "nfs" and bool(host.get_fact(KernelMountsNfs))


@deploy("Guest")
def deploy_guest(topology: Topology) -> None:
    """Fetched by a hypervisor; its share, if it mounts one, must be there before."""
    fetched(
        name="Kernel and initramfs, fetched",
        topology=topology,
        mounted=_is_mounted(topology.share),
    )
