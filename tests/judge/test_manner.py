"""Whether a guest was moved as its policy says, by what passed on the wire."""

import pytest
from hypothesis import HealthCheck, given, settings

from miglab.judge.evidence import Evidence
from miglab.judge.manner import connections, rate, shown
from miglab.judge.oracles.finding import State
from miglab.observe.history import History
from miglab.policy import NAMED, Policy
from tests import strategies
from tests.histories import CONNECTED, DATA_PORT, RATE, SOURCE, STARTED, STOP, TARGET, at, spoiled
from tests.histories import connections as to_target

Changes = dict[str, object]
BEGUN = [each.model_dump() for each in to_target(3)]
HELLO = [each.model_dump() for each in to_target(3, "hello")]
NOWHERE: Changes = {"environment.addresses": {"source": str(SOURCE)}}
MIB = 1 << 20


def seen(*begun: dict[str, object]) -> Changes:
    """A wire on which nothing else began."""
    return {"wire.connections": list(begun)}


CASES: list[tuple[str, Changes, State, str]] = [
    ("multifd-2", {}, "intact", "streams: 3 connections, expected 3"),
    ("multifd-4", {}, "broken", "streams: 3 connections, expected 5"),
    ("multifd-2", seen(*BEGUN[:2]), "broken", "streams: 2 connections, expected 3"),
    ("multifd-2", seen(*BEGUN, *BEGUN), "intact", "streams: 6 connections, expected 3"),
    ("multifd-2", seen(*HELLO), "broken", "streams: 0 connections, expected 3"),
    ("multifd-2", seen(), "broken", "streams: 0 connections, expected 3"),
    (
        "multifd-2",
        seen(*BEGUN[:2], BEGUN[2] | {"time_ns": at(STARTED - 1)}),
        "broken",
        "streams: 2 connections, expected 3",
    ),
    (
        "multifd-2",
        seen(*BEGUN[:2], BEGUN[2] | {"port": 22}),
        "broken",
        "streams: 2 connections, expected 3",
    ),
    (
        "multifd-2",
        seen(*BEGUN[:2], BEGUN[2] | {"client": TARGET, "server": SOURCE}),
        "broken",
        "streams: 2 connections, expected 3",
    ),
    ("multifd-2", {"wire": None}, "unknown", "streams: not recorded in this run"),
    ("multifd-2", {"wire.version": 1}, "unknown", "streams: not recorded in this run"),
    ("multifd-2", {"wire.dropped": 1}, "unknown", "streams: the recording of the wire has gaps"),
    ("multifd-2", {"wire.complete": False}, "unknown", "streams: the recording of the wire has"),
    ("multifd-2", NOWHERE, "unknown", "streams: the address of target is not in the record"),
    ("p2p+tunnelled", {}, "broken", "tunnelled: 3 connections besides libvirt's own"),
    ("p2p+tunnelled", seen(), "intact", "tunnelled: 0 connections besides libvirt's own"),
    ("p2p+tunnelled", seen(BEGUN[0] | {"port": 16509}), "intact", "tunnelled: 0 connections"),
    ("p2p+tunnelled", {"wire": None}, "unknown", "tunnelled: not recorded"),
    ("tls", {}, "broken", "tls: 0 of 3 connections began with TLS"),
    ("tls", seen(*BEGUN, *HELLO), "intact", "tls: 3 of 3 connections began with TLS"),
    ("tls", seen(*BEGUN, *HELLO[:2]), "broken", "tls: 2 of 3 connections began with TLS"),
    ("tls", seen(), "broken", "tls: 0 of 0 connections began with TLS"),
    ("tls", {"wire": None}, "unknown", "tls: not recorded"),
    ("precopy+32MiB/s", {}, "broken", "bandwidth: 100.0 MiB/s over 1.4 s, allowed 32MiB/s"),
    ("precopy+88MiB/s", {}, "broken", "bandwidth: 100.0 MiB/s over 1.4 s, allowed 88MiB/s"),
    ("precopy+90MiB/s", {}, "intact", "bandwidth: 100.0 MiB/s over 1.4 s, allowed 90MiB/s"),
    ("precopy+256MiB/s", {}, "intact", "bandwidth: 100.0 MiB/s over 1.4 s, allowed 256MiB/s"),
    (
        "precopy+32MiB/s",
        {"events.0.time_ns": at(CONNECTED + 500)},
        "unknown",
        "over 0.4 s, allowed 32MiB/s: too short to tell",
    ),
    ("precopy+32MiB/s", {"wire.traffic": []}, "unknown", "too short to tell"),
    ("precopy+32MiB/s", {"wire": None}, "unknown", "bandwidth: not recorded"),
]


@pytest.mark.parametrize(("name", "changes", "state", "words"), CASES)
def test_what_was_asked_for_is_seen_or_not(
    name: str, changes: Changes, state: State, words: str
) -> None:
    """One claim for each of these policies."""
    (found,) = shown(Evidence(spoiled(changes)), Policy.named(name))
    said = f"{found.asked}: {found.detail}"
    assert (found.state, words in said) == (state, True), said


@pytest.mark.parametrize("asked", ["streams", "tunnelled", "tls", "bandwidth"])
def test_each_claim_is_seen_in_all_it_can_be(asked: str) -> None:
    """The table above leaves no answer out."""
    words = {"multifd": "streams", "p2p": "tunnelled", "tls": "tls", "precopy": "bandwidth"}
    of = {words[name.split("+")[0].split("-")[0]]: set[State]() for name, *_ in CASES}
    for name, _, state, _ in CASES:
        of[words[name.split("+")[0].split("-")[0]]].add(state)
    assert of[asked] == {"intact", "broken", "unknown"}


def test_several_claims_stand_side_by_side() -> None:
    """Each by itself, also where the wire tells nothing at all."""
    policy = Policy.named("multifd-2+64MiB/s+tls")
    ways = [(way.asked, way.state) for way in shown(Evidence(spoiled({})), policy)]
    assert ways == [("streams", "intact"), ("tls", "broken"), ("bandwidth", "broken")]
    unseen = shown(Evidence(spoiled({"wire": None})), policy)
    assert [(way.asked, way.state) for way in unseen] == [
        ("streams", "unknown"),
        ("tls", "unknown"),
        ("bandwidth", "unknown"),
    ]


@pytest.mark.parametrize(
    ("name", "state"),
    [
        ("multifd-2+84MiB/s", "intact"),
        ("multifd-2+76MiB/s", "broken"),
        ("precopy+84MiB/s", "broken"),
    ],
)
def test_every_channel_may_end_its_packet(name: str, state: State) -> None:
    """Of half a MiB, ten times a second; the one of 100 MiB/s was recorded."""
    ways = {way.asked: way.state for way in shown(Evidence(spoiled({})), Policy.named(name))}
    assert ways["bandwidth"] == state


SILENT = ("precopy", "auto-converge", "postcopy", "xbzrle", "p2p", "copy-storage", "offline")


@pytest.mark.parametrize("name", SILENT)
def test_nothing_is_claimed_that_the_wire_does_not_tell(name: str) -> None:
    """Also without a wire."""
    for changes in ({}, {"wire": None}):
        assert shown(Evidence(spoiled(changes)), NAMED[name]) == ()
    disk = Policy.named("copy-storage+32MiB/s")  # what is sent then is not memory alone
    assert shown(Evidence(spoiled({})), disk) == ()


def test_the_rate_is_the_source_s_while_the_guest_ran_there() -> None:
    """From the first connection on, which may be long after libvirt was asked."""
    found = rate(Evidence(spoiled({})))
    assert found.bytes_per_s == pytest.approx(RATE, rel=0.01)
    assert found.seconds == pytest.approx(1.4)
    alone = rate(Evidence(spoiled({"wire.connections": []})))
    sent = RATE * (STOP - CONNECTED) / (STOP - STARTED)
    assert alone.bytes_per_s == pytest.approx(sent, rel=0.01)
    assert alone.seconds == pytest.approx(1.5)


def test_connections_are_counted_by_what_they_are() -> None:
    """Those of the guest's memory alone."""
    evidence = Evidence(spoiled(seen(*BEGUN, *HELLO[:1], BEGUN[0] | {"port": DATA_PORT + 64})))
    assert (connections(evidence, "begun"), connections(evidence, "hello")) == (3, 1)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(strategies.histories(), strategies.policies())
def test_every_record_has_an_answer(strange: History, policy: Policy) -> None:
    """With a reason, each claim once, whatever was recorded."""
    found = shown(Evidence(strange), policy)
    assert len({way.asked for way in found}) == len(found)
    assert all(way.detail for way in found)
    assert not found or policy.streams or policy.tls or policy.tunnelled or policy.bandwidth
