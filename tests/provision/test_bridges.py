"""The bridge by each network manager: exactly the commands from what is found to what is wanted."""

from dataclasses import replace
from ipaddress import IPv4Address

import pytest
import yaml

from miglab.provision.block import BEGIN, END, WRITTEN
from miglab.provision.bridges import ifupdown, netplan, network_manager, networkd
from miglab.provision.bridges.wanted import (
    Found,
    NicError,
    find_nic,
    keeps_gateway,
    kept_servers,
)
from miglab.topology import Node, Topology
from tests.provision.networks import (
    APPLIED,
    AWAIT,
    BRIDGE,
    MAC,
    NIC_ONLY,
    NO_ADDRESS,
    NO_PORT,
    SECOND_ADDRESS,
    link,
    written,
)

WAY_OUT = replace(BRIDGE, gateway=IPv4Address("192.168.80.1"), servers=("9.9.9.9", "1.1.1.1"))
DRIFTED = [
    pytest.param(NO_ADDRESS, id="no address"),
    pytest.param(SECOND_ADDRESS, id="second address"),
    pytest.param(NO_PORT, id="no port"),
]


NIC, OTHER = NIC_ONLY["ens33"], link("10.0.0.7/8", mac="52:54:00:00:00:07")["it"]
TAP = link(master="br0", mac="fe:54:00:80:00:50", kind="tun")["it"]
BARE = link()["it"]
NICS = [
    ({"lo": OTHER, "ens33": NIC}, "ens33"),
    ({"ens33": OTHER, "eth1": NIC}, "eth1"),  # ens33 is another network's here
    ({"eth0": OTHER, "eth1": NIC}, "eth1"),
    ({"eth0": OTHER, "eth1": BARE}, "eth1"),  # by its MAC
    ({"eth0": OTHER, **APPLIED, "vnet0": TAP}, "ens33"),
    ({"eth0": OTHER, "eth1": APPLIED["ens33"], "br0": APPLIED["br0"], "vnet0": TAP}, "eth1"),
    ({"eth0": OTHER, "eth1": BARE, "br0": NO_ADDRESS["br0"]}, "eth1"),
]


@pytest.mark.parametrize(("found", "expected"), NICS)
def test_the_nic_is_found(topology: Topology, source: Node, found: Found, expected: str) -> None:
    """By the node's address, by the declared name, by the MAC: in this order."""
    assert find_nic(topology.network, source, found) == expected


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ({}, "found no interface"),
        ({"lo": NIC}, "found no interface"),
        ({"eth0": OTHER, "eth1": OTHER}, "found eth0, eth1"),
        ({"eth0": BARE, "eth0.7": BARE}, "found eth0, eth0.7"),
        ({"br-lan": APPLIED["br0"]}, "on the bridge br-lan: declare `network.bridge: br-lan`"),
    ],
)
def test_a_nic_that_cannot_be_told_is_an_error(
    topology: Topology, source: Node, found: Found, message: str
) -> None:
    """What was looked for, and what there is."""
    with pytest.raises(NicError, match=message):
        find_nic(topology.network, source, found)


@pytest.mark.parametrize(
    ("ways", "own", "expected"),
    [
        ({"ens33"}, "", True),
        ({"br0", "eth0"}, "", True),
        ({"eth0"}, "Gateway=192.168.80.1", False),
        (set[str](), "Gateway=192.168.80.1", True),
        (set[str](), "    gateway 192.168.80.1", True),
        (set[str](), "# the gateway", True),
        (set[str](), "Address=192.168.80.121/24", False),
    ],
)
def test_the_way_out_stays_where_it_is(ways: set[str], own: str, expected: bool) -> None:
    """By the routes that there are; without any, by what we wrote."""
    assert keeps_gateway("br0", "ens33", ways, own) is expected


def test_what_was_taken_over_is_read_back() -> None:
    """So that a second run writes the same, though the link says nothing for the moment."""
    own = "".join(networkd.contents(WAY_OUT).values())
    assert kept_servers(own) == kept_servers(netplan.content(WAY_OUT)) == ("9.9.9.9", "1.1.1.1")
    assert kept_servers(netplan.content(BRIDGE)) == ()
    for text in (own, netplan.content(WAY_OUT), "\n".join(ifupdown.block(WAY_OUT))):
        assert keeps_gateway("br0", "ens33", set(), text)
    for text in (netplan.content(BRIDGE), "\n".join(ifupdown.block(BRIDGE))):
        assert not keeps_gateway("br0", "ens33", set(), text)


# systemd-networkd

RELOAD, RECONFIGURE = "networkctl reload", "networkctl reconfigure br0 ens33"
NETDEV, NETWORK, PORT, TAPS = networkd.paths("br0", "ens33")
NEW = [f"{path}.new" for path in (NETDEV, NETWORK, PORT, TAPS)]
ALL = {0, 1, 2, 3}


def test_networkd_files_say_what_is_wanted() -> None:
    """A bridge with the NIC's MAC, its address and way out, the NIC as its port; no guest's tap."""
    netdev, network, nic, taps = networkd.contents(WAY_OUT).values()
    assert netdev == f"{WRITTEN}[NetDev]\nName=br0\nKind=bridge\nMACAddress={MAC}\n"
    assert network == (
        f"{WRITTEN}[Match]\nName=br0\n\n[Network]\nAddress=192.168.80.121/24\n"
        "Gateway=192.168.80.1\nDNS=9.9.9.9\nDNS=1.1.1.1\n"
    )
    assert nic == f"{WRITTEN}[Match]\nName=ens33\n\n[Network]\nBridge=br0\n"
    assert taps == f"{WRITTEN}[Match]\nName=vnet*\n\n[Link]\nUnmanaged=yes\n"
    assert networkd.contents(BRIDGE)[NETWORK].endswith("[Network]\nAddress=192.168.80.121/24\n")


@pytest.mark.parametrize(
    ("right", "found", "expected"),
    [
        pytest.param(set(), NIC_ONLY, [*NEW, RELOAD, AWAIT], id="nothing there"),
        pytest.param({0, 2, 3}, APPLIED, [NEW[1], RELOAD, RECONFIGURE, AWAIT], id="one file stale"),
        pytest.param(ALL, NO_ADDRESS, [RELOAD, RECONFIGURE, AWAIT], id="no address"),
        pytest.param(ALL, SECOND_ADDRESS, [RELOAD, RECONFIGURE, AWAIT], id="second address"),
        pytest.param(ALL, NO_PORT, [RELOAD, RECONFIGURE, AWAIT], id="no port"),
        pytest.param(ALL, NIC_ONLY, [RELOAD, AWAIT], id="no bridge"),
        pytest.param(ALL, APPLIED, [], id="all right"),
    ],
)
def test_networkd_writes_what_is_stale_and_reloads_what_drifted(
    right: set[int], found: Found, expected: list[str]
) -> None:
    """Exactly these commands, in this order."""
    present = {
        path: text if n in right else (None if not right else f"{WRITTEN}old\n")
        for n, (path, text) in enumerate(networkd.contents(BRIDGE).items())
    }
    assert written(list(networkd.commands(BRIDGE, present, found))) == expected


# netplan


def test_netplan_s_file_says_what_is_wanted() -> None:
    """The port matches the NIC under a name that sorts before any that a NIC has."""
    network = yaml.safe_load(netplan.content(WAY_OUT))["network"]
    ((port, settings),) = network["ethernets"].items()
    assert port == "00-br0-port"
    assert settings["match"] == {"name": "ens33"}
    bridge = network["bridges"]["br0"]
    assert (bridge["interfaces"], bridge["macaddress"]) == ([port], MAC)
    assert bridge["addresses"] == ["192.168.80.121/24"]
    assert bridge["routes"] == [{"to": "0.0.0.0/0", "via": "192.168.80.1", "metric": 1}]
    assert bridge["nameservers"] == {"addresses": ["9.9.9.9", "1.1.1.1"]}
    plain = yaml.safe_load(netplan.content(BRIDGE))["network"]["bridges"]["br0"]
    assert not plain.keys() & {"routes", "nameservers"}


@pytest.mark.parametrize("found", DRIFTED)
def test_netplan_applies_what_drifted(found: Found) -> None:
    """The file is right; what runs is not."""
    commands = list(netplan.commands(BRIDGE, netplan.content(BRIDGE), found))
    assert commands == [netplan.APPLY, RECONFIGURE, AWAIT]


def test_netplan_s_file_is_for_root_alone() -> None:
    """netplan complains about any other; one that is right is not written again."""
    write, place, *rest = netplan.commands(BRIDGE, None, NIC_ONLY)
    assert write.endswith("> /etc/netplan/90-miglab.yaml.new")
    assert place.startswith("chmod 0600 ")
    assert rest == [netplan.APPLY, AWAIT]
    assert list(netplan.commands(BRIDGE, netplan.content(BRIDGE), APPLIED)) == []


# ifupdown

VAGRANT = """\
source /etc/network/interfaces.d/*

auto lo
iface lo inet loopback

#VAGRANT-BEGIN
# The contents below are automatically generated by Vagrant. Do not modify.
auto ens33
iface ens33 inet static
      address 192.168.80.121
      netmask 255.255.255.0
#VAGRANT-END
"""
DOWN = "ifdown --force br0 ens33 2>/dev/null; ip -4 address flush dev ens33"
PLACE = "mv -Z /etc/network/interfaces.new /etc/network/interfaces"
IFUP = "ifup --force ens33 br0"


def test_ifupdown_leaves_the_stanza_that_vagrant_wrote() -> None:
    """Ours comes after it, and has the NIC brought up as another interface."""
    keep, write, switch, wait = ifupdown.commands(WAY_OUT, VAGRANT, NIC_ONLY)
    assert keep.startswith("test -e /etc/network/interfaces.before-miglab || cp -a ")
    assert VAGRANT in write
    assert write.index("#VAGRANT-END") < write.index(BEGIN) < write.index(END)
    assert "mapping ens33\n    script grep\n    map br0-ens33\n" in write
    assert "auto br0\niface br0 inet static\n    address 192.168.80.121/24\n    gateway" in write
    chmod = "chmod 0644 /etc/network/interfaces.new"
    assert switch == f"{DOWN}; {chmod} && {PLACE}; {IFUP}"
    assert wait == AWAIT


@pytest.mark.parametrize("found", [*DRIFTED, pytest.param(NIC_ONLY, id="no bridge")])
def test_ifupdown_brings_up_anew_what_drifted(found: Found) -> None:
    """The file is right; what runs is not."""
    text = f"{VAGRANT}{BEGIN}\n" + "\n".join(ifupdown.block(BRIDGE)) + f"\n{END}\n"
    assert list(ifupdown.commands(BRIDGE, text, found)) == [f"{DOWN}; {IFUP}", AWAIT]
    assert list(ifupdown.commands(BRIDGE, text, APPLIED)) == []


# NetworkManager

UP = "nmcli connection up br0-ens33 && nmcli connection up br0"


@pytest.fixture
def profiles() -> network_manager.Profiles:
    """NetworkManager's connections as they should be, as nmcli shows them."""
    shown = {"bridge.mac-address": MAC.upper(), "ipv4.gateway": "--"}
    return {
        name: settings | {key: shown[key] for key in settings.keys() & shown} | {"more": "of it"}
        for name, settings in network_manager.connections(BRIDGE).items()
    }


def test_network_manager_makes_both_connections() -> None:
    """A bridge that also takes the NIC's name servers and firewall zone; a port that wins."""
    nothing: network_manager.Profiles = {"br0": {}, "br0-ens33": {}}
    made, port, *rest = network_manager.commands(WAY_OUT, nothing, NIC_ONLY)
    assert made.startswith("nmcli connection add type bridge con-name br0 ifname br0 ")
    assert " ipv4.method manual ipv4.addresses 192.168.80.121/24 ipv4.gateway 192.168.80.1 " in made
    assert f" bridge.mac-address {MAC} " in made
    assert (
        """ ipv4.dns "$(nmcli -g IP4.DNS device show ens33 | tr -d ' ' | tr '|' ',')\""""
    ) in made
    assert made.endswith(f' connection.zone "$({network_manager.zone("ens33")})"')
    assert port == (
        "nmcli connection add type ethernet con-name br0-ens33 ifname ens33 master br0"
        " connection.interface-name ens33 connection.autoconnect-priority 100"
    )
    assert rest == [UP, AWAIT]


def test_network_manager_gives_no_way_out_that_there_was_not() -> None:
    """An empty value is what nmcli calls none."""
    made, *_ = network_manager.commands(BRIDGE, {"br0": {}, "br0-ens33": {}}, NIC_ONLY)
    assert " ipv4.gateway '' ipv6.method link-local " in made


def test_network_manager_modifies_a_stale_connection(profiles: network_manager.Profiles) -> None:
    """The one that is there is kept, so the host stays reachable meanwhile."""
    profiles["br0"]["ipv4.addresses"] = "192.168.80.7/24"
    changed, *rest = network_manager.commands(BRIDGE, profiles, APPLIED)
    assert changed.startswith("nmcli connection modify br0 connection.interface-name br0 ")
    assert "ipv4.addresses 192.168.80.121/24" in changed
    assert "dns" not in changed
    assert rest == [UP, AWAIT]


@pytest.mark.parametrize("found", [*DRIFTED, pytest.param(NIC_ONLY, id="no bridge")])
def test_network_manager_activates_what_drifted(
    profiles: network_manager.Profiles, found: Found
) -> None:
    """Connections that are as wanted are not written again."""
    assert list(network_manager.commands(BRIDGE, profiles, found)) == [UP, AWAIT]
    assert list(network_manager.commands(BRIDGE, profiles, APPLIED)) == []


def test_network_manager_s_own_words_for_a_way_out() -> None:
    """It shows two dashes where there is none."""
    for shown, expected in (("--", False), ("", False), ("192.168.80.1", True)):
        own = network_manager.stated_gateway({"ipv4.gateway": shown})
        assert keeps_gateway("br0", "ens33", set(), own) is expected


# what is undone


@pytest.mark.parametrize("backend", [networkd, netplan, ifupdown, network_manager])
def test_a_bridge_that_guests_are_on_is_never_deleted(backend: object) -> None:
    """Only one that this very run made is taken away again."""
    fresh = backend.guard(BRIDGE, NIC_ONLY)  # type: ignore[attr-defined]
    there = backend.guard(BRIDGE, APPLIED)  # type: ignore[attr-defined]
    assert "ip link delete br0" in fresh.release
    assert "delete" not in there.release + there.restore
    assert fresh.restore
    assert fresh.paths == there.paths
