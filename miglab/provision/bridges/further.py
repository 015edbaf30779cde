"""What a NIC has besides the node's address: a bridge of ours would silently take it away."""

from collections.abc import Iterator
from ipaddress import IPv4Interface

from miglab.provision.bridges.wanted import Found
from miglab.topology import Network, Node

STACKED = {"vlan", "macvlan", "macvtap", "ipvlan", "ipvtap"}


def further(
    network: Network, node: Node, nic: str, found: Found, routes: list[str]
) -> Iterator[str]:
    """In words, each thing that ``nic`` would lose."""
    here = found[nic]
    yield from _addresses(node, here["addresses"], here["leased"])
    yield from here["static6"]
    yield from (f"a route to {route}" for route in routes)
    for name, each in found.items():
        if each["over"] == nic and each["kind"] in STACKED and name != network.bridge:
            yield f"{name} over it"


def _addresses(node: Node, addresses: list[str], leased: list[str]) -> list[str]:
    """Those that are not the node's; one alone that came by DHCP makes way for it."""
    others = [
        address
        for address in addresses
        if (known := IPv4Interface(address)).ip != node.address and not known.is_link_local
    ]
    return [] if others == addresses == leased and len(others) == 1 else others
