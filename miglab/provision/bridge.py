"""A bridge over the NIC that takes over its address, by whichever network manager rules the host.

The address moves within one reload of the manager, so the ssh connection that does it survives:
the bridge has the NIC's own MAC, and nobody's ARP cache is wrong for a moment. Should the host be
cut off all the same, it puts its former network back by itself.
"""

from collections.abc import Callable, Generator, Iterable
from typing import Any

from pyinfra import host
from pyinfra.api.exceptions import OperationError
from pyinfra.api.operation import operation

from miglab.provision.block import block_lines
from miglab.provision.bridges import ifupdown, netplan, network_manager, networkd
from miglab.provision.bridges.further import further
from miglab.provision.bridges.wanted import (
    Bridge,
    Found,
    NicError,
    find_nic,
    holds,
    keeps_gateway,
    kept_servers,
)
from miglab.provision.context import say
from miglab.provision.facts.network import (
    Connection,
    DefaultRoutes,
    Interfaces,
    NameServers,
    OurBridge,
    Ruler,
    StaticRoutes,
)
from miglab.provision.facts.system import ActiveUnits, Disabled, Text
from miglab.provision.guard import Guard, guarded
from miglab.topology import Network, Node

Plan = tuple[Guard, Iterable[str]]
RULERS = {  # who rules a NIC that none of them names: the one that runs
    "systemd-networkd.service": "networkd",
    "NetworkManager.service": "NetworkManager",
    "networking.service": "ifupdown",
}

WAITERS = {
    "networkd": "systemd-networkd-wait-online.service",
    "netplan": "systemd-networkd-wait-online.service",
    "NetworkManager": "NetworkManager-wait-online.service",
    "ifupdown": None,  # its networking.service is itself before network-online.target
}


@operation()
def bridge(network: Network, node: Node) -> Generator[Any]:
    """``network.bridge`` holds the node's address and has its NIC as its port.

    One that holds it already and is somebody else's work stays as it is, whatever it lies over.
    """
    found = host.get_fact(Interfaces)
    ours = host.get_fact(OurBridge, bridge=network.bridge)
    if holds(network, node, found) and not ours:
        host.noop(f"{network.bridge} is there, and was not made by miglab")
        return
    nic = _nic(network, node)
    if not ours:
        _require_nothing_further(network, node, nic, found)
    if nic != network.nic:
        say(host, f"{nic} is taken for {network.nic}")
    guard, commands = PLANS[ruler(nic)](network, node, nic, found)
    if steps := list(commands):
        yield from guarded(guard, steps)


@operation()
def waited_for(network: Network, node: Node) -> Generator[str]:
    """``network-online.target`` comes once the manager that rules the NIC has it up."""
    waiter = WAITERS[ruler(_nic(network, node))]
    if waiter and host.get_fact(Disabled, unit=waiter):  # one that is masked is so by choice
        yield f"systemctl enable {waiter}"


def _nic(network: Network, node: Node) -> str:
    try:
        return find_nic(network, node, host.get_fact(Interfaces))
    except NicError as error:
        raise OperationError(f"{host.name}: {error}") from None


def _require_nothing_further(network: Network, node: Node, nic: str, found: Found) -> None:
    """Raises OperationError where the NIC has more than the bridge would take over."""
    routes = host.get_fact(StaticRoutes, nic=nic)
    if more := list(further(network, node, nic, found, routes)):
        address = network.interface(node.address)
        raise OperationError(
            f"{host.name}: {nic}: expected no more on it than {address}, which {network.bridge}"
            f" takes over, found {', '.join(more)}; make the bridge {network.bridge} with"
            f" {address} yourself, and it stays as it is"
        )


def ruler(nic: str) -> str:
    """Who rules ``nic`` on this host; raises OperationError for a manager that is not known."""
    if named := host.get_fact(Ruler, nic=nic):
        return named
    units = host.get_fact(ActiveUnits)
    for unit, name in RULERS.items():
        if unit in units:
            return name
    raise OperationError(
        f"{host.name}: expected systemd-networkd, netplan, NetworkManager or ifupdown to rule the"
        " network, found none of them"
    )


def _wanted(network: Network, node: Node, nic: str, found: Found, own: str) -> Bridge:
    """The bridge, with what it takes over from the NIC; ``own`` is what we wrote before."""
    way = keeps_gateway(network.bridge, nic, host.get_fact(DefaultRoutes), own)
    servers = host.get_fact(NameServers, links=(nic, network.bridge))
    return Bridge(
        name=network.bridge,
        nic=nic,
        mac=found[nic]["mac"],
        address=network.interface(node.address),
        gateway=network.gateway if way else None,
        servers=tuple(servers) or kept_servers(own),
    )


def _networkd(network: Network, node: Node, nic: str, found: Found) -> Plan:
    paths = networkd.paths(network.bridge, nic)
    present = {path: host.get_fact(Text, path=path) for path in paths}
    own = "".join(text or "" for text in present.values())
    wanted = _wanted(network, node, nic, found, own)
    return networkd.guard(wanted, found), networkd.commands(wanted, present, found)


def _netplan(network: Network, node: Node, nic: str, found: Found) -> Plan:
    present = host.get_fact(Text, path=netplan.PATH)
    wanted = _wanted(network, node, nic, found, present or "")
    return netplan.guard(wanted, found), netplan.commands(wanted, present, found)


def _ifupdown(network: Network, node: Node, nic: str, found: Found) -> Plan:
    present = host.get_fact(Text, path=ifupdown.PATH)
    wanted = _wanted(network, node, nic, found, "\n".join(block_lines(present or "")))
    return ifupdown.guard(wanted, found), ifupdown.commands(wanted, present, found)


def _network_manager(network: Network, node: Node, nic: str, found: Found) -> Plan:
    names = (network.bridge, network_manager.port_name(network.bridge, nic))
    profiles = {name: host.get_fact(Connection, connection=name) for name in names}
    own = network_manager.stated_gateway(profiles[network.bridge])
    wanted = _wanted(network, node, nic, found, own)
    return network_manager.guard(wanted, found), network_manager.commands(wanted, profiles, found)


PLANS: dict[str, Callable[[Network, Node, str, Found], Plan]] = {
    "networkd": _networkd,
    "netplan": _netplan,
    "NetworkManager": _network_manager,
    "ifupdown": _ifupdown,
}
