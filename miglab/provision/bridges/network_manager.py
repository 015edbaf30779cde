"""The bridge by NetworkManager (the RHEL family): a connection for it, and one for its port."""

from collections.abc import Iterator

from miglab.provision.bridges.wanted import Bridge, Found, await_address, is_applied
from miglab.provision.guard import Guard

DIRECTORY = "/etc/NetworkManager/system-connections"
Profiles = dict[str, dict[str, str]]


def port_name(bridge: str, nic: str) -> str:
    """The connection that makes the NIC a port of the bridge."""
    return f"{bridge}-{nic}"


def connections(bridge: Bridge) -> Profiles:
    """Name → settings of the two connections that make the bridge persistent.

    The port's priority lets it win, at boot, over the connection that the NIC came with.
    """
    return {
        bridge.name: {
            "connection.interface-name": bridge.name,
            "bridge.stp": "no",
            "bridge.mac-address": bridge.mac,
            "ipv4.method": "manual",
            "ipv4.addresses": bridge.address,
            "ipv4.gateway": str(bridge.gateway or ""),
            "ipv6.method": "link-local",
        },
        port_name(bridge.name, bridge.nic): {
            "connection.interface-name": bridge.nic,
            "connection.autoconnect-priority": "100",
        },
    }


def stated_gateway(found: dict[str, str]) -> str:
    """Says that the bridge's connection has a gateway, if it has."""
    value = found.get("ipv4.gateway", "").replace("--", "")
    return f"gateway {value}" if value else ""


def guard(bridge: Bridge, found: Found) -> Guard:
    """Without our connections, NetworkManager gives the NIC the one that it had."""
    names = (bridge.name, port_name(bridge.name, bridge.nic))
    made = bridge.name not in found
    again = f"nmcli connection up {bridge.name}; " if not made else ""
    return Guard(
        name=bridge.name,
        paths=tuple(f"{DIRECTORY}/{name}.nmconnection" for name in names),
        release=f"nmcli connection delete {' '.join(names)}; ip link delete {bridge.name}"
        if made
        else "",
        restore=f"nmcli connection reload; {again}nmcli device connect {bridge.nic}",
    )


def commands(bridge: Bridge, profiles: Profiles, found: Found) -> Iterator[str]:
    """Makes or mends the connections that differ; activates them then, or if they drifted."""
    changes = [
        _connection(bridge, name, profiles[name], settings)
        for name, settings in connections(bridge).items()
        if not _holds(profiles[name], settings)
    ]
    yield from changes
    if changes or not is_applied(bridge, found):
        # one command: between the two this host may be out of reach
        port = port_name(bridge.name, bridge.nic)
        yield f"nmcli connection up {port} && nmcli connection up {bridge.name}"
        yield await_address(bridge)


def _holds(found: dict[str, str], settings: dict[str, str]) -> bool:
    """Whether all ``settings`` are ``found``; a MAC is the same in capitals, nothing is ``--``."""
    shown = {key: value.replace("--", "").lower() for key, value in found.items()}
    return all(shown.get(key, "") == value.lower() for key, value in settings.items())


def _connection(bridge: Bridge, name: str, found: dict[str, str], settings: dict[str, str]) -> str:
    """Makes the connection ``name``, or makes the one that is there as it should be."""
    words = " ".join(f"{key} {value or repr('')}" for key, value in settings.items())
    if found:
        return f"nmcli connection modify {name} {words}"
    if name != bridge.name:
        return (
            f"nmcli connection add type ethernet con-name {name} ifname {bridge.nic}"
            f" master {bridge.name} {words}"
        )
    # the bridge takes over the NIC's name servers and firewall zone along with its address
    servers = f"nmcli -g IP4.DNS device show {bridge.nic} | tr -d ' ' | tr '|' ','"
    return (
        f"nmcli connection add type bridge con-name {name} ifname {name} {words}"
        f' ipv4.dns "$({servers})" connection.zone "$({zone(bridge.nic)})"'
    )


def zone(nic: str) -> str:
    """Prints the firewall zone of the connection that ``nic`` has now."""
    now = f"nmcli -g GENERAL.CON-UUID device show {nic}"
    return f'nmcli -g connection.zone connection show "$({now})"'
