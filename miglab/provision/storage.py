"""The share: served to exactly the hypervisors, and mounted by those whose kernel can."""

from collections.abc import Generator
from pathlib import PurePosixPath
from typing import Any

from pyinfra import host
from pyinfra.api.deploy import deploy
from pyinfra.api.exceptions import OperationError
from pyinfra.api.operation import operation
from pyinfra.operations import files, selinux, server, systemd
from pyinfra.operations.selinux import Boolean

from miglab.packages import KERNEL_NFS, NFS_MOUNT, USER_NFS
from miglab.provision.block import WRITTEN
from miglab.provision.bridge import waited_for
from miglab.provision.context import family, require_debian
from miglab.provision.daemons import storage_daemons
from miglab.provision.exports import (
    GANESHA_CONF,
    MOUNT_OPTIONS,
    NFS_CONF,
    ganesha_config,
    kernel_exports,
    others_exports,
    unexport_commands,
)
from miglab.provision.facts.storage import (
    GaneshaVersion,
    KernelMountsNfs,
    KernelServesNfs,
    Mounted,
    Occupied,
)
from miglab.provision.facts.system import Selinux, Text
from miglab.provision.file import absent, file
from miglab.provision.owned import directory, disk
from miglab.provision.packages import install
from miglab.provision.pool import pool
from miglab.topology import Node, Topology

SERVER_CONF = "/etc/nfs.conf.d/miglab.conf"
EXPORTS = "/etc/exports.d/miglab.exports"

MOUNT_UNIT = """\
[Unit]
Description=The share with the guests' images
Wants=network-online.target
After=network-online.target

[Mount]
What={address}:{path}
Where={path}
Type=nfs
Options={options},hard,_netdev

[Install]
WantedBy=remote-fs.target
"""


@operation()
def ganesha_configured(topology: Topology) -> Generator[Any]:
    """ganesha's configuration, for the version that is there once its package is installed."""
    found = host.get_fact(Text, path=GANESHA_CONF) or ""
    if others := others_exports(found):
        raise OperationError(
            f"{host.name}: {GANESHA_CONF}: expected no exports but ours, found {', '.join(others)},"
            " which would be lost; `share.existing: true` leaves the server as it is"
        )
    text = ganesha_config(topology, host.get_fact(GaneshaVersion))
    yield from file._inner(path=GANESHA_CONF, text=text)


@deploy("Storage")
def deploy_storage(topology: Topology) -> None:
    """The NFS server: directory, image, exports, services in the tutorial's order.

    Of a share that exists nothing is touched; our own guest's disk is put beside what is there.
    """
    share = topology.share
    kernel = host.get_fact(KernelServesNfs)
    if not share.existing:
        install("NFS server", KERNEL_NFS if kernel else USER_NFS)
        directory(name="The shared directory", path=str(share.path), owner=share.owner)
    if topology.guest.ours:  # another's disk is not empty, and is there before it is first started
        disk(
            name="The guest's disk image",
            path=str(share.path / f"{topology.guest.name}.img"),
            size=int(topology.guest.disk),
            owner=share.owner,
        )
    if share.existing:
        return
    systemd.service(name="rpcbind runs first", service="rpcbind.socket", running=True, enabled=True)
    (_kernel_server if kernel else _ganesha)(topology)


def _kernel_server(topology: Topology) -> None:
    ports = (
        file(name="Ports of NFSv3", path=SERVER_CONF, text=NFS_CONF)
        if topology.share.version == "3"
        else absent(name="No ports of NFSv3", path=SERVER_CONF)
    )
    systemd.service(
        name="Ports take effect", service="nfs-server.service", restarted=True, _if=ports.did_change
    )
    before = host.get_fact(Text, path=EXPORTS)
    exports = file(name="Exports to the hypervisors", path=EXPORTS, text=kernel_exports(topology))
    systemd.service(
        name="NFS server runs", service="nfs-server.service", running=True, enabled=True
    )
    server.shell(
        name="Exports take effect",
        commands=[*unexport_commands(topology, before), "exportfs -a"],
        _if=exports.did_change,
    )


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
def deploy_share(topology: Topology, node: Node) -> None:
    """The share on a hypervisor: mounted, with a pool over it, where its kernel can.

    Elsewhere QEMU is its own NFS client and there is nothing to mount. The RHEL family's QEMU is
    built without it; there a kernel that cannot mount raises OperationError. With iSCSI there is
    never anything to mount, and the RHEL family's QEMU cannot take it. A share that exists is
    mounted wherever its owner wants it to be.
    """
    if topology.share.existing:
        return
    if topology.share.kind == "iscsi":
        require_debian(host, "whose QEMU is an iSCSI initiator of its own")
        return
    kin = family(host)
    if not host.get_fact(KernelMountsNfs):
        if kin == "redhat":
            raise OperationError(
                f"{host.name}: expected a kernel that mounts NFS, since this QEMU has no"
                " NFS client of its own; found none (is the module nfsv4 installed?)"
            )
        return
    _require_mount_point(topology)
    install("NFS client", NFS_MOUNT)
    if host.get_fact(Selinux):
        selinux.boolean(
            name="QEMU may use NFS", bool_name="virt_use_nfs", value=Boolean.ON, persistent=True
        )
    waited_for(name="The network is waited for at boot", network=topology.network, node=node)
    _mount(topology)
    path = topology.share.path
    pool(name="The libvirt pool over the share", pool_name=path.name, path=str(path))


def _require_mount_point(topology: Topology) -> None:
    """Raises OperationError where somebody else's mount or files are at the share's path."""
    path = topology.share.path
    ours = f"/etc/systemd/system/{mount_unit(path)}"
    mounted = host.get_fact(Mounted, path=str(path))
    if mounted and not host.get_fact(Text, path=ours):
        raise OperationError(
            f"{host.name}: {path}: expected nothing mounted there but by miglab, found a mount;"
            " `share.existing: true` leaves it as it is"
        )
    if not mounted and host.get_fact(Occupied, path=str(path)):
        raise OperationError(
            f"{host.name}: {path}: expected an empty directory to mount the share over, found files"
            " of this host's own; move them, or declare another share.path"
        )


def _mount(topology: Topology) -> None:
    path = topology.share.path
    unit = mount_unit(path)
    files.directory(name="The mount point", path=str(path))
    mount = file(
        name="The mount, after the network",
        path=f"/etc/systemd/system/{unit}",
        text=mount_text(topology),
    )
    later = [
        file(
            name=f"{daemon} starts after the mount",
            path=f"/etc/systemd/system/{daemon}.service.d/miglab.conf",
            text=f"{WRITTEN}[Unit]\nAfter={unit}\n",
        )
        for daemon in storage_daemons(host)
    ]
    systemd.daemon_reload(
        name="systemd knows the mount",
        _if=lambda: any(change.did_change() for change in (mount, *later)),
    )
    systemd.service(name="The share is mounted", service=unit, running=True, enabled=True)


def mount_text(topology: Topology) -> str:
    """The unit that mounts the share."""
    share = topology.share
    return WRITTEN + MOUNT_UNIT.format(
        address=topology.storage.address, path=share.path, options=MOUNT_OPTIONS[share.version]
    )


def mount_unit(path: PurePosixPath) -> str:
    """The name that systemd demands of a unit that mounts ``path`` (systemd.unit(5), escaping)."""
    escaped = str(path).strip("/").replace("-", r"\x2d").replace("/", "-")
    return escaped.replace(".", r"\x2e", 1 if escaped.startswith(".") else 0) + ".mount"
