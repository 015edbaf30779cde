"""A bridge over the NIC that takes over its address, by whichever network manager rules the host.

The address moves within one reload of the manager, so the ssh connection that does it survives:
the bridge has the NIC's own MAC, and nobody's ARP cache is wrong for a moment.
"""

import shlex
from collections.abc import Iterator
from typing import Any

from pyinfra import host
from pyinfra.api.exceptions import OperationError
from pyinfra.api.operation import operation

from miglab.provision.facts import ActiveUnits, Interfaces, Text
from miglab.topology import Network, Node

NETDEV = "[NetDev]\nName={bridge}\nKind=bridge\nMACAddress={mac}\n"
BRIDGE = "[Match]\nName={bridge}\n\n[Network]\nAddress={address}\nGateway={gateway}\n"
NIC = "[Match]\nName={nic}\n\n[Network]\nBridge={bridge}\n"
NETWORKD = "/etc/systemd/network"


@operation()
def bridge(network: Network, node: Node) -> Iterator[str]:
    """``network.bridge`` holds the node's address and has ``network.nic`` as its port."""
    units = host.get_fact(ActiveUnits)
    found = host.get_fact(Interfaces)
    if "systemd-networkd.service" in units:
        wanted = networkd_files(network, node, nic_mac(network, found))
        present = {path: host.get_fact(Text, path=path) for path in wanted}
        yield from networkd_commands(network, node, wanted, present, found)
    elif "NetworkManager.service" in units:
        yield from network_manager_commands(network, node, found)
    else:
        raise OperationError(
            f"{host.name}: expected systemd-networkd or NetworkManager to rule the network, found neither"
        )


def nic_mac(network: Network, found: dict[str, dict[str, Any]]) -> str:
    """The MAC the bridge is to have; raises OperationError when there is no NIC."""
    if network.nic not in found:
        raise OperationError(f"{host.name}: expected a network interface {network.nic}, found none")
    return str(found[network.nic]["mac"])


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


def is_applied(network: Network, node: Node, found: dict[str, dict[str, Any]]) -> bool:
    """Whether the running interfaces are as declared."""
    address = network.interface(node.address)
    return (
        found.get(network.bridge, {}).get("addresses") == [address]
        and found.get(network.nic, {}).get("master") == network.bridge
    )


def networkd_commands(
    network: Network,
    node: Node,
    wanted: dict[str, str],
    present: dict[str, str | None],
    found: dict[str, dict[str, Any]],
) -> Iterator[str]:
    """Writes the files that differ; reloads when one did, or the interfaces drifted."""
    stale = [path for path, content in wanted.items() if present[path] != content]
    for path in stale:
        yield f"printf %s {shlex.quote(wanted[path])} > {path}.new && mv {path}.new {path}"
    if stale or not is_applied(network, node, found):
        yield "networkctl reload"
        if network.bridge in found:
            yield f"networkctl reconfigure {network.bridge} {network.nic}"
        yield _await_address(network, node)


def _await_address(network: Network, node: Node) -> str:
    """Ends when the bridge has its address, at most 15 s later."""
    shown = f"ip -4 address show dev {network.bridge} 2>/dev/null"
    return (
        f"timeout 15 sh -c 'until {shown} | grep -q {node.address}/; do sleep 0.1; done'"
        f" || {{ echo '{network.bridge} did not get {node.address}' >&2; exit 1; }}"
    )


def network_manager_commands(
    network: Network, node: Node, found: dict[str, dict[str, Any]]
) -> Iterator[str]:
    """The same by NetworkManager, as the RHEL family has it."""
    if is_applied(network, node, found):
        return
    name, nic = network.bridge, network.nic
    address = network.interface(node.address)
    for connection in (name, f"{name}-{nic}"):
        yield f"nmcli -t connection delete {connection} 2>/dev/null || true"
    yield (
        f"nmcli connection add type bridge ifname {name} con-name {name} bridge.stp no"
        f" bridge.mac-address {nic_mac(network, found)} ipv4.method manual"
        f" ipv4.addresses {address} ipv4.gateway {network.gateway} ipv6.method link-local"
    )
    yield f"nmcli connection add type ethernet ifname {nic} con-name {name}-{nic} master {name}"
    yield f"nmcli connection up {name}-{nic} && nmcli connection up {name}"
    yield _await_address(network, node)
