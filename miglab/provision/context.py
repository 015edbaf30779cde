"""What every deploy needs to know of the host it runs for."""

from functools import cache
from pathlib import Path

from pyinfra.api.exceptions import OperationError
from pyinfra.api.host import Host

from miglab.declaration import load
from miglab.packages import Family
from miglab.provision.facts.system import OsRelease
from miglab.topology import Node, Topology


@cache
def _load(path: str) -> Topology:
    return load(Path(path))


def topology(host: Host) -> Topology:
    """The declaration that ``host`` belongs to."""
    return _load(str(host.data.lab_topology))


def this_node(host: Host, topology: Topology) -> Node:
    """The node that ``host`` is; raises OperationError when it is none."""
    node = topology.node(host.data.node)
    if node is None:
        raise OperationError(f"{host.name}: the declaration names no node {host.data.node!r}")
    return node


def family(host: Host) -> Family:
    """Which family of distributions ``host`` runs; raises OperationError for others.

    It is asked once for each host, since no run changes it, and remembered with the host: pyinfra's
    ``host`` is a proxy, which as a key of our own would mean whichever host lies at one address.
    """
    if "miglab_family" not in host.connector_data:
        host.connector_data["miglab_family"] = _family(host)
    known: Family = host.connector_data["miglab_family"]
    return known


def _family(host: Host) -> Family:
    release = host.get_fact(OsRelease)
    kin = {release.get("ID", ""), *release.get("ID_LIKE", "").split()} - {""}
    if kin & {"debian", "ubuntu"}:
        return "debian"
    if kin & {"rhel", "fedora", "centos"}:
        return "redhat"
    found = " ".join(sorted(kin)) or "no /etc/os-release"
    raise OperationError(f"{host.name}: expected the Debian or RHEL family, found {found}")
