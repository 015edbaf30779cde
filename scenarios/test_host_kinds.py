"""Each network manager and each firewall that a host may have, on a real node.

Slow by its nature: a lab of its own, whose last host is given over to each of them.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from miglab.lab.access import on_node
from miglab.lab.deployment import deploy
from miglab.lab.embedded import EmbeddedLab
from miglab.provision.bridges import ifupdown, netplan, network_manager, networkd
from miglab.provision.bridges.wanted import Bridge, Found
from miglab.provision.guard import Guard, arm, disarm
from scenarios.labs import own_lab

pytestmark = pytest.mark.slow

NIC = "ens33"
INSTALL = """
export DEBIAN_FRONTEND=noninteractive
apt-get -qq update
apt-get -qq install --no-install-recommends ifupdown netplan.io network-manager \\
  firewalld ufw nftables
systemctl disable --quiet --now networking NetworkManager firewalld nftables
"""
CLEAN = """
rm -f /etc/systemd/network/10-* /etc/netplan/* /etc/NetworkManager/system-connections/*
printf 'auto lo\niface lo inet loopback\n' > /etc/network/interfaces
systemctl unmask --quiet systemd-networkd.service systemd-networkd.socket
systemctl disable --quiet networking NetworkManager
"""
WITHOUT_NETWORKD = "systemctl mask --quiet systemd-networkd.service systemd-networkd.socket\n"
GIVEN = {  # by manager: what gives the NIC the node's address, as an installer would have
    "networkd": "",
    "netplan": """
(umask 077; cat > /etc/netplan/50-vagrant.yaml) <<'.'
network:
  version: 2
  renderer: networkd
  ethernets:
    ens33:
      addresses: [{address}]
      routes: [{{to: 0.0.0.0/0, via: {gateway}}}]
.
""",
    "ifupdown": WITHOUT_NETWORKD
    + """
systemctl enable --quiet networking
cat >> /etc/network/interfaces <<'.'
#VAGRANT-BEGIN
auto ens33
iface ens33 inet static
      address {address}
      gateway {gateway}
#VAGRANT-END
.
""",
    "NetworkManager": WITHOUT_NETWORKD
    + """
systemctl enable --quiet NetworkManager
(umask 077; cat > /etc/NetworkManager/system-connections/first.nmconnection) <<'.'
[connection]
id=first
type=ethernet
interface-name=ens33
[ipv4]
method=manual
addresses={address}
gateway={gateway}
.
""",
}
OTHERS = {  # what the deploy must leave as it found it, though it has the NIC do something else
    "networkd": "cat /etc/systemd/network/20-ens33.network",
    "netplan": "cat /etc/netplan/50-vagrant.yaml",
    "ifupdown": "sed -n /VAGRANT-BEGIN/,/VAGRANT-END/p /etc/network/interfaces",
    "NetworkManager": "cat /etc/NetworkManager/system-connections/first.nmconnection",
}
ARMED = "systemctl list-timers --all --no-legend 'miglab-undo-*'; ls -d /var/lib/miglab/before-*"


@pytest.fixture(scope="module")
def shipped(project: Path) -> Path:
    """The declaration that comes with the project."""
    return project / "inventories/topology.yaml"


@pytest.fixture(scope="module")
def own(shipped: Path) -> Iterator[EmbeddedLab]:
    """A lab of its own, whose last host has all the managers installed."""
    with own_lab("kinds", shipped) as opened:
        on_node(opened.place, opened.topology.hypervisors[-1].name, INSTALL, seconds=300)
        yield opened


def said(lab: EmbeddedLab, script: str, seconds: float = 30) -> str:
    """What the last host prints."""
    return on_node(lab.place, lab.topology.hypervisors[-1].name, script, seconds=seconds)


def assert_bridged(lab: EmbeddedLab) -> None:
    """The bridge has the address and the way out, and the NIC is its port."""
    network, node = lab.topology.network, lab.topology.hypervisors[-1]
    assert f" {network.interface(node.address)} " in said(lab, "ip -4 address show dev br0")
    assert "master br0" in said(lab, "ip link show dev ens33")
    assert not said(lab, "ip -4 address show dev ens33")
    assert f"via {network.gateway} dev br0" in said(lab, "ip -4 route show default")


def plan(lab: EmbeddedLab, manager: str) -> tuple[Guard, list[str]]:
    """What the deploy would do on the last host, as commands."""
    network, node = lab.topology.network, lab.topology.hypervisors[-1]
    wanted = Bridge(network.bridge, NIC, node.nic_mac, network.interface(node.address))
    found: Found = {NIC: {"addresses": [wanted.address], "mac": node.nic_mac, "master": None}}
    match manager:
        case "networkd":
            nothing = dict.fromkeys(networkd.paths(network.bridge, NIC))
            return networkd.guard(wanted, found), list(networkd.commands(wanted, nothing, found))
        case "netplan":
            return netplan.guard(wanted, found), list(netplan.commands(wanted, None, found))
        case "ifupdown":
            text = said(lab, f"cat {ifupdown.PATH}")
            return ifupdown.guard(wanted, found), list(ifupdown.commands(wanted, text, found))
        case _:
            none = {each: dict[str, str]() for each in network_manager.connections(wanted)}
            steps = list(network_manager.commands(wanted, none, found))
            return network_manager.guard(wanted, found), steps


def assert_undone(lab: EmbeddedLab, manager: str) -> None:
    """Nobody confirms the bridge: the host itself gives the NIC back what it had."""
    address = f"{lab.topology.hypervisors[-1].address}/"
    guard, commands = plan(lab, manager)
    for command in [*arm(guard, seconds=10), *commands]:
        said(lab, command)
    assert f"master {lab.topology.network.bridge}" in said(lab, f"ip link show {NIC}")
    back = f"ip -4 address show dev {NIC} | grep -q {address} && ! ip link show br0 2>/dev/null"
    said(lab, f"timeout 30 sh -c 'until {back}; do sleep 0.1; done' >/dev/null", seconds=40)
    assert "the former network was put back" in said(lab, f"({disarm(guard)}) 2>&1 || true")
    said(lab, f"rm -r {guard.directory}")


@pytest.mark.parametrize("manager", GIVEN)
def test_the_bridge_by_each_manager(
    own: EmbeddedLab, project: Path, shipped: Path, manager: str
) -> None:
    """Undone if nobody confirms it; made over what was there; back after a reboot, untouched."""
    network, node = own.topology.network, own.topology.hypervisors[-1]
    address = network.interface(node.address)
    said(own, CLEAN + GIVEN[manager].format(address=address, gateway=network.gateway))
    own.reboot(node)
    before = said(own, OTHERS[manager])
    assert_undone(own, manager)

    changed = deploy(own.place, shipped, project).changed
    assert changed[node.name] == ("Hypervisor | Bridge br0",)
    assert_bridged(own)
    assert said(own, f"{{ {ARMED}; }} 2>/dev/null || true") == ""
    assert said(own, OTHERS[manager]) == before

    own.reboot(node)
    assert_bridged(own)
    assert deploy(own.place, shipped, project).changed[node.name] == ()


FIREWALLS = {  # each lets in ssh from anywhere, and nothing else
    "firewalld": ("systemctl start firewalld", "systemctl stop firewalld"),
    "ufw": ("ufw allow 22/tcp && ufw --force enable", "ufw --force reset"),
    "nftables": (
        """cat > /etc/nftables.conf <<'.'
flush ruleset
table inet filter {
    chain input {
        type filter hook input priority 0; policy drop;
        iif lo accept
        ct state established,related accept
        tcp dport 22 accept
    }
}
.
systemctl restart nftables""",
        "systemctl stop nftables",
    ),
}
AGAIN = {  # what has each read anew all that lasts
    "firewalld": "firewall-cmd --reload",
    "ufw": "ufw reload",
    "nftables": "systemctl restart nftables",
}
PORTS = (22, 49152, 49215, 49216, 2049)


def let_in(lab: EmbeddedLab, by: str) -> tuple[int, ...]:
    """Which of PORTS the last host lets in from node ``by``; refused is let in."""
    address = lab.topology.hypervisors[-1].address
    script = "; ".join(
        f"timeout 2 bash -c '</dev/tcp/{address}/{port}' 2>&1 | grep -q refused && echo {port};"
        f" timeout 2 bash -c '</dev/tcp/{address}/{port}' 2>/dev/null && echo {port}"
        for port in PORTS
    )
    return tuple(int(word) for word in on_node(lab.place, by, f"{script}; true").split())


@pytest.mark.parametrize("firewall", FIREWALLS)
def test_each_firewall_lets_in_the_other_hypervisors_alone(
    own: EmbeddedLab, project: Path, shipped: Path, firewall: str
) -> None:
    """The migrations' ports for the other hypervisor, nothing for others, also when read anew."""
    node, peer = own.topology.hypervisors[-1].name, own.topology.source.name
    begin, end = FIREWALLS[firewall]
    said(own, begin)
    try:
        assert let_in(own, peer) == let_in(own, own.topology.storage.name) == (22,)
        changed = deploy(own.place, shipped, project).changed[node]
        assert changed == ("Firewall | What the lab's hosts need is open",)
        for _ in range(2):
            assert let_in(own, peer) == (22, 49152, 49215)
            assert let_in(own, own.topology.storage.name) == (22,)
            said(own, AGAIN[firewall])
        assert deploy(own.place, shipped, project).changed[node] == ()
    finally:
        said(own, end)
