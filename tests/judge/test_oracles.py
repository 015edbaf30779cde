"""Each oracle's each answer, from a good run spoiled in one place."""

import pytest
from hypothesis import HealthCheck, given, settings

from miglab.guest.pages import expected_digest
from miglab.judge.evidence import Evidence
from miglab.judge.guard import guarded
from miglab.judge.oracles import integrity as integrity_module
from miglab.judge.oracles.finding import Finding, State, unknown
from miglab.judge.oracles.integrity import Integrity, integrity
from miglab.observe.history import History
from tests.histories import (
    BOOT,
    MS,
    OTHER_BOOT,
    RESUME,
    STOP,
    at,
    beacon,
    history,
    mono,
    reading,
    spoiled,
)
from tests.strategies import histories

Changes = dict[str, object]
Case = tuple[str, Changes, State, str]

MISMATCH = {"page": 7, "version": 3, "word": 0, "expected": "00ff", "found": "dead"}
FAILED: Changes = {"outcome.error": "operation aborted"}
BACK: Changes = {
    **FAILED,
    "domains.0": {"host": "source", "state": "running", "persistent": True},
    "domains.1": {"host": "target", "state": "absent"},
}

WRITTEN = 100_000
DIGEST = expected_digest(
    pages=16384, seed=1, compressibility=0, zero=0, pattern="sequential", region_written=WRITTEN
)
SWEPT = {"sweep": 2, "region_written": WRITTEN, "digest": DIGEST}
COMPUTES: Changes = {
    "guest_before.load.cpus": 2,
    "guest_settled.load.computed": 900,
    "guest_rested.load.computed": 950,
}
UNBOUND: Changes = {"guest_before.load.rate": "max"}
KEPT: Changes = {"plan.scenario.policy.undefine_source": False}
COPIED: Changes = {"plan.scenario.policy.copy_storage": "full"}
OOPS = "[ 12.3] Oops: 0000 [#1]"
STEPPED = [
    (number, mono_ns, wall_ns + (50 * MS if number > 500 else 0), received_ns)
    for number, mono_ns, wall_ns, received_ns in beacon().beats
]
LATE = {"client": "192.168.80.121", "offset": 1 << 20, "count": 4096, "handle": "0badcafe"}


def judge(history: History) -> Integrity:
    """All oracles on one history."""
    return integrity(Evidence(history))


CASES: list[Case] = [
    ("memory", {}, "intact", "50000 pages verified, after the move the whole working set of 16384"),
    ("memory", {"guest_after": None}, "unknown", "did not answer"),
    ("memory", {"guest_after.boot_id": OTHER_BOOT}, "broken", "booted anew"),
    ("memory", {"guest_after.load.mismatches": 2}, "broken", "not what they had to be: 2"),
    (
        "memory",
        {"guest_after.load.mismatches": 1, "guest_after.load.first_mismatch": MISMATCH},
        "broken",
        "page 7, 00ff was dead",
    ),
    ("memory", {"guest_after.load.sweeps": 1}, "unknown", "not swept"),
    ("memory", {"guest_after.load.state": "off"}, "unknown", "not swept"),
    ("memory", {"guest_before.load.mismatches": 3}, "unknown", "not swept"),
    (
        "memory",
        {"guest_before.load.mismatches": 3, "guest_after.load.mismatches": 3},
        "intact",
        "verified",
    ),
    ("memory", {"guest_before": None}, "unknown", "has not our program in it"),
    ("memory", {"guest_after.load.swept": SWEPT}, "intact", "is the one that the host reckons"),
    (
        "memory",
        {"guest_after.load.swept": SWEPT | {"region_written": WRITTEN - 1}},
        "broken",
        f"the digest of all pages after {WRITTEN - 1} rewrites is {DIGEST}, must be",
    ),
    (
        "memory",
        {"guest_after.load.swept": SWEPT | {"digest": "0" * 16}},
        "broken",
        f"is {'0' * 16}, must be {DIGEST}",
    ),
    (
        "memory",
        {"guest_after.load.swept": SWEPT, "guest_after.load.zero_pct": 1},
        "broken",
        f"rewrites is {DIGEST}, must be",
    ),
    (
        "memory",
        {"guest_after.load.swept": SWEPT | {"region_written": 120_001}},
        "broken",
        "says that it rewrote 120001 pages of this load, and 120000 in all",
    ),
    ("disk", {}, "intact", "100 acknowledged writes read back"),
    ("disk", {"journal": None}, "unknown", "no write of this run"),
    ("disk", {"journal.first": 121}, "unknown", "no write of this run"),
    ("disk", {"journal.records": []}, "unknown", "only 0 of 100 records"),
    ("disk", {"guest_after.boot_id": OTHER_BOOT}, "unknown", "booted anew"),
    ("disk", {"journal.records.4.whole": False}, "broken", "1 of 100, the first in slot 24"),
    ("disk", {"journal.records.0.boot_id": OTHER_BOOT}, "broken", "the first in slot 20"),
    ("disk", {"journal.records.99.sequence": 119}, "broken", "1 of 100, the first in slot 119"),
    (
        "disk",
        {"journal.records.0.sequence": 21 + 8192, "journal.records.0.mono_ns": mono(5000)},
        "intact",
        "100 acknowledged",
    ),
    ("disk", {"guest_after": None}, "intact", "100 acknowledged"),
    ("disk", {"guest_before": None}, "unknown", "has not our program in it"),
    ("disk", {"journal.records.5.mono_ns": 1}, "broken", "another order than they were made in"),
    ("identity", {"guest_before": None}, "unknown", "has not our program in it"),
    (
        "identity",
        {"wire.writes.99": LATE | {"time_ns": at(RESUME + 5)}},
        "broken",
        "two copies ran: source wrote to the image 1 times after the guest was resumed on target",
    ),
    ("identity", {"wire.writes.99": LATE | {"time_ns": at(STOP + 5)}}, "intact", "same boot"),
    ("identity", {"wire": None}, "intact", "the same boot, running on target only"),
    ("identity", {}, "intact", "the same boot, running on target only"),
    ("identity", BACK, "intact", "the same boot, running on source only"),
    ("identity", FAILED, "broken", "is on target, expected on source"),
    ("identity", {"outcome.error": None, "domains": []}, "unknown", "not said by target"),
    ("identity", {"domains.0.state": "running"}, "broken", "alive on source and target"),
    ("identity", {"domains.0.state": "paused"}, "broken", "alive on source and target"),
    ("identity", {"domains.0.state": "shut off"}, "broken", "definition of the guest is left on"),
    ("identity", KEPT | {"domains.0.state": "shut off"}, "intact", "running on target only"),
    ("identity", KEPT, "intact", "running on target only"),
    ("identity", KEPT | {"domains.0.state": "running"}, "broken", "alive on source and target"),
    (
        "identity",
        KEPT | BACK | {"domains.1.state": "shut off"},
        "broken",
        "definition of the guest is left on target",
    ),
    (
        "identity",
        {"plan.scenario.policy": None, "domains.0.state": "shut off"},
        "broken",
        "definition of the guest is left on source",
    ),
    ("identity", {"domains.1.state": "absent"}, "broken", "alive nowhere"),
    ("identity", {"domains.1.state": "paused"}, "broken", "is paused on target, expected running"),
    ("identity", {"domains.0.state": "unreachable"}, "unknown", "not said by source"),
    ("identity", {"domains.1.state": "unreachable"}, "unknown", "not said by target"),
    (
        "identity",
        {"domains.0.state": "unreachable", "guest_after.boot_id": OTHER_BOOT},
        "broken",
        "boot id changed",
    ),
    ("identity", {"guest_after": None}, "unknown", "did not answer"),
    ("identity", {"guest_after.boot_id": OTHER_BOOT}, "broken", "boot id changed"),
    ("identity", {"guest_after.mono_ns": 1}, "broken", "clock went back"),
    ("identity", {"guest_after.load.written": 99_999}, "broken", "pages written went back"),
    ("identity", {"guest_after.load.sweeps": 0}, "broken", "sweeps went back from 1 to 0"),
    ("identity", {"guest_after.journal.acked": 19}, "broken", "acknowledged went back"),
    ("guest_alive", {}, "intact", "its load rewrites 39.1 MiB/s since the move, 50.0 before"),
    ("guest_alive", {"guest_before": None}, "unknown", "has not our program in it"),
    (
        "guest_alive",
        {"consoles.1.text": f"quiet\n{OOPS}\n"},
        "broken",
        f"console on target has complaints (1×; the first: {OOPS})",
    ),
    ("guest_alive", {"consoles.1.text": OOPS, "guest_before": None}, "broken", OOPS),
    ("guest_alive", {"guest_after.beacon.state": "off"}, "broken", "beacon was to go on"),
    ("guest_alive", {"guest_after.beacon": None}, "broken", "beacon was to go on"),
    ("guest_alive", {"guest_rested.load.written": 112_000}, "broken", "19.5 MiB/s since the move"),
    ("guest_alive", UNBOUND | {"guest_rested.load.written": 112_000}, "intact", "19.5 MiB/s since"),
    ("guest_alive", UNBOUND | {"guest_rested.load.written": 108_000}, "broken", "3.9 MiB/s since"),
    ("guest_alive", {"guest_after": None}, "broken", "did not answer"),
    ("guest_alive", {"guest_after": None, **FAILED}, "broken", "did not answer"),
    (
        "guest_alive",
        {"guest_after.kmsg": {"bad": 2, "first": "BUG: soft lockup"}},
        "broken",
        "complained (2×); first since boot: BUG: soft lockup",
    ),
    (
        "guest_alive",
        {"guest_after.journal.errors": 1, "guest_after.journal.errno": 5},
        "broken",
        "errno 5",
    ),
    ("guest_alive", {"guest_rested.journal.acked": 20}, "broken", "not one write"),
    ("guest_alive", {"guest_rested.load.written": 100_000}, "broken", "load stood still"),
    ("guest_alive", {"guest_rested.load.written": 107_000}, "broken", "load stood still"),
    (
        "guest_alive",
        {"guest_rested.load.written": 107_000, "guest_rested.load.rate": 4096},
        "unknown",
        "too slow to tell",
    ),
    (
        "guest_alive",
        {"guest_rested.load.written": 107_001, "guest_rested.load.rate": 4096},
        "intact",
        "rewrote 1 pages",
    ),
    ("guest_alive", {"guest_rested.journal.acked": 110}, "broken", "not one write"),
    ("guest_alive", {"guest_rested": None}, "intact", "50.8 MiB/s since the move"),
    ("guest_alive", {"guest_settled": None}, "unknown", "not asked at once"),
    ("guest_alive", {"guest_rested.load.state": "off"}, "broken", "it is off"),
    ("guest_alive", {"guest_before.load.rate": 0}, "intact", "complained of nothing"),
    ("guest_alive", COMPUTES, "intact", "its load rewrites 39.1 MiB/s since the move"),
    (
        "guest_alive",
        COMPUTES | {"guest_before.load.rate": 0},
        "intact",
        "computed 50 rounds since the move",
    ),
    (
        "guest_alive",
        COMPUTES | {"guest_rested.load.computed": 900},
        "broken",
        "threads that compute stood still",
    ),
    (
        "guest_alive",
        COMPUTES | {"guest_rested": None, "guest_after.load.computed": 901},
        "intact",
        "its load rewrites",
    ),
    ("guest_alive", {"guest_before.load.state": "off"}, "intact", "complained of nothing"),
    (
        "guest_alive",
        {"guest_before.journal.state": "none", "guest_rested.journal.acked": 20},
        "intact",
        "rewrites",
    ),
    ("clock", {}, "intact", "it fell behind by 120.0 ms"),
    ("clock", {"beacon": None}, "unknown", "not recorded"),
    ("clock", {"beacon.complete": False}, "unknown", "cut off"),
    ("clock", {"beacon.boots": [(0, BOOT), (9, OTHER_BOOT)]}, "unknown", "booted anew"),
    ("clock", {"guest_before": None}, "unknown", "has not our program in it"),
    ("clock", {"beacon.beats.500.2": at(0)}, "intact", "no step of its wall clock"),
    ("clock", {"beacon.beats": STEPPED}, "broken", "wall clock stepped by 50.0 ms"),
    ("clock", {"events": []}, "broken", "fell behind by 120.0 ms, stopped for 0.0 ms"),
    (
        "clock",
        COPIED | {"events": [], "guest_after.journal.max_latency_us": 20_500},
        "intact",
        "it fell behind by 120.0 ms",
    ),
    (
        "clock",
        COPIED | {"events": [], "guest_after.journal.max_latency_us": 19_000},
        "broken",
        "fell behind by 120.0 ms, stopped for 0.0 ms",
    ),
    (
        "clock",
        {"events": [], "guest_after.journal.max_latency_us": 20_500},
        "broken",
        "fell behind by 120.0 ms, stopped for 0.0 ms",
    ),
]


@pytest.mark.parametrize(("oracle", "changes", "state", "words"), CASES)
def test_an_oracle_answers(oracle: str, changes: Changes, state: State, words: str) -> None:
    """Evidence, state, and words that say what was seen."""
    finding: Finding = getattr(judge(spoiled(changes)), oracle)
    assert (finding.state, words in finding.detail) == (state, True), finding


@pytest.mark.parametrize("oracle", list(Integrity.model_fields))
def test_each_oracle_is_seen_in_all_it_can_say(oracle: str) -> None:
    """The table above leaves no answer out."""
    said = {state for name, _, state, _ in CASES if name == oracle}
    assert said == {"intact", "broken", "unknown"}


def test_a_journal_that_went_round_is_judged_by_its_newest_records() -> None:
    """Only what the ring still holds can be asked for."""
    full = spoiled({"journal": reading(1, 20, slots=8).model_dump()})
    assert judge(full).disk.detail.startswith("8 acknowledged writes")


def test_a_record_of_an_earlier_round_is_a_lost_write() -> None:
    """In its slot lies what was there before: what was acknowledged is not in the image."""
    old = reading(10, 12, slots=8).model_dump()
    old["records"][0]["sequence"] = 2
    assert judge(spoiled({"journal": old})).disk.state == "broken"


def test_an_oracle_that_crashes_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault of the judge's own neither passes nor hides the other findings."""

    def crash(_: Evidence) -> Finding:
        raise KeyError("pages")

    monkeypatch.setattr(integrity_module, "memory", crash)
    found = judge(history())
    assert found.memory == unknown("the judge itself failed: KeyError('pages')")
    assert found.disk.state == "intact"


def test_being_interrupted_is_no_finding() -> None:
    """Ctrl-C ends the judge like everything else."""

    def interrupted() -> Finding:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        guarded(interrupted, unknown)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(histories())
def test_no_oracle_crashes_whatever_was_recorded(strange: History) -> None:
    """Every record has an answer with a reason."""
    for _, finding in judge(strange).by_name():
        assert finding.detail
        assert "itself failed" not in finding.detail


def test_the_base_is_the_boot_it_says() -> None:
    """The builder's journal and guest belong together, or all of the above would prove nothing."""
    before = history().guest_before
    assert before is not None
    assert before.boot_id == BOOT
