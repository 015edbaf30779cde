"""The bridge as a whole: who rules the NIC, what is taken over, and that it can be undone."""

import pytest
from pyinfra.api.exceptions import OperationError

from miglab.provision.bridge import bridge
from miglab.provision.bridges.wanted import Found
from miglab.topology import Node, Topology
from tests.machines import Machine, run
from tests.provision.networks import APPLIED, AWAIT, NIC_ONLY, links

IP, ROUTES, DNS, RULER = "ip -j", "route show default", "resolvectl dns", "Network File"
NETWORKD, MANAGER, IFUPDOWN = (
    "systemd-networkd.service",
    "NetworkManager.service",
    "networking.service",
)
WAY = "default via 192.168.80.1 dev ens33\n"
ELSEWHERE = "default via 192.168.121.1 dev eth0 proto dhcp\n"


def commands(topology: Topology, source: Node, host: Machine) -> list[str]:
    """Everything that the operation does on ``host``, in order."""
    changes = run(bridge, host, "source", network=topology.network, node=source)
    return [command for _, each in changes for command in each]


@pytest.mark.parametrize(
    ("says", "active", "tool"),
    [
        ("networkd /etc/systemd/network/20-ens33.network\n", {MANAGER}, "networkctl reload"),
        ("networkd /run/systemd/network/10-netplan-ens33.network", {NETWORKD}, "netplan generate"),
        ("networkd n/a\nNetworkManager 100 (connected)\n", {NETWORKD}, "nmcli connection"),
        ("NetworkManager 10 (unmanaged)\nifupdown\n", {MANAGER, IFUPDOWN}, "ifdown --force"),
        ("NetworkManager 100 (connected (externally))\nifupdown\n", {MANAGER}, "ifdown --force"),
        ("", {NETWORKD, MANAGER, IFUPDOWN}, "networkctl reload"),
        ("", {MANAGER, IFUPDOWN}, "nmcli connection"),
        ("", {IFUPDOWN}, "ifdown --force"),
    ],
)
def test_who_rules_the_nic_is_asked(
    topology: Topology, source: Node, says: str, active: set[str], tool: str
) -> None:
    """About this very NIC; by what runs, only where none says that it rules it."""
    host = Machine(active=active, says={IP: links(NIC_ONLY), RULER: says})
    done = commands(topology, source, host)
    assert any(command.startswith(tool) for command in done)
    assert AWAIT in done


def test_the_host_is_ready_to_undo_it_before_anything_changes(
    topology: Topology, source: Node
) -> None:
    """The timer comes first, a new connection and the end of the timer last."""
    host = Machine(active={NETWORKD}, says={IP: links(NIC_ONLY)})
    done = commands(topology, source, host)
    first = next(
        n for n, each in enumerate(done) if "/etc/systemd/network/10-br0.netdev.new" in each
    )
    timer = next(n for n, each in enumerate(done) if each.startswith("systemd-run "))
    assert timer < first
    assert done[-2] == "reconnect"
    assert done[-1].startswith("systemctl stop miglab-undo-br0.timer ")


@pytest.mark.parametrize(
    ("routes", "gateway"), [(WAY, True), (WAY + ELSEWHERE, True), (ELSEWHERE, False), ("", False)]
)
@pytest.mark.parametrize("unit", [NETWORKD, MANAGER, IFUPDOWN])
def test_the_way_out_is_taken_over_only_where_it_was(
    topology: Topology, source: Node, unit: str, routes: str, gateway: bool
) -> None:
    """A virtual machine by Vagrant has it by another NIC."""
    host = Machine(active={unit}, says={IP: links(NIC_ONLY), ROUTES: routes})
    text = " ".join(commands(topology, source, host))
    assert ("192.168.80.1 " in text.replace("\n", " ")) == gateway


def test_name_servers_are_taken_over(topology: Topology, source: Node) -> None:
    """From the link that systemd-resolved has them of."""
    says = {IP: links(NIC_ONLY), DNS: "Link 2 (ens33): 9.9.9.9 1.1.1.1\n"}
    text = " ".join(commands(topology, source, Machine(active={NETWORKD}, says=says)))
    assert "DNS=9.9.9.9\nDNS=1.1.1.1\n" in text


def test_a_nic_of_another_name_is_found_and_named(
    topology: Topology, source: Node, caplog: pytest.LogCaptureFixture
) -> None:
    """A virtual machine's NICs are named by where they sit."""
    found = {"enp0s8": NIC_ONLY["ens33"]}
    host = Machine(active={NETWORKD}, says={IP: links(found)})
    with caplog.at_level("WARNING", logger="pyinfra"):
        done = commands(topology, source, host)
    assert any("/etc/systemd/network/10-enp0s8.network.new" in each for each in done)
    (line,) = caplog.messages
    assert line.endswith("enp0s8 is taken for ens33")


@pytest.mark.parametrize(
    ("units", "found", "message"),
    [
        (set[str](), NIC_ONLY, "NetworkManager or ifupdown to rule .* found none of them"),
        ({NETWORKD}, {}, "a network interface ens33, or one with .* found no interface"),
        ({NETWORKD}, {"br-lan": APPLIED["br0"]}, "found it on the bridge br-lan: declare"),
    ],
)
def test_what_makes_a_bridge_impossible_is_named(
    topology: Topology, source: Node, units: set[str], found: dict[str, object], message: str
) -> None:
    """One error that says which host, what was expected and what was found."""
    host = Machine(active=units, says={IP: links(found)})  # type: ignore[arg-type]
    with pytest.raises(OperationError, match=f"source: expected .*{message}"):
        run(bridge, host, "source", network=topology.network, node=source)


OURS, DHCP = "192.168.80.121/24", "192.168.80.57/24"
NIC = NIC_ONLY["ens33"]
VLAN = NIC | {"addresses": ["10.7.0.1/24"], "over": "ens33", "kind": "vlan"}
STATIC = "ip -4 route show dev"


@pytest.mark.parametrize(
    ("found", "routes", "lost"),
    [
        ({"ens33": NIC}, "", None),
        ({"ens33": NIC | {"addresses": []}}, "", None),
        ({"ens33": NIC | {"addresses": [OURS], "leased": [OURS]}}, "", None),
        ({"ens33": NIC | {"addresses": [OURS, "169.254.7.7/16"]}}, "", None),
        ({"ens33": NIC | {"addresses": [DHCP], "leased": [DHCP]}}, "", None),
        ({"ens33": NIC, "ens33.7": VLAN | {"over": "eth1"}}, "", None),
        ({"ens33": NIC, "eth0": NIC | {"addresses": ["10.0.0.1/8", "10.0.0.2/8"]}}, "", None),
        ({"ens33": NIC | {"addresses": [OURS, "10.0.0.1/8"]}}, "", "found 10.0.0.1/8; make"),
        ({"ens33": NIC | {"addresses": [DHCP]}}, "", "found 192.168.80.57/24; make"),
        ({"ens33": NIC | {"addresses": [OURS, DHCP], "leased": [DHCP]}}, "", "found 192.168.80.57"),
        ({"ens33": NIC | {"static6": ["2001:db8::1/64"]}}, "", "found 2001:db8::1/64; make"),
        ({"ens33": NIC}, "10.1.0.0/16 via 192.168.80.2", "found a route to 10.1.0.0/16; make"),
        ({"ens33": NIC, "ens33.7": VLAN}, "", "found ens33.7 over it; make the bridge br0 with"),
    ],
)
def test_what_the_bridge_would_take_away_is_named(
    topology: Topology, source: Node, found: Found, routes: str, lost: str | None
) -> None:
    """What would be gone without a word, and that one's own bridge stays; nothing is done."""
    nowhere = {name: each | {"mac": f"x{name}"} for name, each in found.items() if name != "ens33"}
    says = {IP: links(found | nowhere), STATIC: routes}
    host = Machine(active={NETWORKD}, says=says)
    if lost is None:
        assert commands(topology, source, host)
        return
    with pytest.raises(OperationError, match=rf"source: ens33: expected no more .*{lost}"):
        commands(topology, source, host)


def test_our_own_bridge_is_mended_whatever_lies_on_the_nic(
    topology: Topology, source: Node
) -> None:
    """It was refused when it was made, or somebody wants it so since."""
    found = NIC_ONLY | {"ens33": NIC | {"addresses": [OURS, "10.0.0.1/8"]}}
    says = {IP: links(found), "grep -qsF 'Written by miglab'": "yes"}
    assert commands(topology, source, Machine(active={NETWORKD}, says=says))
