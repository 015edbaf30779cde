"""Facts: what is made of the output of real commands, of none, and of nonsense."""

import json
from typing import Any

import pytest
from pyinfra.api.exceptions import FactProcessError
from pyinfra.api.facts import FactBase

from miglab.provision.facts import firewall, iscsi, network, storage, system, trust

RHEL = """\
NAME="Red Hat Enterprise Linux"
VERSION_ID="9.4"
ID="rhel"
ID_LIKE='fedora'
# a comment
"""
POOL = "active running\nautostart yes\npath /opt/kvmshare\n"
LINKS = json.dumps(
    [
        {"ifname": "lo", "address": "00:00:00:00:00:00", "addr_info": []},
        {"ifname": "ens33", "master": "br0", "address": "02:00:c0:a8:50:79"},
        {
            "ifname": "br0",
            "address": "02:00:c0:a8:50:79",
            "linkinfo": {"info_kind": "bridge"},
            "addr_info": [
                {"family": "inet", "local": "192.168.80.121", "prefixlen": 24},
                {"family": "inet6", "local": "fe80::1", "prefixlen": 64, "scope": "link"},
            ],
        },
        {},
        {
            "ifname": "ens33.7",
            "link": "ens33",
            "linkinfo": {"info_kind": "vlan"},
            "addr_info": [
                {"family": "inet", "local": "10.0.0.7", "prefixlen": 8, "dynamic": True},
                {"family": "inet6", "local": "fd00::7", "prefixlen": 64, "scope": "global"},
                {
                    "family": "inet6",
                    "local": "fd00::8",
                    "prefixlen": 64,
                    "scope": "global",
                    "dynamic": True,
                    "mngtmpaddr": True,
                },
            ],
        },
    ]
)
NOTHING: dict[str, Any] = {
    "addresses": [],
    "leased": [],
    "static6": [],
    "over": None,
    "master": None,
    "mac": None,
    "kind": None,
}
INTERFACES = {
    "lo": NOTHING | {"mac": "00:00:00:00:00:00"},
    "ens33": NOTHING | {"master": "br0", "mac": "02:00:c0:a8:50:79"},
    "ens33.7": NOTHING
    | {
        "addresses": ["10.0.0.7/8"],
        "leased": ["10.0.0.7/8"],
        "static6": ["fd00::7/64"],
        "over": "ens33",
        "kind": "vlan",
    },
    "br0": NOTHING
    | {
        "addresses": ["192.168.80.121/24"],
        "master": None,
        "mac": "02:00:c0:a8:50:79",
        "kind": "bridge",
    },
}
ROUTES = """\
default via 192.168.80.1 dev ens33 proto static
default dev wg0 scope link metric 500
"""
LINK_DNS = "Link 2 (ens33): 9.9.9.9 fe80::1\nLink 3 (br0): 9.9.9.9 1.1.1.1\nLink 4 (x):\n"
UNITS = (
    "ssh.service loaded active running OpenBSD\n\nsystemd-networkd.service loaded active running\n"
)
PROFILE = "connection.id:br0\nbridge.mac-address:02:00:C0:A8:50:79\nipv4.dns:\nnonsense\n"
SETTINGS = {
    "connection.id": "br0",
    "bridge.mac-address": "02:00:C0:A8:50:79",
    "ipv4.dns": "",
}

TARGETS = """\
Target 1: iqn.2026-01.test.miglab:vm1
    System information:
        Driver: iscsi
        State: ready
    I_T nexus information:
        I_T nexus: 1
            Initiator: iqn.2008-11.org.linux-kvm:1c1546bf alias: none
            Connection: 0
                IP Address: 192.168.80.121
    LUN information:
        LUN: 0
            Type: controller
            Backing store type: null
            Backing store path: None
            Backing store flags:
        LUN: 1
            Type: disk
            Online: Yes
            Backing store type: rdwr
            Backing store path: /opt/kvmshare/vm1.img
            Backing store flags:
    Account information:
    ACL information:
        192.168.80.121
        192.168.80.161
Target 7: iqn.2026-01.test.miglab:other
    ACL information:
        ALL
"""
SERVED = iscsi.Served(1, {1: "/opt/kvmshare/vm1.img"}, ["192.168.80.121", "192.168.80.161"])

CASES: list[tuple[type[FactBase[Any]], str, object]] = [
    (system.OsRelease, RHEL, {
        "NAME": "Red Hat Enterprise Linux", "VERSION_ID": "9.4", "ID": "rhel", "ID_LIKE": "fedora",
    }),
    (system.OsRelease, "garbage\n", {}),
    (system.OsRelease, "", {}),
    (system.InContainer, "yes\n", True),
    (system.CgroupsReadOnly, "no\n", False),
    (system.Selinux, "", False),
    (storage.KernelServesNfs, "mount: warning\nyes\n", True),
    (storage.KernelMountsNfs, "yes, but\n", False),
    (system.Exists, "yes\nno\n", False),
    (system.Text, "a\n\nb\n", "a\n\nb\n"),
    (system.Text, "", None),
    (system.ActiveUnits, UNITS, {"ssh.service", "systemd-networkd.service"}),
    (system.ActiveUnits, "", set()),
    (network.Interfaces, LINKS, INTERFACES),
    (network.Interfaces, "", {}),
    (network.StaticRoutes, "10.1.0.0/16 via 192.168.80.2 proto static\n", ["10.1.0.0/16"]),
    (network.StaticRoutes, "", []),
    (network.DefaultRoutes, ROUTES, {"ens33", "wg0"}),
    (network.DefaultRoutes, "default via 10.0.0.1 dev\n", set()),
    (network.NameServers, LINK_DNS, ["9.9.9.9", "fe80::1", "1.1.1.1"]),
    (network.NameServers, "Failed to connect to bus\n", []),
    (network.Ruler, "networkd /etc/systemd/network/20-ens33.network\n", "networkd"),
    (network.Ruler, "networkd /run/systemd/network/10-netplan-ens33.network\n", "netplan"),
    (network.Ruler, "networkd n/a\nNetworkManager 100 (connected)\n", "NetworkManager"),
    (network.Ruler, "NetworkManager 30 (disconnected)\nifupdown\n", "NetworkManager"),
    (network.Ruler, "NetworkManager 10 (unmanaged)\nifupdown\n", "ifupdown"),
    (network.Ruler, "NetworkManager 100 (connected (externally))\nifupdown\n", "ifupdown"),
    (network.Ruler, "NetworkManager 10 (unmanaged)\n", None),
    (network.Ruler, "", None),
    (firewall.PolicyActive, "yes\n", True),
    (firewall.UfwRules, "Status: active\nAdded user rules (see 'ufw status'):\nufw allow 22/tcp\n",
     ["allow 22/tcp"]),
    (firewall.UfwRules, "Status: active\n", []),
    (firewall.UfwRules, "Status: inactive\nufw allow 22/tcp\n", None),
    (firewall.UfwRules, "", None),
    (firewall.Ruleset, '{"nftables": [{"metainfo": {}}]}\n', [{"metainfo": {}}]),
    (network.Connection, PROFILE, SETTINGS),
    (network.Connection, "", {}),
    (storage.Owner, "64055:64055 750\n", "64055:64055 750"),
    (storage.Owner, " \n", None),
    (storage.Owner, "", None),
    (storage.Size, "67108864\n", 64 << 20),
    (storage.Size, "", None),
    (storage.Pool, POOL, {"active": "yes", "autostart": "yes", "path": "/opt/kvmshare"}),
    (storage.Pool, "active inactive\n", {"active": "no"}),
    (storage.Pool, "error: no domain\nactive\n", {}),
    (storage.Pool, "", {}),
    (storage.GaneshaVersion, "6\n", 6),
    (storage.GaneshaVersion, "4\n", 4),
    (storage.GaneshaVersion, "²\n", 0),
    (storage.GaneshaVersion, "", 0),
    (iscsi.Targets, TARGETS, {
        "iqn.2026-01.test.miglab:vm1": SERVED,
        "iqn.2026-01.test.miglab:other": iscsi.Served(7, {}, ["ALL"]),
    }),
    (iscsi.Targets, "tgtadm: failed to send request hdr to tgt daemon\n", {}),
    (iscsi.Targets, "", {}),
    (trust.PublicKey, "ssh-ed25519 AAAA root@source\n", "ssh-ed25519 AAAA"),
    (trust.PublicKey, "not a key\n", None),
    (trust.PublicKey, "ssh-ed25519\n", None),
    (trust.PublicKey, "", None),
    (trust.Fingerprints, f"{'0a' * 32} 0:64055 400 a b.pem\n{'ff' * 32} 1:2 644 ca.pem\n", {
        "a b.pem": f"{'0a' * 32} 0:64055 400", "ca.pem": f"{'ff' * 32} 1:2 644",
    }),
    (trust.Fingerprints, "nothing\nof the kind\n", {}),
    (trust.Fingerprints, "", {}),
    (trust.HostKey, "ecdsa-sha2-nistp256 BBBB\nssh-rsa CCCC\n", "ecdsa-sha2-nistp256 BBBB"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("fact", "output", "expected"),
    [pytest.param(*case, id=f"{case[0].__name__}-{n}") for n, case in enumerate(CASES)],
)
def test_what_is_made_of_an_output(
    fact: type[FactBase[Any]], output: str, expected: object
) -> None:
    """As it was recorded, with nothing recorded, and with what no such command prints."""
    assert fact().process(output.splitlines()) == expected


HALF = '[{"ifname": "a", "addr_info": [{"family": "inet"}]}]'


@pytest.mark.parametrize("output", ["garbage", "{", '"text"', "[1]", "1", HALF])
def test_interfaces_that_are_no_json_are_named(output: str) -> None:
    """The host fails with what was expected and found, without a traceback."""
    with pytest.raises(FactProcessError, match="expected a list of links, found"):
        network.Interfaces().process([output])


@pytest.mark.parametrize("output", ["garbage", "{", "[]", "{}", '{"nftables": 1}'])
def test_a_ruleset_that_is_no_json_is_named(output: str) -> None:
    """In one line, as the interfaces are."""
    with pytest.raises(FactProcessError, match="expected a list of rules, found"):
        firewall.Ruleset().process([output])


@pytest.mark.parametrize(
    "fact",
    [
        system.OsRelease,
        firewall.Ruleset,
        network.DefaultRoutes,
        network.NameServers,
        system.ActiveUnits,
        network.Interfaces,
        network.Connection,
        storage.Pool,
        trust.Fingerprints,
        iscsi.Targets,
    ],
)
def test_a_silent_command_gives_an_empty_collection(fact: type[FactBase[Any]]) -> None:
    """pyinfra does not call process() when there is no output at all."""
    assert not fact.default()
    assert fact.default() is not None


@pytest.mark.parametrize("fact", [system.InContainer, system.Exists, storage.KernelServesNfs])
def test_a_silent_command_means_no(fact: type[FactBase[Any]]) -> None:
    """A question that nobody answers is answered with no, not with nothing."""
    assert fact.default() is False


def test_commands_ask_for_what_they_are_given() -> None:
    """Paths and names reach the command, quoted."""
    assert system.Text().command(path="/a b") == "if test -r '/a b'; then cat '/a b'; fi"
    exists = system.Exists().command(paths=("/a", "/b"))
    assert exists == "test -e '/a' && test -e '/b' && echo yes || echo no"
    assert "'kvmshare'" in storage.Pool().command(pool="kvmshare")
    assert "'/opt/kvmshare'" in storage.Owner().command(path="/opt/kvmshare")
    assert "'br0-ens33'" in network.Connection().command(connection="br0-ens33")
