"""The bridge by systemd-networkd: files of which the NIC's sorts before what it had.

Guests' taps are none of networkd's: a file that matches every wire would take them off the bridge.
"""

from collections.abc import Iterator

from miglab.provision.block import WRITTEN, write_commands
from miglab.provision.bridges.wanted import Bridge, Found, await_address, is_applied
from miglab.provision.guard import Guard

DIRECTORY = "/etc/systemd/network"


def paths(bridge: str, nic: str) -> tuple[str, ...]:
    """The bridge, what lies on it, its port, and libvirt's taps."""
    return (
        f"{DIRECTORY}/10-{bridge}.netdev",
        f"{DIRECTORY}/10-{bridge}.network",
        f"{DIRECTORY}/10-{nic}.network",
        f"{DIRECTORY}/10-vnet.network",
    )


def contents(bridge: Bridge) -> dict[str, str]:
    """Path → content of the files that make the bridge persistent."""
    way = [f"Gateway={bridge.gateway}"] if bridge.gateway else []
    servers = [f"DNS={server}" for server in bridge.servers]
    sections = (
        f"[NetDev]\nName={bridge.name}\nKind=bridge\nMACAddress={bridge.mac}\n",
        f"[Match]\nName={bridge.name}\n\n"
        + "\n".join(["[Network]", f"Address={bridge.address}", *way, *servers, ""]),
        f"[Match]\nName={bridge.nic}\n\n[Network]\nBridge={bridge.name}\n",
        "[Match]\nName=vnet*\n\n[Link]\nUnmanaged=yes\n",
    )
    files = paths(bridge.name, bridge.nic)
    return {path: WRITTEN + text for path, text in zip(files, sections, strict=True)}


def guard(bridge: Bridge, found: Found) -> Guard:
    """The files as they were; without them, networkd gives the NIC what it had."""
    made = bridge.name not in found
    again = bridge.nic if made else f"{bridge.name} {bridge.nic}"
    return Guard(
        name=bridge.name,
        paths=paths(bridge.name, bridge.nic),
        release=f"ip link delete {bridge.name}" if made else "",
        restore=f"networkctl reload; networkctl reconfigure {again}",
    )


def commands(bridge: Bridge, present: dict[str, str | None], found: Found) -> Iterator[str]:
    """Writes the files that differ; reloads when one did, or the interfaces drifted."""
    wanted = contents(bridge)
    stale = [path for path, content in wanted.items() if present[path] != content]
    for path in stale:
        yield from write_commands(path, present[path], wanted[path], "0644")
    if stale or not is_applied(bridge, found):
        yield "networkctl reload"
        if bridge.name in found:
            yield f"networkctl reconfigure {bridge.name} {bridge.nic}"
        yield await_address(bridge)
