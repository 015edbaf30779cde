"""What every deploy needs to know of the host it runs for."""

from functools import cache
from pathlib import Path

from pyinfra import logger
from pyinfra.api.exceptions import OperationError
from pyinfra.api.host import Host

from miglab.declaration import load
from miglab.errors import UsageError
from miglab.packages import Family
from miglab.provision.facts.system import OsRelease
from miglab.roles import chosen
from miglab.topology import Node, Topology

OLDEST_RHEL = 9


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


def roles(host: Host, topology: Topology) -> frozenset[str]:
    """What this run is about: all, or what ``--data only=…`` says; OperationError if it cannot.

    A guest that is somebody's own is there already, with whatever it needs.
    """
    try:
        wanted = chosen(host.data.get("only"))
    except UsageError as error:
        raise OperationError(f"{host.name}: {error}") from None
    return wanted - {"guest"} if topology.guest.foreign else wanted


def family(host: Host) -> Family:
    """Which family of distributions ``host`` runs; raises OperationError for others.

    It is asked once for each host, since no run changes it, and remembered with the host: pyinfra's
    ``host`` is a proxy, which as a key of our own would mean whichever host lies at one address.
    """
    if "miglab_family" not in host.connector_data:
        host.connector_data["miglab_family"] = _family(host)
    known: Family = host.connector_data["miglab_family"]
    return known


def require_debian(host: Host, why: str) -> None:
    """``why`` no other family will do; raises OperationError on another."""
    if (found := family(host)) != "debian":
        raise OperationError(
            f"{host.name}: expected the Debian family, {why}, found {found};"
            " share.kind nfs works on both"
        )


def _family(host: Host) -> Family:
    release = host.get_fact(OsRelease)
    kin = {release.get("ID", ""), *release.get("ID_LIKE", "").split()} - {""}
    if kin & {"debian", "ubuntu"}:
        return "debian"
    found = " ".join(sorted(kin)) or "no /etc/os-release"
    if not kin & {"rhel", "fedora", "centos"}:
        raise OperationError(f"{host.name}: expected the Debian or RHEL family, found {found}")
    version = release.get("VERSION_ID", "")
    if (major := version.partition(".")[0]).isdecimal() and int(major) < OLDEST_RHEL:
        name = release.get("NAME", found)
        raise OperationError(
            f"{host.name}: expected release {OLDEST_RHEL} or later of the RHEL family, found {name}"
            f" {version}, whose systemd, libvirt and QEMU are too old for this lab"
        )
    return "redhat"


def say(host: Host, line: str) -> None:
    """Tells the user ``line``, once: pyinfra asks operations twice, to plan and to do."""
    if host.state.is_executing:
        logger.warning(f"{host.print_prefix}{line}")
