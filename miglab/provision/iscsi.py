"""The guest's disk by iSCSI: tgt serves it from user space to exactly the hypervisors.

A second, read-only LUN holds what the guest boots, so that hypervisors fetch it the same way.
"""

from collections.abc import Generator, Iterator

from pyinfra import host
from pyinfra.api.deploy import deploy
from pyinfra.api.exceptions import OperationError
from pyinfra.api.operation import operation
from pyinfra.operations import systemd

from miglab.packages import ISCSI_TARGET
from miglab.provision.block import WRITTEN
from miglab.provision.context import require_debian
from miglab.provision.exports import clients
from miglab.provision.facts.iscsi import Served, Targets
from miglab.provision.file import file
from miglab.provision.owned import directory, disk
from miglab.provision.packages import install
from miglab.topology import BOOT_LUN, DISK_LUN, ISCSI_PORT, Topology

BOOT_BYTES = 64 << 20  # sparse; a kernel and its initramfs are a quarter of it
CONFIG = "/etc/tgt/conf.d/miglab.conf"
TARGET = """\
<target {iqn}>
  <backing-store {disk}>
    lun {disk_lun}
  </backing-store>
  <backing-store {boot}>
    lun {boot_lun}
    readonly 1
  </backing-store>
{clients}</target>
"""

UNIT = "/etc/systemd/system/tgt.service.d/miglab.conf"
DROP_IN = """\
[Service]
# Where it cannot listen at the address that it was told, it listens at all.
ExecStartPre=/bin/sh -c 'until ip -4 -o address show to {address} | grep -q .; do sleep 0.2; done'
ExecStart=
ExecStart=/usr/sbin/tgtd -f --iscsi portal={address}:{port}
RestartSec=1
# Of root's rights it needs one: to open images that are another's.
CapabilityBoundingSet=CAP_DAC_OVERRIDE
ProtectSystem=strict
RuntimeDirectory=tgtd
ReadWritePaths={path}
NoNewPrivileges=yes
"""


def target_config(topology: Topology) -> str:
    """tgt's own account of the target, which it reads when it starts."""
    allowed = (f"  initiator-address {client}\n" for client in clients(topology))
    return WRITTEN + TARGET.format(
        iqn=topology.iqn,
        disk=topology.share.path / f"{topology.guest.name}.img",
        disk_lun=DISK_LUN,
        boot=topology.share.boot_archive,
        boot_lun=BOOT_LUN,
        clients="".join(allowed),
    )


def drop_in(topology: Topology) -> str:
    """What changes in the unit of tgt's package: it listens at one address, without privileges."""
    address, path = topology.storage.address, topology.share.path
    return WRITTEN + DROP_IN.format(address=address, port=ISCSI_PORT, path=path)


@operation()
def served(topology: Topology) -> Generator[str]:
    """What tgt serves now is what its configuration says."""
    found = host.get_fact(Targets)
    ours = topology.iqn.partition(":")[0]
    if others := sorted(name for name in found if not name.startswith(f"{ours}:")):
        raise OperationError(
            f"{host.name}: expected tgt to serve no target but ours, found {', '.join(others)};"
            " by our settings it could not serve them any more"
        )
    yield from served_commands(topology, found.get(topology.iqn))


def served_commands(topology: Topology, found: Served | None) -> Iterator[str]:
    """Makes what is ``found`` as declared; sessions of clients that stay are not touched."""
    share, wanted = topology.share, clients(topology)
    disks = {
        DISK_LUN: str(share.path / f"{topology.guest.name}.img"),
        BOOT_LUN: str(share.boot_archive),
    }
    if found is None or found.disks != disks:
        yield f"tgt-admin --force --update {topology.iqn}"
        return
    for client in [*wanted, *found.clients]:
        if (client in wanted) != (client in found.clients):
            verb = "bind" if client in wanted else "unbind"
            yield (
                f"tgtadm --lld iscsi --mode target --op {verb} --tid {found.tid}"
                f" --initiator-address {client}"
            )


@deploy("Storage")
def deploy_target(topology: Topology) -> None:
    """The iSCSI target: directory, images, configuration, service; the Debian family only."""
    require_debian(host, "whose tgt serves iSCSI from user space")
    share, guest = topology.share, topology.guest
    install("iSCSI target", ISCSI_TARGET)
    directory(name="The shared directory", path=str(share.path), owner=share.owner)
    for what, path, size in (
        ("The guest's disk image", share.path / f"{guest.name}.img", int(guest.disk)),
        ("The image with what it boots", share.boot_archive, BOOT_BYTES),
    ):
        disk(name=what, path=str(path), size=size, owner=share.owner)
    file(name="The target, for the hypervisors", path=CONFIG, text=target_config(topology))
    _service(topology)
    served(name="The target is served as declared", topology=topology)


def _service(topology: Topology) -> None:
    unit = file(name="tgt listens at one address", path=UNIT, text=drop_in(topology))
    systemd.daemon_reload(name="systemd knows of it", _if=unit.did_change)
    systemd.service(
        name="tgt takes it up", service="tgt.service", restarted=True, _if=unit.did_change
    )
    systemd.service(name="tgt runs", service="tgt.service", running=True, enabled=True)
