"""What every deploy needs to know of the host it runs for."""

from functools import cache
from pathlib import Path

from pyinfra.api.host import Host

from miglab.declaration import load
from miglab.packages import Family
from miglab.provision.facts import OsRelease
from miglab.topology import Node, Topology


@cache
def _load(path: str) -> Topology:
    return load(Path(path))


def topology(host: Host) -> Topology:
    """The declaration that ``host`` belongs to."""
    return _load(str(host.data.lab_topology))


def this_node(host: Host, topology: Topology) -> Node:
    """The node that ``host`` is."""
    node = topology.node(host.data.node)
    if node is None:
        raise LookupError(f"{host.name}: the declaration names no node {host.data.node!r}")
    return node


def family(host: Host) -> Family:
    """Which family of distributions ``host`` runs; raises LookupError for others."""
    release = host.get_fact(OsRelease)
    kin = {release.get("ID", ""), *release.get("ID_LIKE", "").split()}
    if kin & {"debian", "ubuntu"}:
        return "debian"
    if kin & {"rhel", "fedora", "centos"}:
        return "redhat"
    raise LookupError(f"{host.name}: expected the Debian or RHEL family, found {sorted(kin)}")
