"""The bridge by ifupdown, in our block of ``/etc/network/interfaces``.

A stanza that the NIC has, in whichever file, stays as it is: a mapping (interfaces(5)) has the NIC
brought up as another, logical interface. So it stays so when Vagrant writes its block anew.
"""

from collections.abc import Iterator

from miglab.provision.block import with_block, write_commands
from miglab.provision.bridges.wanted import Bridge, Found, await_address, is_applied
from miglab.provision.guard import Guard

PATH = "/etc/network/interfaces"


def block(bridge: Bridge) -> list[str]:
    """The stanzas. ``grep`` finds in the map the logical interface whose name holds the NIC's."""
    port = f"{bridge.name}-{bridge.nic}"
    make = f"ip link add name {bridge.name} address {bridge.mac} type bridge"
    return [
        f"mapping {bridge.nic}",
        "    script grep",
        f"    map {port}",
        "",
        f"iface {port} inet manual",
        "    up ip link set dev $IFACE up",
        "",
        f"auto {bridge.name}",
        f"iface {bridge.name} inet static",
        f"    address {bridge.address}",
        *([f"    gateway {bridge.gateway}"] if bridge.gateway else []),
        f"    pre-up ip link show dev $IFACE >/dev/null 2>&1 || {make}",
        f"    pre-up ip link set dev {bridge.nic} up master $IFACE",
    ]


def guard(bridge: Bridge, found: Found) -> Guard:
    """The NIC goes down as what it is now, and comes up as what it was."""
    made = bridge.name not in found
    down = f"ifdown --force {bridge.name} {bridge.nic}"
    return Guard(
        name=bridge.name,
        paths=(PATH,),
        release=f"{down}; ip link delete {bridge.name}" if made else down,
        restore=f"ifup --force {bridge.nic}; ifup --force {bridge.name}",
    )


def commands(bridge: Bridge, present: str | None, found: Found) -> Iterator[str]:
    """Writes the block if it differs; brings both up anew then, or if they drifted.

    The NIC goes down by the file that brought it up, so before another is in its place. All of it
    is one command: on the way this host may be out of reach.
    """
    wanted = with_block(present or "", block(bridge))
    write = list(write_commands(PATH, present, wanted, "0644"))
    if write or not is_applied(bridge, found):
        down = f"ifdown --force {bridge.name} {bridge.nic} 2>/dev/null"
        flush = f"ip -4 address flush dev {bridge.nic}"  # what nobody wrote down, too
        up = f"ifup --force {bridge.nic} {bridge.name}"
        yield from write[:-1]
        yield "; ".join([down, flush, *write[-1:], up])
        yield await_address(bridge)
