"""A bridge over the NIC that takes over its address, by whichever network manager rules the host.

The address moves within one reload of the manager, so the ssh connection that does it survives:
the bridge has the NIC's own MAC, and nobody's ARP cache is wrong for a moment.
"""

from collections.abc import Generator, Iterator
from typing import Any

from pyinfra import host
from pyinfra.api.exceptions import OperationError
from pyinfra.api.operation import operation

from miglab.provision.block import write_commands
from miglab.provision.facts.network import Connection, Interfaces
from miglab.provision.facts.system import ActiveUnits, Text
from miglab.topology import Network, Node

NETDEV = "[NetDev]\nName={bridge}\nKind=bridge\nMACAddress={mac}\n"
BRIDGE = "[Match]\nName={bridge}\n\n[Network]\nAddress={address}\nGateway={gateway}\n"
NIC = "[Match]\nName={nic}\n\n[Network]\nBridge={bridge}\n"
NETWORKD = "/etc/systemd/network"

Found = dict[str, dict[str, Any]]  # as the fact Interfaces gives it


@operation()
def bridge(network: Network, node: Node) -> Generator[str]:
    """``network.bridge`` holds the node's address and has ``network.nic`` as its port."""
    units = host.get_fact(ActiveUnits)
    found = host.get_fact(Interfaces)
    if network.nic not in found:
        raise OperationError(f"{host.name}: expected a network interface {network.nic}, found none")
    if "systemd-networkd.service" in units:
        wanted = networkd_files(network, node, found[network.nic]["mac"])
        present = {path: host.get_fact(Text, path=path) for path in wanted}
        yield from networkd_commands(network, node, wanted, present, found)
    elif "NetworkManager.service" in units:
        names = (network.bridge, port_name(network))
        profiles = {name: host.get_fact(Connection, connection=name) for name in names}
        yield from network_manager_commands(network, node, profiles, found)
    else:
        raise OperationError(
            f"{host.name}: expected systemd-networkd or NetworkManager to rule the network,"
            " found neither"
        )


def is_applied(network: Network, node: Node, found: Found) -> bool:
    """Whether the running interfaces are as declared."""
    address = network.interface(node.address)
    return (
        found.get(network.bridge, {}).get("addresses") == [address]
        and found.get(network.nic, {}).get("master") == network.bridge
    )


def _await_address(network: Network, node: Node) -> str:
    """Ends when the bridge has its address, at most 15 s later."""
    shown = f"ip -4 address show dev {network.bridge} 2>/dev/null"
    return (
        f"timeout 15 sh -c 'until {shown} | grep -q {node.address}/; do sleep 0.1; done'"
        f" || {{ echo '{network.bridge} did not get {node.address}' >&2; exit 1; }}"
    )


def networkd_files(network: Network, node: Node, mac: str) -> dict[str, str]:
    """Path → content of the three files that make the bridge persistent."""
    values = {
        "bridge": network.bridge,
        "nic": network.nic,
        "mac": mac,
        "address": network.interface(node.address),
        "gateway": network.gateway,
    }
    return {
        f"{NETWORKD}/10-{network.bridge}.netdev": NETDEV.format(**values),
        f"{NETWORKD}/10-{network.bridge}.network": BRIDGE.format(**values),
        f"{NETWORKD}/10-{network.nic}.network": NIC.format(**values),
    }


def networkd_commands(
    network: Network,
    node: Node,
    wanted: dict[str, str],
    present: dict[str, str | None],
    found: Found,
) -> Iterator[str]:
    """Writes the files that differ; reloads when one did, or the interfaces drifted."""
    stale = [path for path, content in wanted.items() if present[path] != content]
    for path in stale:
        yield from write_commands(path, present[path], wanted[path], "0644")
    if stale or not is_applied(network, node, found):
        yield "networkctl reload"
        if network.bridge in found:
            yield f"networkctl reconfigure {network.bridge} {network.nic}"
        yield _await_address(network, node)


def port_name(network: Network) -> str:
    """NetworkManager's connection that makes the NIC a port of the bridge."""
    return f"{network.bridge}-{network.nic}"


def connections(network: Network, node: Node, mac: str) -> dict[str, dict[str, str]]:
    """Name → settings of the two connections that make the bridge persistent.

    The port's priority lets it win, at boot, over the connection that the NIC came with.
    """
    return {
        network.bridge: {
            "connection.interface-name": network.bridge,
            "bridge.stp": "no",
            "bridge.mac-address": mac,
            "ipv4.method": "manual",
            "ipv4.addresses": network.interface(node.address),
            "ipv4.gateway": str(network.gateway),
            "ipv6.method": "link-local",
        },
        port_name(network): {
            "connection.interface-name": network.nic,
            "connection.autoconnect-priority": "100",
        },
    }


def network_manager_commands(
    network: Network, node: Node, profiles: dict[str, dict[str, str]], found: Found
) -> Iterator[str]:
    """The same by NetworkManager, as the RHEL family has it."""
    wanted = connections(network, node, found[network.nic]["mac"])
    changes = [
        _connection(network, name, profiles[name], settings)
        for name, settings in wanted.items()
        if not _holds(profiles[name], settings)
    ]
    yield from changes
    if changes or not is_applied(network, node, found):
        # one command: between the two this host may be out of reach
        yield f"nmcli connection up {port_name(network)} && nmcli connection up {network.bridge}"
        yield _await_address(network, node)


def _holds(found: dict[str, str], settings: dict[str, str]) -> bool:
    """Whether all ``settings`` are ``found``; a MAC is the same in capitals."""
    return all(found.get(key, "").lower() == value.lower() for key, value in settings.items())


def _connection(
    network: Network, name: str, found: dict[str, str], settings: dict[str, str]
) -> str:
    """Makes the connection ``name``, or makes the one that is there as it should be."""
    words = " ".join(f"{key} {value}" for key, value in settings.items())
    if found:
        return f"nmcli connection modify {name} {words}"
    if name != network.bridge:
        return (
            f"nmcli connection add type ethernet con-name {name} ifname {network.nic}"
            f" master {network.bridge} {words}"
        )
    servers = f"nmcli -g IP4.DNS device show {network.nic} | tr -d ' ' | tr '|' ','"
    return (  # the bridge takes over the NIC's name servers along with its address
        f"nmcli connection add type bridge con-name {name} ifname {name} {words}"
        f' ipv4.dns "$({servers})"'
    )
