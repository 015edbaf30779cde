"""The verdict: worst wins, unknown never passes, and the same record gives the same verdict."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from miglab.judge import figures as figures_module
from miglab.judge import verdict as verdict_module
from miglab.judge.manner import Shown
from miglab.judge.measured import Grade, Measured
from miglab.judge.verdict import Verdict, judge, worst
from miglab.observe.clocks import Clocks, HostClock
from miglab.observe.events import Event
from miglab.observe.history import History
from tests import strategies
from tests.histories import OTHER_BOOT, RESUME, STOP, at, history, spoiled, write

Changes = dict[str, object]
GRADES: st.SearchStrategy[Grade] = st.sampled_from(["pass", "fail", "unknown"])
BUDGET = "plan.scenario.budget.client_ms_max"
STREAMS = "plan.scenario.policy.streams"
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
    ({STREAMS: 3}, "streams: 3 connections, expected 4"),
    ({"plan.scenario.policy.tls": True}, "tls: 0 of 3 connections began with TLS"),
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
    ({STREAMS: 2, "wire": None}, "streams: not recorded in this run"),
    ({STREAMS: 2, "wire.dropped": 1}, "streams: the recording of the wire has gaps"),
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
        {
            "events.0.time_ns": at(STOP + 60),
            "plan.scenario.policy.copy_storage": "full",
            "guest_after.journal.max_latency_us": 4_000,
        },
        "guest (120.0 ± 0.1 ms) and vcpu (60.0 ± 0.0 ms) contradict each other: they must be equal",
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


@pytest.mark.parametrize(("event", "by_ms", "agree"), [(0, 50, True), (1, 20, False)])
def test_the_clock_may_stand_sooner_than_qemu_says(event: int, by_ms: int, agree: bool) -> None:
    """A vCPU's thread waits for its turn to stop; nothing lets the clock go on before QEMU says."""
    late = at((STOP, RESUME)[event] + by_ms)
    said = judge(spoiled({f"events.{event}.time_ns": late})).contradictions
    assert any("guest (" in each for each in said) != agree, said


@pytest.mark.parametrize(("late_ms", "agree"), [(60, False), (70, True)])
def test_libvirt_begins_as_late_as_it_says_what_qemu_said(late_ms: int, agree: bool) -> None:
    """On a busy host later than usual, which is seen by when it tells of the resume."""
    resumed = {"host": "target", "vantage": "libvirt", "name": "RESUMED"}
    events = [each.model_dump() for each in history().events]
    events.append(resumed | {"time_ns": at(RESUME + late_ms)})
    said = judge(spoiled({"outcome.job.downtime_ms": 55})).contradictions
    assert any("libvirt (" in each for each in said)
    late = history().model_copy(update={"events": tuple(map(Event.model_validate, events))})
    said = judge(spoiled({"outcome.job.downtime_ms": 55}, late)).contradictions
    assert any("libvirt (" in each for each in said) != agree, said


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


def test_a_clock_may_stand_while_a_copied_disk_is_drained() -> None:
    """As long as the longest write that the guest saw; no contradiction then."""
    stopped = {"events.0.time_ns": at(STOP + 60), "guest_after.journal.max_latency_us": 60_000}
    assert judge(spoiled(stopped)).contradictions
    copied = stopped | {"plan.scenario.policy.copy_storage": "incremental"}
    assert judge(spoiled(copied)).contradictions == ()


def test_what_was_asked_for_is_shown() -> None:
    """A claim that holds is a reason, and one that was not made is none."""
    assert judge(history()).manner == ()
    found = judge(spoiled({STREAMS: 2}))
    assert found.verdict == "pass"
    assert "streams: 3 connections, expected 3" in found.reasons
    assert [(way.asked, way.state) for way in found.manner] == [("streams", "intact")]


@pytest.mark.parametrize("changes", [WATCHED, {STREAMS: 9, "outcome.error": "it broke"}])
def test_nothing_is_claimed_of_what_did_not_come_about(changes: Changes) -> None:
    """Nor of another's migration."""
    assert judge(spoiled(changes)).manner == ()


def test_a_judge_of_manner_that_crashes_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault of the judge's own does not pass for the policy's."""

    def crash(*_: object) -> tuple[Shown, ...]:
        raise KeyError("source")

    monkeypatch.setattr(verdict_module, "shown", crash)
    found = judge(history())
    assert found.verdict == "unknown"
    assert found.reasons == ("precopy: the judge itself failed: KeyError('source')",)


def test_what_cannot_be_done_here_says_so() -> None:
    """It fails all the same: the guest did not move."""
    found = judge(spoiled({"outcome.error": "no such thing", "outcome.unsupported": True}))
    assert (found.unsupported, found.verdict) == (True, "fail")
    assert not judge(history()).unsupported


DATA = Path(__file__).parents[1] / "data"


@pytest.mark.parametrize("version", [1, 2])
def test_an_old_record_is_judged_as_it_was(version: int) -> None:
    """By what it has; what was not recorded then is no reason against it now."""
    folder = DATA / f"run-format-{version}"
    then, run = json.loads((folder / "verdict.json").read_text()), History.read(folder)
    now = judge(run)
    assert run.plan.format == then["schema_version"] == version
    assert (run.deeds, run.dirty_rate) == ((), None)
    assert now.verdict == then["verdict"] == "pass"
    for name, figure in then["downtime_ms"].items():
        assert getattr(now.downtime_ms, name).value == figure["value"]
    for name, finding in then["integrity"].items():
        assert getattr(now.integrity, name).state == finding["state"]
    for name in ("from", "to", "error", "total_ms", "transferred_bytes", "rounds"):
        assert now.model_dump(by_alias=True)["migration"][name] == then["migration"][name]
    assert (now.manner, now.fate) == ((), "moved")


def test_an_old_record_is_not_held_to_what_it_cannot_show() -> None:
    """Before format 3 the wire told nothing of connections."""
    old = {STREAMS: 2, "plan.format": 2, "wire.version": 1, "wire.connections": []}
    found = judge(spoiled(old | {"wire.traffic": []}))
    assert (found.verdict, found.manner) == ("pass", ())


def clock(host: str, offset_ms: float, uncertainty_ms: float = 0.4) -> HostClock:
    """A host that has a clock of its own."""
    return HostClock(
        host=host,
        shared=False,
        offset_ns=round(offset_ms * 1e6),
        uncertainty_ns=round(uncertainty_ms * 1e6),
    )


@pytest.mark.parametrize(("source_ms", "target_ms"), [(0, 250), (0, -250), (1000, -3600e3), (7, 7)])
def test_hosts_whose_clocks_are_off_are_judged_alike(source_ms: float, target_ms: float) -> None:
    """Their stamps are brought to our clock, and how unsure that is goes with the figure."""
    stamped: Changes = {
        "events.0.time_ns": at(STOP + source_ms),
        "events.1.time_ns": at(RESUME + target_ms),
    }
    clocks = Clocks(hosts=(clock("source", source_ms + 0.3), clock("target", target_ms - 0.3)))
    run = spoiled(stamped).model_copy(update={"clocks": clocks})
    found, right = judge(run), judge(history())
    vcpu, truth = found.downtime_ms.vcpu, right.downtime_ms.vcpu
    assert vcpu.value is not None
    assert truth.value is not None
    assert vcpu.uncertainty == pytest.approx(0.802)
    assert 0 < abs(vcpu.value - truth.value) <= 0.802
    assert (found.verdict, found.contradictions) == (right.verdict, ())
    assert [(move.source, move.target) for move in found.moves] == [("source", "target")]


def test_a_clock_that_is_off_unnoticed_is_a_contradiction() -> None:
    """Taken for ours, it has the vCPUs stand longer than the network was dark."""
    found = judge(spoiled({"events.1.time_ns": at(RESUME + 250)}))
    assert found.verdict == "unknown"
    assert any("vcpu" in each for each in found.contradictions)


def test_clocks_that_nobody_compared_tell_no_length() -> None:
    """Where the hosts are machines of their own; containers of one have one clock."""
    run = spoiled({"environment.origin": "site"}).model_copy(update={"clocks": None})
    vcpu = judge(run).downtime_ms.vcpu
    assert (vcpu.value, vcpu.note) == (None, "the hosts' clocks were not held against ours")
    assert judge(history().model_copy(update={"clocks": None})).downtime_ms.vcpu.value
