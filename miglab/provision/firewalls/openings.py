"""Who must be let in where: between the lab's own hosts, and nobody else."""

from dataclasses import dataclass
from ipaddress import IPv4Address

from miglab.provision.exports import MOUNTD_PORT, NFS_PORT, RPCBIND_PORT
from miglab.topology import ISCSI_PORT, Node, Topology

SSH = "22"
MIGRATION = "49152-49215"  # libvirt's default, one for each migration at a time


@dataclass(frozen=True)
class Opening:
    """TCP ``ports``, numbers or ranges, for one other host."""

    source: IPv4Address
    ports: tuple[str, ...]


def openings(topology: Topology, node: Node) -> tuple[Opening, ...]:
    """The share for the hypervisors, unless it is somebody's; ssh and migrations between them."""
    ports = (SSH, MIGRATION) if node.role == "hypervisor" else share_ports(topology)
    if not ports:
        return ()
    others = (peer for peer in topology.hypervisors if peer.name != node.name)
    return tuple(Opening(peer.address, ports) for peer in others)


def share_ports(topology: Topology) -> tuple[str, ...]:
    """One is enough for iSCSI and NFSv4; clients of NFSv3 ask rpcbind and mountd besides.

    A share that exists is let through by whoever serves it.
    """
    if topology.share.existing:
        return ()
    if topology.share.kind == "iscsi":
        return (str(ISCSI_PORT),)
    v3 = topology.share.version == "3"
    return tuple(str(port) for port in (NFS_PORT, *((RPCBIND_PORT, MOUNTD_PORT) if v3 else ())))
