"""The share: served to exactly the hypervisors, and mounted by those whose kernel can."""

from collections.abc import Generator, Iterator
from io import StringIO
from pathlib import PurePosixPath
from typing import Any

from pyinfra import host
from pyinfra.api.deploy import deploy
from pyinfra.api.exceptions import OperationError
from pyinfra.api.operation import operation
from pyinfra.operations import files, selinux, server, systemd
from pyinfra.operations.selinux import Boolean

from miglab.packages import KERNEL_NFS, NFS_MOUNT, USER_NFS
from miglab.provision.context import family
from miglab.provision.exports import ganesha_config, kernel_exports
from miglab.provision.facts.storage import GaneshaVersion, KernelMountsNfs, KernelServesNfs, Owner
from miglab.provision.facts.system import Selinux
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
def directory(path: str, owner: int) -> Generator[str]:
    """A directory that QEMU's number owns and others cannot enter."""
    found = host.get_fact(Owner, path=path)
    yield from owned_commands(path, f"mkdir -p {path}", owner, "750", found)


@operation()
def disk(path: str, size: int, owner: int) -> Generator[str]:
    """A raw image of ``size`` bytes for QEMU; the content of one that is there is never touched."""
    found = host.get_fact(Owner, path=path)
    yield from owned_commands(path, f"truncate --size={size} {path}", owner, "660", found)


def owned_commands(path: str, make: str, owner: int, mode: str, found: str | None) -> Iterator[str]:
    """Makes ``path`` if it is not ``found``, and gives it owner and mode if they differ."""
    if found is None:
        yield make
    if found != f"{owner}:{owner} {mode}":
        yield f"chown {owner}:{owner} {path} && chmod {mode} {path}"


@operation()
def ganesha_configured(topology: Topology) -> Generator[Any]:
    """ganesha's configuration, for the version that is there once its package is installed."""
    text = ganesha_config(topology, host.get_fact(GaneshaVersion))
    yield from files.put._inner(src=StringIO(text), dest="/etc/ganesha/ganesha.conf", mode="0644")


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
    exports = ganesha_configured(name="Exports to the hypervisors", topology=topology)
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

    Elsewhere QEMU is its own NFS client and there is nothing to mount. The RHEL family's QEMU is
    built without it; there a kernel that cannot mount raises OperationError.
    """
    kin = family(host)
    if not host.get_fact(KernelMountsNfs):
        if kin == "redhat":
            raise OperationError(
                f"{host.name}: expected a kernel that mounts NFS, since this QEMU has no"
                " NFS client of its own; found none (is the module nfsv4 installed?)"
            )
        return
    install("NFS client", NFS_MOUNT)
    if host.get_fact(Selinux):
        selinux.boolean(
            name="QEMU may use NFS", bool_name="virt_use_nfs", value=Boolean.ON, persistent=True
        )
    _mount(topology)
    path = topology.share.path
    pool(name="The libvirt pool over the share", pool_name=path.name, path=str(path))


def _mount(topology: Topology) -> None:
    path, address = topology.share.path, topology.storage.address
    unit = mount_unit(path)
    files.directory(name="The mount point", path=str(path))
    mount = files.put(
        name="The mount, after the network",
        src=StringIO(MOUNT_UNIT.format(address=address, path=path)),
        dest=f"/etc/systemd/system/{unit}",
        mode="0644",
    )
    systemd.daemon_reload(name="systemd knows the mount", _if=mount.did_change)
    systemd.service(name="The share is mounted", service=unit, running=True, enabled=True)


def mount_unit(path: PurePosixPath) -> str:
    """The name that systemd demands of a unit that mounts ``path`` (systemd.unit(5), escaping)."""
    escaped = str(path).strip("/").replace("-", r"\x2d").replace("/", "-")
    return escaped.replace(".", r"\x2e", 1 if escaped.startswith(".") else 0) + ".mount"
