"""The bridge: which commands lead from what is found to what is declared, and no others."""

import json
from typing import Any

import pytest
from pyinfra.api.exceptions import OperationError

from miglab.provision.bridge import (
    bridge,
    connections,
    network_manager_commands,
    networkd_commands,
    networkd_files,
)
from miglab.topology import Node, Topology
from tests.machines import Machine, run

MAC = "02:00:c0:a8:50:79"
Found = dict[str, dict[str, Any]]
NIC_ONLY: Found = {"ens33": {"addresses": ["192.168.80.121/24"], "master": None, "mac": MAC}}
APPLIED: Found = {
    "ens33": {"addresses": [], "master": "br0", "mac": MAC},
    "br0": {"addresses": ["192.168.80.121/24"], "master": None, "mac": MAC},
}
NO_ADDRESS = APPLIED | {"br0": {"addresses": [], "master": None, "mac": MAC}}
SECOND_ADDRESS = APPLIED | {
    "br0": {"addresses": ["192.168.80.121/24", "10.0.0.1/8"], "master": None, "mac": MAC}
}
NO_PORT = APPLIED | {"ens33": {"addresses": [], "master": None, "mac": MAC}}
RELOAD, RECONFIGURE = "networkctl reload", "networkctl reconfigure br0 ens33"
UP = "nmcli connection up br0-ens33 && nmcli connection up br0"
AWAIT = (
    "timeout 15 sh -c 'until ip -4 address show dev br0 2>/dev/null | grep -q 192.168.80.121/;"
    " do sleep 0.1; done' || { echo 'br0 did not get 192.168.80.121' >&2; exit 1; }"
)


def written(commands: list[str]) -> list[str]:
    """``commands`` with each file that is written as its path alone."""
    short = [each.rpartition(" > ")[2] if "printf" in each else each for each in commands]
    return [each for each in short if not each.startswith("chmod")]


@pytest.fixture
def files(topology: Topology, source: Node) -> dict[str, str]:
    """networkd's files as they should be."""
    return networkd_files(topology.network, source, MAC)


def test_networkd_files_say_what_is_declared(files: dict[str, str]) -> None:
    """A bridge with the NIC's MAC, the node's address and gateway on it, the NIC as its port."""
    netdev, network, nic = files.values()
    assert list(files) == [
        "/etc/systemd/network/10-br0.netdev",
        "/etc/systemd/network/10-br0.network",
        "/etc/systemd/network/10-ens33.network",
    ]
    assert netdev == f"[NetDev]\nName=br0\nKind=bridge\nMACAddress={MAC}\n"
    assert "Address=192.168.80.121/24\nGateway=192.168.80.1\n" in network
    assert nic == "[Match]\nName=ens33\n\n[Network]\nBridge=br0\n"


NEW = [
    "/etc/systemd/network/10-br0.netdev.new",
    "/etc/systemd/network/10-br0.network.new",
    "/etc/systemd/network/10-ens33.network.new",
]
NETWORKD = [
    pytest.param(set(), NIC_ONLY, [*NEW, RELOAD, AWAIT], id="nothing there"),
    pytest.param({0, 2}, APPLIED, [NEW[1], RELOAD, RECONFIGURE, AWAIT], id="one file stale"),
    pytest.param({0, 1, 2}, NO_ADDRESS, [RELOAD, RECONFIGURE, AWAIT], id="no address"),
    pytest.param({0, 1, 2}, SECOND_ADDRESS, [RELOAD, RECONFIGURE, AWAIT], id="second address"),
    pytest.param({0, 1, 2}, NO_PORT, [RELOAD, RECONFIGURE, AWAIT], id="no port"),
    pytest.param({0, 1, 2}, NIC_ONLY, [RELOAD, AWAIT], id="no bridge"),
    pytest.param({0, 1, 2}, APPLIED, [], id="all right"),
]


@pytest.mark.parametrize(("right", "found", "expected"), NETWORKD)
def test_networkd_writes_what_is_stale_and_reloads_what_drifted(
    topology: Topology,
    source: Node,
    files: dict[str, str],
    right: set[int],
    found: Found,
    expected: list[str],
) -> None:
    """Exactly these commands, in this order."""
    present = {
        path: text if n in right else (None if not right else "old\n")
        for n, (path, text) in enumerate(files.items())
    }
    commands = list(networkd_commands(topology.network, source, files, present, found))
    assert [c for c in written(commands) if c != AWAIT] == [c for c in expected if c != AWAIT]
    assert commands[-1:] == expected[-1:]


@pytest.fixture
def profiles(topology: Topology, source: Node) -> dict[str, dict[str, str]]:
    """NetworkManager's connections as they should be, as nmcli shows them."""
    wanted = connections(topology.network, source, MAC)
    shown = {"bridge.mac-address": MAC.upper()}
    return {
        name: settings | {key: shown[key] for key in settings.keys() & shown} | {"more": "of it"}
        for name, settings in wanted.items()
    }


def manager(
    topology: Topology,
    source: Node,
    profiles: dict[str, dict[str, str]],
    found: Found,
) -> list[str]:
    """NetworkManager's commands."""
    return list(network_manager_commands(topology.network, source, profiles, found))


def test_network_manager_makes_both_connections(topology: Topology, source: Node) -> None:
    """A bridge that also takes the NIC's name servers over, and a port that wins at boot."""
    nothing: dict[str, dict[str, str]] = {"br0": {}, "br0-ens33": {}}
    made, port, *rest = manager(topology, source, nothing, NIC_ONLY)
    assert made.startswith("nmcli connection add type bridge con-name br0 ifname br0 ")
    assert " ipv4.method manual ipv4.addresses 192.168.80.121/24 ipv4.gateway 192.168.80.1 " in made
    assert f" bridge.mac-address {MAC} " in made
    assert made.endswith(
        """ ipv4.dns "$(nmcli -g IP4.DNS device show ens33 | tr -d ' ' | tr '|' ',')\""""
    )
    assert port == (
        "nmcli connection add type ethernet con-name br0-ens33 ifname ens33 master br0"
        " connection.interface-name ens33 connection.autoconnect-priority 100"
    )
    assert rest == [UP, AWAIT]


def test_network_manager_modifies_a_stale_connection(
    topology: Topology, source: Node, profiles: dict[str, dict[str, str]]
) -> None:
    """The one that is there is kept, so the host stays reachable meanwhile."""
    profiles["br0"]["ipv4.addresses"] = "192.168.80.7/24"
    changed, *rest = manager(topology, source, profiles, APPLIED)
    assert changed.startswith("nmcli connection modify br0 connection.interface-name br0 ")
    assert "ipv4.addresses 192.168.80.121/24" in changed
    assert "dns" not in changed
    assert rest == [UP, AWAIT]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param(APPLIED, [], id="all right"),
        pytest.param(NO_ADDRESS, [UP, AWAIT], id="no address"),
        pytest.param(NO_PORT, [UP, AWAIT], id="no port"),
        pytest.param(NIC_ONLY, [UP, AWAIT], id="no bridge"),
    ],
)
def test_network_manager_activates_what_drifted(
    topology: Topology,
    source: Node,
    profiles: dict[str, dict[str, str]],
    found: Found,
    expected: list[str],
) -> None:
    """Connections that are as declared are not written again."""
    assert manager(topology, source, profiles, found) == expected


def links(found: Found) -> str:
    """What ``ip -j`` prints for ``found``."""
    return json.dumps(
        [
            {
                "ifname": name,
                "address": each["mac"],
                **({"master": each["master"]} if each["master"] else {}),
                "addr_info": [
                    {"family": "inet", "local": a.split("/")[0], "prefixlen": int(a.split("/")[1])}
                    for a in each["addresses"]
                ],
            }
            for name, each in found.items()
        ]
    )


@pytest.mark.parametrize("manager", ["systemd-networkd.service", "NetworkManager.service"])
def test_the_manager_that_runs_is_asked(topology: Topology, source: Node, manager: str) -> None:
    """By the units that are active, not by the distribution."""
    host = Machine(active={manager}, says={"ip -j": links(NIC_ONLY)})
    ((_, commands),) = run(bridge, host, "source", network=topology.network, node=source)
    tool = "networkctl" if "networkd" in manager else "nmcli"
    assert any(command.startswith(tool) for command in commands)
    assert commands[-1] == AWAIT


@pytest.mark.parametrize(
    ("units", "found", "message"),
    [
        ({"networking.service"}, NIC_ONLY, "systemd-networkd or NetworkManager .* found neither"),
        ({"systemd-networkd.service"}, {}, "a network interface ens33, found none"),
        ({"NetworkManager.service"}, {}, "a network interface ens33, found none"),
    ],
)
def test_what_makes_a_bridge_impossible_is_named(
    topology: Topology,
    source: Node,
    units: set[str],
    found: Found,
    message: str,
) -> None:
    """One error that says which host, what was expected and what was found."""
    host = Machine(active=units, says={"ip -j": links(found)})
    with pytest.raises(OperationError, match=f"source: expected {message}"):
        run(bridge, host, "source", network=topology.network, node=source)
