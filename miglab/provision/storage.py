"""The share: served to exactly the hypervisors, and mounted by those whose kernel can."""

from collections.abc import Iterator
from io import StringIO

from pyinfra import host
from pyinfra.api.deploy import deploy
from pyinfra.api.operation import operation
from pyinfra.operations import files, server, systemd

from miglab.packages import KERNEL_NFS, NFS_MOUNT, USER_NFS
from miglab.provision.exports import ganesha_config, kernel_exports
from miglab.provision.facts import GaneshaVersion, KernelMountsNfs, KernelServesNfs, Owner
from miglab.provision.packages import install
from miglab.provision.pool import pool
from miglab.topology import Topology

MOUNT_UNIT = """\
# Written by miglab from the declaration: changes are overwritten.
[Unit]
Description=The share with the guests' images
Wants=network-online.target
After=network-online.target

[Mount]
What={address}:{path}
Where={path}
Type=nfs
Options=vers=4.2,hard,_netdev

[Install]
WantedBy=remote-fs.target
"""


@operation()
def directory(path: str, owner: int) -> Iterator[str]:
    """A directory that QEMU's number owns and others cannot enter."""
    yield from owned_commands(
        path, f"mkdir -p {path}", owner, "750", host.get_fact(Owner, path=path)
    )


@operation()
def disk(path: str, size: int, owner: int) -> Iterator[str]:
    """A raw image of ``size`` bytes for QEMU; the content of one that is there is never touched."""
    make = f"truncate --size={size} {path}"
    yield from owned_commands(path, make, owner, "660", host.get_fact(Owner, path=path))


def owned_commands(path: str, make: str, owner: int, mode: str, found: str | None) -> Iterator[str]:
    """Makes ``path`` if it is not ``found``, and gives it owner and mode if they differ."""
    if found is None:
        yield make
    if found != f"{owner}:{owner} {mode}":
        yield f"chown {owner}:{owner} {path} && chmod {mode} {path}"


@deploy("Storage")
def deploy_storage(topology: Topology) -> None:
    """The NFS server: directory, image, exports, services in the tutorial's order."""
    share, guest = topology.share, topology.guest
    kernel = host.get_fact(KernelServesNfs)
    install("NFS server", KERNEL_NFS if kernel else USER_NFS)
    directory(name="The shared directory", path=str(share.path), owner=share.owner)
    disk(
        name="The guest's disk image",
        path=str(share.path / f"{guest.name}.img"),
        size=int(guest.disk),
        owner=share.owner,
    )
    systemd.service(name="rpcbind runs first", service="rpcbind.socket", running=True, enabled=True)
    (_kernel_server if kernel else _ganesha)(topology)


def _kernel_server(topology: Topology) -> None:
    exports = files.put(
        name="Exports to the hypervisors",
        src=StringIO(kernel_exports(topology)),
        dest="/etc/exports.d/miglab.exports",
        mode="0644",
    )
    systemd.service(
        name="NFS server runs", service="nfs-server.service", running=True, enabled=True
    )
    server.shell(name="Exports take effect", commands=["exportfs -ra"], _if=exports.did_change)


def _ganesha(topology: Topology) -> None:
    exports = files.put(
        name="Exports to the hypervisors",
        src=StringIO(ganesha_config(topology, host.get_fact(GaneshaVersion))),
        dest="/etc/ganesha/ganesha.conf",
        mode="0644",
    )
    systemd.service(
        name="Exports take effect",
        service="nfs-ganesha.service",
        restarted=True,
        _if=exports.did_change,
    )
    systemd.service(
        name="NFS server runs", service="nfs-ganesha.service", running=True, enabled=True
    )


@deploy("Share")
def deploy_share(topology: Topology) -> None:
    """The share on a hypervisor: mounted, with a pool over it, where its kernel can.

    Elsewhere QEMU is its own NFS client and there is nothing to mount.
    """
    if not host.get_fact(KernelMountsNfs):
        return
    share = topology.share
    install("NFS client", NFS_MOUNT)
    unit = str(share.path).strip("/").replace("-", r"\x2d").replace("/", "-") + ".mount"
    files.directory(name="The mount point", path=str(share.path))
    mount = files.put(
        name="The mount, after the network",
        src=StringIO(MOUNT_UNIT.format(address=topology.storage.address, path=share.path)),
        dest=f"/etc/systemd/system/{unit}",
        mode="0644",
    )
    systemd.daemon_reload(name="systemd knows the mount", _if=mount.did_change)
    systemd.service(name="The share is mounted", service=unit, running=True, enabled=True)
    pool(name="The libvirt pool over the share", pool_name=share.path.name, path=str(share.path))
