"""What the bridge shall be on one host, whichever network manager makes it."""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Any

from miglab.topology import Network, Node

SERVERS = re.compile(r"(?:^DNS=|nameservers: \{addresses: \[)([^\]\n]+)", re.MULTILINE)
Found = dict[str, dict[str, Any]]  # as the fact Interfaces gives it


class NicError(ValueError):
    """There is nothing, or more than one thing, that the bridge could lie over."""


@dataclass(frozen=True)
class Bridge:
    """A bridge with the MAC and address of its NIC; ``gateway`` only if the NIC led to it."""

    name: str
    nic: str
    mac: str
    address: str
    gateway: IPv4Address | None = None
    servers: tuple[str, ...] = ()


def find_nic(network: Network, node: Node, found: Found) -> str:
    """The interface that holds the node's address; then the declared one; then by MAC.

    Once the bridge holds the address, its NIC is the port with its MAC. Raises NicError.
    """
    address, bridge = network.interface(node.address), found.get(network.bridge, {})
    others = {name: each for name, each in found.items() if name not in (network.bridge, "lo")}
    holders = [name for name, each in others.items() if address in each["addresses"]]
    if not holders and network.nic in others:
        return network.nic
    macs = {node.nic_mac, bridge.get("mac")}
    nics = holders or [
        name
        for name, each in others.items()
        if each["mac"] in macs and each["master"] in (None, network.bridge)
    ]
    if len(nics) != 1:
        listed = ", ".join(sorted(nics or others)) or "no interface"
        raise NicError(
            f"expected a network interface {network.nic}, or one with {address}"
            f" or {node.nic_mac}, found {listed}"
        )
    if others[nics[0]]["kind"] == "bridge":
        raise NicError(
            f"expected {address} on a network interface, found it on the bridge {nics[0]}:"
            f" declare `network.bridge: {nics[0]}`, or take the bridge away"
        )
    return nics[0]


def holds(network: Network, node: Node, found: Found) -> bool:
    """Whether a bridge of the declared name has the node's address."""
    bridge = found.get(network.bridge, {})
    address = network.interface(node.address)
    return bridge.get("kind") == "bridge" and address in bridge["addresses"]


def keeps_gateway(bridge: str, nic: str, ways: set[str], own: str) -> bool:
    """Whether the bridge is the way out: the NIC, or the bridge already, has a default route.

    ``ways`` are the interfaces that have one. Where none has for the moment, what we wrote before,
    ``own``, says it; where only another has, this network is not the way out.
    """
    return bool(ways & {bridge, nic}) if ways else "gateway" in own.lower()


def kept_servers(own: str) -> tuple[str, ...]:
    """The name servers in what we wrote before."""
    listed = SERVERS.findall(own)
    return tuple(word for each in listed for word in re.split(r"[, ]+", each))


def is_applied(bridge: Bridge, found: Found) -> bool:
    """Whether the running interfaces are as wanted."""
    return (
        found.get(bridge.name, {}).get("addresses") == [bridge.address]
        and found.get(bridge.nic, {}).get("master") == bridge.name
    )


def await_address(bridge: Bridge) -> str:
    """Ends when the bridge has its address, at most 15 s later."""
    shown = f"ip -4 address show dev {bridge.name} 2>/dev/null"
    return (
        f"timeout 15 sh -c 'until {shown} | grep -q {bridge.address}; do sleep 0.1; done'"
        f" || {{ echo '{bridge.name} did not get {bridge.address}' >&2; exit 1; }}"
    )
