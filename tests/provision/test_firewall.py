"""What is let in, and by which commands of which firewall."""

import json
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from miglab.provision.firewall import deploy_firewall
from miglab.provision.firewalls import firewalld, nftables, ufw
from miglab.provision.firewalls.nftables import Chain, dropping
from miglab.provision.firewalls.openings import Opening, openings
from miglab.topology import Topology
from tests.machines import Machine, run

SOURCE, TARGET = "192.168.80.121", "192.168.80.161"


def told(wanted: tuple[Opening, ...]) -> set[tuple[str, str]]:
    """Who, and which port."""
    return {(str(each.source), port) for each in wanted for port in each.ports}


@pytest.mark.parametrize(
    ("node", "share", "expected"),
    [
        ("source", {"version": "4.2"}, {(TARGET, "22"), (TARGET, "49152-49215")}),
        ("target", {"version": "3"}, {(SOURCE, "22"), (SOURCE, "49152-49215")}),
        ("source", {"existing": True}, {(TARGET, "22"), (TARGET, "49152-49215")}),
        ("nfs", {"version": "4.2"}, {(SOURCE, "2049"), (TARGET, "2049")}),
        (
            "nfs",
            {"version": "3"},
            {(who, p) for who in (SOURCE, TARGET) for p in ("2049", "111", "20048")},
        ),
        ("nfs", {"kind": "iscsi"}, {(SOURCE, "3260"), (TARGET, "3260")}),
        ("nfs", {"existing": True}, set()),
    ],
)
def test_as_much_is_opened_as_is_needed(
    topology: Topology, node: str, share: dict[str, object], expected: set[tuple[str, str]]
) -> None:
    """Between hypervisors, and from them to the storage node; the old NFS needs more."""
    changed = topology.share.model_copy(update=share)
    declared = topology.model_copy(update={"share": changed})
    found = declared.node(node)
    assert found
    assert told(openings(declared, found)) == expected


def test_the_firewall_of_a_share_that_exists_is_its_owner_s(topology: Topology) -> None:
    """Not even looked at."""
    share = topology.share.model_copy(update={"existing": True})
    theirs = topology.model_copy(update={"share": share})
    host = Machine(active={"firewalld.service"})
    assert run(deploy_firewall, host, "nfs", topology=theirs, node=theirs.storage) == []


@pytest.fixture
def wanted(topology: Topology) -> tuple[Opening, ...]:
    """What the first hypervisor lets in."""
    return openings(topology, topology.source)


def deploy(host: Machine, topology: Topology) -> list[str]:
    """Everything that is done on the first hypervisor."""
    changes = run(deploy_firewall, host, "source", topology=topology, node=topology.source)
    return [command for _, commands in changes for command in commands]


def drops(*names: str, jumps: bool = False) -> str:
    """What nft prints of chains of these names, each of which drops what it does not know."""
    chain = {"family": "inet", "table": "filter", "hook": "input", "policy": "drop"}
    entries: list[dict[str, Any]] = [{"chain": chain | {"name": name}} for name in names]
    jump = {"family": "inet", "table": "filter", "expr": [{"jump": {"target": "miglab"}}]}
    entries += [{"rule": jump | {"chain": name}} for name in names if jumps]
    return json.dumps({"nftables": entries})


FLUSHES = "#!/usr/sbin/nft -f\nflush ruleset\n"


@pytest.mark.parametrize(
    ("active", "says"),
    [
        (set[str](), {}),
        ({"ufw.service"}, {"ufw status": "Status: inactive\n"}),
        ({"nftables.service"}, {"nft -j": '{"nftables": []}'}),
    ],
)
def test_no_firewall_is_made(topology: Topology, active: set[str], says: dict[str, str]) -> None:
    """Nothing where none is active, or where it drops nothing."""
    assert deploy(Machine(active=active, says=says), topology) == []


def test_firewalld_gets_a_policy_of_ours(topology: Topology, wanted: tuple[Opening, ...]) -> None:
    """Written, checked and taken up; then again only if it is not in force."""
    units = {"firewalld.service", "nftables.service"}
    write, place, reload = deploy(Machine(active=units), topology)
    text = firewalld.policy(wanted)
    assert f"'{text}' > {firewalld.PATH}.new" in write
    assert place.startswith("chmod 0644 ")
    assert reload == "firewall-cmd --quiet --check-config && firewall-cmd --quiet --reload"
    files = {firewalld.PATH: text}
    right = Machine(active=units, files=files, says={"--get-policies": "yes"})
    assert deploy(right, topology) == []
    assert deploy(Machine(active=units, files=files), topology) == [reload]


def test_the_policy_accepts_and_hands_on_the_rest(wanted: tuple[Opening, ...]) -> None:
    """Whatever the zones decide stays decided."""
    policy = ET.fromstring(firewalld.policy(wanted))  # noqa: S314  # our own text
    assert policy.get("target") == "CONTINUE"
    rules = {
        (rule[0].get("address"), rule[1].get("port"), rule[2].tag) for rule in policy.iter("rule")
    }
    assert rules == {(who, port, "accept") for who, port in told(wanted)}


def test_ufw_gets_what_is_missing_and_loses_what_is_not_wanted(wanted: tuple[Opening, ...]) -> None:
    """Only rules with our comment are ours to take away."""
    first, second = ufw.rules(wanted)
    assert second == "allow from 192.168.80.161 to any port 49152:49215 proto tcp comment 'miglab'"
    theirs = "allow 22/tcp"
    stale = "allow from 192.168.80.9 to any port 22 proto tcp comment 'miglab'"
    assert list(ufw.commands(wanted, [theirs, first, stale])) == [
        f"ufw {second}",
        "ufw delete allow from 192.168.80.9 to any port 22 proto tcp",
    ]
    assert list(ufw.commands(wanted, [theirs, first, second])) == []


def test_nftables_takes_ours_in_before_what_drops(topology: Topology) -> None:
    """In the same table, by a file that its own configuration includes after all else."""
    says = {"nft -j": drops("input")}
    host = Machine(active={"nftables.service"}, says=says, files={"/etc/nftables.conf": FLUSHES})
    write, _, keep, include, place, load = deploy(host, topology)
    accept = (
        "add rule inet filter miglab ip saddr 192.168.80.161"
        " tcp dport { 22, 49152-49215 } accept\ninsert rule inet filter input jump miglab\n"
    )
    assert accept in write
    assert keep.startswith("test -e /etc/nftables.conf.before-miglab || ")
    assert f'{FLUSHES}# BEGIN miglab\ninclude "{nftables.PATH}"\n# END miglab\n' in include
    assert place.startswith("chmod --reference=/etc/nftables.conf ")
    assert load == f"nft -f {nftables.PATH}"


def test_a_jump_is_not_made_twice(wanted: tuple[Opening, ...]) -> None:
    """A changed rule is loaded without it where it is; nothing at all if all is right."""
    both = json.loads(drops("input", "other", jumps=True))["nftables"]
    chains = [Chain("inet", "filter", "input"), Chain("inet", "filter", "other")]
    text, main = nftables.content(chains, wanted), f"{FLUSHES}# BEGIN miglab\n# END miglab\n"
    main = main.replace("\n# END", f"\n{nftables.INCLUDE}\n# END")
    assert list(nftables.commands("/x", main, text, wanted, both)) == []
    one = [entry for entry in both if entry.get("rule", {}).get("chain") != "other"]
    (load,) = nftables.commands("/x", main, text, wanted, one)
    assert load == f"grep -v -e '^insert rule inet filter input ' {nftables.PATH} | nft -f -"


HOOK = {"family": "inet", "table": "t", "name": "in", "hook": "input", "policy": "accept"}
ALL = {"family": "inet", "table": "t", "chain": "in"}


@pytest.mark.parametrize(
    ("chain", "expr", "expected"),
    [
        ({"policy": "drop"}, [], True),
        ({}, [{"drop": None}], True),
        ({}, [{"counter": {}}, {"log": {}}, {"reject": {"type": "icmpx"}}], True),
        ({}, [{"match": {"op": "=="}}, {"drop": None}], False),
        ({}, [{"accept": None}], False),
        ({"hook": "forward", "policy": "drop"}, [], False),
        ({"family": "ip6", "policy": "drop"}, [], False),
        ({"hook": None}, [{"drop": None}], False),
    ],
)
def test_what_drops_is_found(
    chain: dict[str, str], expr: list[dict[str, Any]], expected: bool
) -> None:
    """By its policy, or by a rule that all meet; rules for some are before or after ours."""
    found = dropping([{"metainfo": {}}, {"chain": HOOK | chain}, {"rule": ALL | {"expr": expr}}])
    assert bool(found) is expected


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "expected nftables' rules in /etc/nftables.conf, found no such file"),
        ({"/etc/nftables.conf": "table x {}\n"}, "expected `flush ruleset` in /etc/nftables.conf"),
    ],
)
def test_what_would_not_last_is_left_to_its_owner(
    topology: Topology, files: dict[str, str], said: str, caplog: pytest.LogCaptureFixture
) -> None:
    """In one line: why, and what to accept where; nothing is done."""
    says = {"nft -j": drops("input")}
    with caplog.at_level("WARNING", logger="pyinfra"):
        host = Machine(active={"nftables.service"}, says=says, files=files)
        assert deploy(host, topology) == []
    (line,) = caplog.messages
    assert said in line
    assert line.endswith(
        "; accept in inet filter input yourself: 192.168.80.161 to TCP 22, 49152-49215"
    )
