"""Facts: what is made of the output of real commands, of none, and of nonsense."""

import json
from typing import Any

import pytest
from pyinfra.api.exceptions import FactProcessError
from pyinfra.api.facts import FactBase

from miglab.provision.facts import network, storage, system, trust

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
            "addr_info": [
                {"family": "inet", "local": "192.168.80.121", "prefixlen": 24},
                {"family": "inet6", "local": "fe80::1", "prefixlen": 64},
            ],
        },
        {},
    ]
)
INTERFACES = {
    "lo": {"addresses": [], "master": None, "mac": "00:00:00:00:00:00"},
    "ens33": {"addresses": [], "master": "br0", "mac": "02:00:c0:a8:50:79"},
    "br0": {"addresses": ["192.168.80.121/24"], "master": None, "mac": "02:00:c0:a8:50:79"},
}
UNITS = (
    "ssh.service loaded active running OpenBSD\n\nsystemd-networkd.service loaded active running\n"
)
PROFILE = "connection.id:br0\nbridge.mac-address:02:00:C0:A8:50:79\nipv4.dns:\nnonsense\n"
SETTINGS = {
    "connection.id": "br0",
    "bridge.mac-address": "02:00:C0:A8:50:79",
    "ipv4.dns": "",
}

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
    (network.Connection, PROFILE, SETTINGS),
    (network.Connection, "", {}),
    (storage.Owner, "64055:64055 750\n", "64055:64055 750"),
    (storage.Owner, " \n", None),
    (storage.Owner, "", None),
    (storage.Pool, POOL, {"active": "yes", "autostart": "yes", "path": "/opt/kvmshare"}),
    (storage.Pool, "active inactive\n", {"active": "no"}),
    (storage.Pool, "error: no domain\nactive\n", {}),
    (storage.Pool, "", {}),
    (storage.GaneshaVersion, "6\n", 6),
    (storage.GaneshaVersion, "4\n", 4),
    (storage.GaneshaVersion, "²\n", 0),
    (storage.GaneshaVersion, "", 0),
    (trust.PublicKey, "ssh-ed25519 AAAA root@source\n", "ssh-ed25519 AAAA"),
    (trust.PublicKey, "not a key\n", None),
    (trust.PublicKey, "ssh-ed25519\n", None),
    (trust.PublicKey, "", None),
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


@pytest.mark.parametrize(
    "fact",
    [system.OsRelease, system.ActiveUnits, network.Interfaces, network.Connection, storage.Pool],
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
