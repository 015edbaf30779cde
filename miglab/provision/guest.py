"""The guest's kernel and initramfs: built on the storage node, fetched over the share by the hypervisors."""

import io
import tarfile
from collections.abc import Iterator

from pyinfra import host
from pyinfra.api.command import FileUploadCommand
from pyinfra.api.deploy import deploy
from pyinfra.api.operation import operation

from miglab.guest.boot import FILES, boot_directory, payload_digest, payload_sources
from miglab.packages import GUEST_BUILD
from miglab.provision.facts import Exists, KernelMountsNfs
from miglab.provision.packages import install
from miglab.topology import Node, Share, Topology


@operation()
def built(builder: str, share: Share) -> Iterator[str | FileUploadCommand]:
    """On ``builder``: kernel and initramfs lie on the share, in a directory named by what they are made of."""
    if host.data.node != builder:
        host.noop(f"{builder} builds for all")
        return
    directory, owner = share.path / "boot" / payload_digest(), share.owner
    if host.get_fact(Exists, paths=tuple(str(directory / name) for name in FILES)):
        host.noop("the guest is built already")
        return
    work = f"/var/tmp/miglab-guest-{payload_digest()}"
    yield f"rm -rf {work} && mkdir -p {work}/payload {work}/out"
    yield FileUploadCommand(io.BytesIO(payload_archive()), f"{work}/payload.tar")
    yield f"tar -xf {work}/payload.tar -C {work}/payload"
    yield f"sh {work}/payload/build.sh {work}/out >{work}/log 2>&1 || {{ tail -n 3 {work}/log >&2; exit 1; }}"
    yield f"mkdir -p {directory.parent} && rm -rf {directory} && mv {work}/out {directory} && rm -rf {work}"
    yield f"chown -R {owner}:{owner} {directory.parent} && chmod -R u=rwX,go=rX {directory.parent}"


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
def fetched(share: Share, server: str, mounted: bool) -> Iterator[str]:
    """The files lie at the same local path on every hypervisor: a target opens them too."""
    local = boot_directory()
    if host.get_fact(Exists, paths=tuple(str(local / name) for name in FILES)):
        host.noop("the guest's kernel is here already")
        return
    remote = share.path / "boot" / payload_digest()
    yield f"rm -rf {local}.new && mkdir -p {local}.new"
    for name in FILES:
        yield copy_command(share, server, mounted, str(remote / name), f"{local}.new/{name}")
    yield f"rm -rf {local} && mv {local}.new {local} && chmod -R u=rwX,go=rX {local}"


def copy_command(share: Share, server: str, mounted: bool, remote: str, local: str) -> str:
    """Reads from the mounted share, or by the NFS client that QEMU itself uses."""
    if mounted:
        return f"cp {remote} {local}"
    identity = f"uid={share.owner}&gid={share.owner}"
    return f"timeout 60 nfs-cp 'nfs://{server}{remote}?{identity}' {local}"


@deploy("Guest")
def deploy_guest(topology: Topology, node: Node) -> None:
    """Built on the storage node, then fetched by every hypervisor.

    Every host takes part in the building, though all but one have nothing to do: pyinfra keeps
    the order of operations that hosts share, and no other between hosts.
    """
    builder = topology.storage.name
    if node.name == builder:
        install("to build the guest", GUEST_BUILD)
    built(name="Kernel and initramfs, built", builder=builder, share=topology.share)
    if node.role == "hypervisor":
        server = str(topology.storage.address)
        mounted = host.get_fact(KernelMountsNfs)
        fetched(
            name="Kernel and initramfs, fetched",
            share=topology.share,
            server=server,
            mounted=mounted,
        )
