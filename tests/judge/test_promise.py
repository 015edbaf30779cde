"""Whether a recorded migration kept a promise, and what says nothing about it."""

from collections.abc import Mapping

import pytest
from pydantic import ValidationError

from miglab.errors import GuestError, LabError
from miglab.judge.bisection import Kept
from miglab.judge.model import Prediction
from miglab.judge.promise import Promise, kept
from miglab.judge.verdict import judge
from tests.histories import spoiled

LATE = "not done within 6 s, cancelled: operation aborted: migration out job"
STUCK = "not done within 6 s, it could not be cancelled and goes on: error"
AT_HOME: dict[str, object] = {
    "domains.0": {"host": "source", "state": "running", "persistent": True},
    "domains.1": {"host": "target", "state": "absent"},
}


def said(changes: Mapping[str, object], **promise: int) -> Kept:
    """Of the run that was dark for 200 ± 2 ms and took 2000 ms, spoiled in places."""
    history = spoiled(changes)
    return kept(Promise(**promise), history, judge(history))


@pytest.mark.parametrize(
    ("promise", "word"),
    [
        ({"client_ms_max": 250}, "held"),
        ({"client_ms_max": 150}, "broken"),
        ({"client_ms_max": 200}, "unknown"),
        ({"total_ms_max": 2001}, "held"),
        ({"total_ms_max": 1998}, "broken"),
        ({"total_ms_max": 2000}, "unknown"),
        ({"client_ms_max": 250, "total_ms_max": 1000}, "broken"),
        ({"client_ms_max": 150, "total_ms_max": 2000}, "broken"),
        ({"client_ms_max": 200, "total_ms_max": 3000}, "unknown"),
        ({"client_ms_max": 250, "total_ms_max": 3000}, "held"),
    ],
)
def test_figures_are_taken_with_their_uncertainty(promise: dict[str, int], word: Kept) -> None:
    """One broken part is enough; all have to be kept for certain."""
    assert said({}, **promise) == word


def test_a_promise_says_something() -> None:
    """There is no edge of nothing."""
    with pytest.raises(ValidationError, match="expected client_ms_max, total_ms_max or both"):
        Promise()


def test_what_was_given_up_has_broken_it() -> None:
    """Whatever was promised: the guest is where it was, and unharmed."""
    changes = AT_HOME | {"outcome.error": LATE}
    assert said(changes, client_ms_max=250) == said(changes, total_ms_max=9999) == "broken"


@pytest.mark.parametrize("error", [STUCK, "internal error: unable to connect to the target"])
def test_another_reason_not_to_move_is_no_answer(error: str) -> None:
    """It is told in libvirt's words."""
    with pytest.raises(LabError, match=error):
        said(AT_HOME | {"outcome.error": error}, total_ms_max=3000)


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"guest_after.load.mismatches": 1}, "memory broken"),
        ({"guest_after.kmsg.bad": 1}, "guest_alive broken"),
        ({"guest_after.load.mismatches": 1, "outcome.error": LATE}, "memory broken"),
    ],
)
def test_a_harmed_guest_is_no_answer(changes: dict[str, object], part: str) -> None:
    """Also if the promise was kept, or broken."""
    for total_ms_max in (1000, 3000):
        with pytest.raises(GuestError, match=part):
            said(changes, total_ms_max=total_ms_max)


def test_a_starved_load_makes_for_doubt_only() -> None:
    """The guest did not get on for want of the machine; the trial is repeated."""
    slow: dict[str, object] = {"guest_rested.load.written": 107_100}
    assert judge(spoiled(slow)).integrity.guest_alive.state == "broken"
    assert said(slow, total_ms_max=3000) == "unknown"
    assert said(slow, total_ms_max=1000) == "broken"


def test_a_guest_that_did_not_answer_says_nothing() -> None:
    """Not even that it was late; the next trial shows whether it is alive."""
    silent: dict[str, object] = {"guest_after": None}
    assert judge(spoiled(silent)).integrity.guest_alive.state == "broken"
    assert said(silent, total_ms_max=3000) == said(silent, total_ms_max=1000) == "unknown"


@pytest.mark.parametrize(
    "changes",
    [
        {"faults": ["the target's clock was not told"]},
        {"journal": None},
        {"guest_after.load.sweeps": 1},
        {"clocks.jump_ns": 10**9},
        {"events.1.time_ns": 1_700_000_002_900_000_000},
    ],
)
def test_what_may_be_amiss_does_not_hold(changes: dict[str, object]) -> None:
    """A fault, an oracle without evidence, vantages that contradict each other."""
    assert said(changes, client_ms_max=250) == "unknown"
    assert said(changes, total_ms_max=3000) == "unknown"
    assert said(changes, total_ms_max=1000) == "broken"


def test_contradicting_vantages_break_nothing_either() -> None:
    """Nobody knows whether the client is the one that is wrong."""
    later: dict[str, object] = {"events.1.time_ns": 1_700_000_002_900_000_000}
    assert judge(spoiled(later)).contradictions
    assert said(later, client_ms_max=100) == "unknown"


def test_without_a_figure_nothing_is_known() -> None:
    """Of the client or of libvirt."""
    assert said({"ping": None}, client_ms_max=250) == "unknown"
    assert said({"outcome.job.total_ms": None}, total_ms_max=3000) == "unknown"


@pytest.mark.parametrize(
    ("total_s", "downtime_ms", "promise", "word"),
    [
        (3.9, 100, {"total_ms_max": 4000}, "held"),
        (4.1, 100, {"total_ms_max": 4000}, "broken"),
        (None, 100, {"total_ms_max": 4000}, "broken"),
        (9.0, 100, {"client_ms_max": 99}, "broken"),
        (9.0, 100, {"client_ms_max": 100}, "held"),
        (3.0, 100, {"client_ms_max": 50, "total_ms_max": 4000}, "broken"),
    ],
)
def test_the_model_s_word(
    total_s: float | None, downtime_ms: float, promise: dict[str, int], word: Kept
) -> None:
    """What never ends keeps no time."""
    prediction = Prediction(
        converges=True,
        rounds=None,
        live_s=None,
        total_s=total_s,
        traffic_bytes=None,
        residual_bytes=0,
        downtime_ms_min=downtime_ms,
    )
    assert Promise(**promise).foreseen(prediction) == word


def test_the_model_s_never() -> None:
    """Without convergence even a downtime that would do is none that comes."""
    never = Prediction(
        converges=False,
        rounds=None,
        live_s=None,
        total_s=None,
        traffic_bytes=None,
        residual_bytes=0,
        downtime_ms_min=1,
    )
    assert Promise(client_ms_max=50).foreseen(never) == "broken"
