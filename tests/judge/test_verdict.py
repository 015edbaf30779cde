"""The verdict: worst wins, unknown never passes, and the same record gives the same verdict."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from miglab.judge import figures as figures_module
from miglab.judge.measured import Grade, Measured
from miglab.judge.verdict import Verdict, judge, worst
from miglab.observe.history import History
from tests import strategies
from tests.histories import OTHER_BOOT, STOP, at, history, spoiled, write

Changes = dict[str, object]
GRADES: st.SearchStrategy[Grade] = st.sampled_from(["pass", "fail", "unknown"])
BUDGET = "plan.scenario.budget.client_ms_max"
AT_HOME: Changes = {
    "domains.0": {"host": "source", "state": "running", "persistent": True},
    "domains.1": {"host": "target", "state": "absent"},
}

VIOLATIONS: list[tuple[Changes, str]] = [
    ({"guest_after.load.mismatches": 1}, "memory broken: pages that were not what they had to be"),
    ({"guest_after.load.written": 5}, "identity broken: an old copy runs"),
    ({"guest_after.boot_id": OTHER_BOOT}, "identity broken: the boot id changed"),
    ({"domains.0.state": "running"}, "identity broken: the guest is alive on source and target"),
    ({"domains.0.state": "shut off"}, "identity broken: a definition of the guest is left"),
    ({"journal.records.3.whole": False}, "disk broken: acknowledged writes that are not in"),
    ({"journal.records.3.sequence": 0}, "disk broken: acknowledged writes that are not in"),
    ({"guest_after.journal.errors": 1}, "guest_alive broken: writes failed in the guest"),
    ({"guest_after.kmsg.bad": 1}, "guest_alive broken: the guest's kernel complained"),
    ({"guest_after": None}, "guest_alive broken: the guest did not answer"),
    ({"guest_rested.load.written": 100_000}, "guest_alive broken: the load stood still"),
    ({BUDGET: 100}, "dark for 200.0 ± 2.0 ms, over the budget of 100 ms"),
    ({"outcome.error": "it broke"}, "the guest did not move: it broke"),
    ({"outcome.error": "it broke"}, "identity broken: the guest is on target, expected on source"),
    ({"outcome.error": "it broke", **AT_HOME}, "the guest did not move: it broke"),
]

DOUBTS: list[tuple[Changes, str]] = [
    ({"ping": None}, "how long the network was dark is unknown: not recorded in this run"),
    ({"ping": None, BUDGET: 5000}, "how long the network was dark is unknown"),
    ({"ping.complete": False}, "how long the network was dark is unknown: the recording is cut"),
    ({BUDGET: 201}, "dark for 200.0 ± 2.0 ms, not surely within the budget of 201 ms"),
    ({"faults": ["ping recorder: ended"]}, "ping recorder: ended"),
    ({"outcome.unmet": ["no post-copy"]}, "not as asked for: no post-copy"),
    ({"journal": None}, "disk unknown: no write"),
    ({"journal.records": []}, "disk unknown: only 0 of 100 records"),
    ({"guest_after.load.sweeps": 1}, "memory unknown: the pages were not swept"),
    ({"domains.0.state": "unreachable"}, "identity unknown: where the guest is"),
]


def test_a_good_run_passes() -> None:
    """All claims hold, and each is given as a reason."""
    found = judge(history())
    assert found.verdict == "pass"
    assert found.reasons[0] == "vm1 moved from source to target"
    assert [reason.split()[0] for reason in found.reasons[1:6]] == [
        "memory",
        "disk",
        "identity",
        "guest_alive",
        "clock",
    ]
    assert found.reasons[6] == "dark for 200.0 ± 2.0 ms; no budget was given"


@pytest.mark.parametrize(("changes", "reason"), VIOLATIONS)
def test_a_planted_violation_fails(changes: Changes, reason: str) -> None:
    """With the reason that was planted, and no reason that speaks for the run."""
    found = judge(spoiled(changes))
    assert found.verdict == "fail"
    assert any(said.startswith(reason) for said in found.reasons), found.reasons
    assert not any("intact" in said or "moved from" in said for said in found.reasons)


@pytest.mark.parametrize(("changes", "reason"), DOUBTS)
def test_a_planted_doubt_is_unknown(changes: Changes, reason: str) -> None:
    """What was not seen is not passed, budget or not."""
    found = judge(spoiled(changes))
    assert found.verdict == "unknown"
    assert any(said.startswith(reason) for said in found.reasons), found.reasons


@pytest.mark.parametrize(
    ("limit_ms", "grade"), [(197, "fail"), (198, "unknown"), (201, "unknown"), (202, "pass")]
)
def test_a_budget_is_held_against_the_whole_uncertainty(limit_ms: int, grade: Grade) -> None:
    """It passes or fails only where no possible truth would say otherwise."""
    assert judge(spoiled({BUDGET: limit_ms})).verdict == grade


@pytest.mark.parametrize("doubt", [changes for changes, _ in DOUBTS])
def test_a_violation_outweighs_a_doubt(doubt: Changes) -> None:
    """Unknown does not excuse what is known."""
    assert judge(spoiled({**doubt, "guest_after.load.mismatches": 1})).verdict == "fail"


def test_a_failed_move_has_no_budget() -> None:
    """A guest that stayed at home and was never dark is not praised for it."""
    stayed = judge(spoiled({"outcome.error": "refused", BUDGET: 5000, **AT_HOME}))
    assert stayed.reasons == ("the guest did not move: refused",)
    assert stayed.integrity.identity.detail == "the same boot, running on source only"


@pytest.mark.parametrize("broken", ["client_outage", "of_migration"])
def test_a_measurement_that_crashes_is_unknown(
    broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the other figures are still there."""

    def crash(*_: object) -> Measured:
        raise ZeroDivisionError("nothing sent")

    monkeypatch.setattr(figures_module, broken, crash)
    found = judge(history())
    figure = found.downtime_ms.client if broken == "client_outage" else found.downtime_ms.vcpu
    assert figure.value is None
    assert "judge itself failed" in figure.note
    assert found.downtime_ms.libvirt.value == 125
    assert found.verdict == ("unknown" if broken == "client_outage" else "pass")


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.sampled_from([changes for changes, _ in [*VIOLATIONS, *DOUBTS]] + [{}]), max_size=2)
)
def test_pass_means_that_everything_is_known_and_intact(planted: list[Changes]) -> None:
    """However runs are spoiled: no pass without a move, intact findings and a known darkness."""
    found = judge(_all(planted))
    whole = all(finding.state == "intact" for _, finding in found.integrity.by_name())
    known = found.downtime_ms.client.value is not None and found.migration.error is None
    assert found.verdict != "pass" or (whole and known)
    assert (found.verdict == "pass") == (not any(planted))


def _all(planted: list[Changes]) -> History:
    """The run spoiled by all of these, as far as one has not taken away the next one's place."""
    merged: Changes = {}
    for changes in planted:
        merged |= changes
    gone = {place for place, value in merged.items() if value is None or value == []}
    return spoiled(
        {
            place: value
            for place, value in merged.items()
            if not any(place.startswith(f"{lost}.") for lost in gone)
        }
    )


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(strategies.histories())
def test_whatever_was_recorded_has_a_verdict(strange: History) -> None:
    """With a reason, the same each time, and it can be read back from its own JSON."""
    found = judge(strange)
    assert found.reasons
    assert found == judge(strange)
    assert Verdict.model_validate_json(found.model_dump_json(by_alias=True)) == found
    assert found.verdict != "pass"


@pytest.mark.parametrize("changes", [{}, *(changes for changes, _ in [*VIOLATIONS, *DOUBTS])])
def test_a_written_record_is_judged_alike(changes: Changes, tmp_path: Path) -> None:
    """Judged again from its folder, the run has the identical verdict."""
    run = spoiled(changes)
    assert judge(History.read(write(run, tmp_path))) == judge(run)


@given(st.lists(GRADES), GRADES)
def test_the_worst_grade_wins(grades: list[Grade], more: Grade) -> None:
    """fail over unknown over pass; another grade never makes it better; order does not matter."""
    order: list[Grade] = ["pass", "unknown", "fail"]
    if grades:
        assert worst(grades) == max(grades, key=order.index)
        assert order.index(worst([*grades, more])) >= order.index(worst(grades))
    assert worst(reversed(grades)) == worst(grades)
    assert (worst(grades) == "pass") == (set(grades) == {"pass"})


def test_nothing_at_all_is_unknown() -> None:
    """No claim, no pass."""
    assert worst([]) == "unknown"


def test_libvirt_s_figure_after_postcopy_says_what_it_leaves_out() -> None:
    """It ends when the last package is sent, and must not be read as the guest's pause."""
    assert judge(history()).downtime_ms.libvirt.note == ""
    postcopy = judge(spoiled({"plan.scenario.policy.mode": "postcopy"}))
    assert "without the time until the target runs" in postcopy.downtime_ms.libvirt.note


def test_what_was_not_recorded_says_so() -> None:
    """All five quantities are always there."""
    bare = spoiled({"outcome.job": {}, "beacon": None})
    found = json.loads(judge(bare).model_dump_json())["downtime_ms"]
    notes = {name: figure["note"] for name, figure in found.items()}
    assert notes["libvirt"] == "libvirt gave no figure"
    assert notes["guest"] == notes["disk"] == "not recorded in this run"


FIGURES = {"client": 200, "vcpu": 120, "libvirt": 125, "guest": 120, "disk": 120}


@pytest.mark.parametrize("vantage", FIGURES)
def test_every_vantage_finds_the_truth(vantage: str) -> None:
    """Of a run whose truth is known, within what it says of itself."""
    figure: Measured = getattr(judge(history()).downtime_ms, vantage)
    assert figure.value is not None
    assert figure.uncertainty is not None
    assert abs(figure.value - FIGURES[vantage]) <= figure.uncertainty


CONTRADICTIONS: list[tuple[Changes, str]] = [
    (
        {"events.0.time_ns": at(STOP - 400)},
        "client (200.0 ± 2.0 ms) and vcpu (520.0 ± 0.0 ms) contradict each other",
    ),
    (
        {"events.0.time_ns": at(STOP + 60)},
        "guest (120.0 ± 0.1 ms) and vcpu (60.0 ± 0.0 ms) contradict each other: they must be equal",
    ),
    (
        {"outcome.job.downtime_ms": 60},
        "libvirt (60.0 ± 1.0 ms) and vcpu (120.0 ± 0.0 ms) contradict each other",
    ),
    (
        {"wire.announcements.0.node": "elsewhere"},
        "wire and vcpu contradict each other: elsewhere announced the guest by RARP",
    ),
    (
        {"wire.writes.30.client": "192.168.80.161"},
        "wire and vcpu contradict each other: 1 writes from target before the guest was stopped",
    ),
]


@pytest.mark.parametrize(("changes", "words"), CONTRADICTIONS)
def test_vantages_that_contradict_each_other_are_named(changes: Changes, words: str) -> None:
    """Nobody knows which is wrong, so the verdict is unknown."""
    found = judge(spoiled(changes))
    assert any(words in said for said in found.contradictions), found.contradictions
    assert found.verdict == "unknown"
    assert set(found.contradictions) <= set(found.reasons)


def test_a_clock_that_was_set_makes_it_unknown() -> None:
    """No stamp of ours can be held against another then."""
    found = judge(spoiled({"clocks.jump_ns": -3_000_000}))
    assert found.verdict == "unknown"
    said = "the clock of the recording machine was set by -3.0 ms meanwhile"
    assert found.reasons == (said,)


WATCHED: Changes = {
    "plan.kind": "watch",
    "plan.target": None,
    "plan.scenario.policy": None,
    "command": {"argv": ["virsh", "migrate"], "exit_code": 0},
}


def test_a_watched_command_is_judged_like_a_migration() -> None:
    """Where the guest went is found by itself."""
    found = judge(spoiled(WATCHED))
    assert found.verdict == "pass", found.reasons
    assert [(move.source, move.target) for move in found.moves] == [("source", "target")]
    assert (found.migration.target, found.migration.mode) == ("target", "watched")
    assert found.downtime_ms.vcpu.value == 120


@pytest.mark.parametrize(("code", "grade"), [(0, "pass"), (None, "pass"), (1, "fail")])
def test_a_command_that_fails_is_a_failure(code: int | None, grade: Grade) -> None:
    """One that had to be ended is none."""
    done = {"argv": ["virsh", "migrate"], "exit_code": code, "last_words": "error: no route"}
    found = judge(spoiled(WATCHED | {"command": done}))
    assert found.verdict == grade
    said = "virsh ended with exit code 1: error: no route"
    assert (said in found.reasons) == (grade == "fail")


def test_a_guest_without_our_program_is_judged_from_outside() -> None:
    """What only it could tell is unknown by name, and so is the verdict."""
    changes = WATCHED | {"guest_before": None, "guest_settled": None, "guest_rested": None}
    gone = {"guest_after": None, "beacon": None, "stream": None, "journal": None}
    found = judge(spoiled(changes | gone))
    assert found.verdict == "unknown"
    assert found.downtime_ms.client.value == 200
    unknown = [name for name, finding in found.integrity.by_name() if finding.state == "unknown"]
    assert unknown == ["memory", "disk", "identity", "guest_alive", "clock"]


OLD = Path(__file__).parents[1] / "data" / "run-format-1"


def test_a_record_of_format_1_is_judged_as_it_was() -> None:
    """By what it has; what was not recorded then is no reason against it now."""
    then = json.loads((OLD / "verdict.json").read_text())
    now = judge(History.read(OLD))
    assert now.verdict == then["verdict"]
    for name in ("client", "vcpu", "libvirt"):
        assert getattr(now.downtime_ms, name).value == then["downtime_ms"][name]["value"]
    for name in ("memory", "disk", "identity", "guest_alive"):
        assert getattr(now.integrity, name).state == then["integrity"][name]["state"]
