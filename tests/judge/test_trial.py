"""A recorded migration as a trial: figures, the rate that was reached, the model's numbers."""

import pytest
from pydantic import ByteSize

from miglab.errors import GuestError
from miglab.judge.edge import MIB
from miglab.judge.model import predict
from miglab.judge.trial import Trial, achieved, trial
from miglab.judge.verdict import judge
from miglab.policy import Policy
from miglab.workload import Load, Pattern
from tests.edges import terms
from tests.histories import history, spoiled


def tried(load: Load | None = None, **changes: object) -> Trial:
    """The run of tests/histories.py, spoiled at dotted places (``__`` for a dot)."""
    run = spoiled({place.replace("__", "."): value for place, value in changes.items()})
    return trial(terms(), load or Load(), run, judge(run), "one")


def test_figures_are_those_of_the_verdict() -> None:
    """With the promise's word, and the folder's name."""
    found, verdict = tried(), judge(history())
    assert (found.kept, found.record) == ("held", "one")
    assert found.client_ms == verdict.downtime_ms.client
    assert (found.total_ms, found.rounds, found.lasted_ms) == (2000, 4, 2000)


def test_the_rate_is_the_one_reached_during_the_move() -> None:
    """7000 pages in two seconds of the guest's own clock."""
    assert achieved(history()) == pytest.approx(7000 * 4096 / 2)
    assert achieved(spoiled({"guest_settled": None})) is None
    assert achieved(spoiled({"guest_settled.mono_ns": 60 * 10**9})) is None


def test_the_model_is_given_what_was_measured() -> None:
    """Memory: declared less free; bandwidth: the policy's; limit: QEMU's own."""
    found = tried()
    model = found.modelled
    assert model is not None
    assert model.memory_bytes == 256 * MIB - 129_612 * 1024
    assert model.bandwidth_bytes_per_s == 64 * MIB
    assert model.dirty_rate_bytes_per_s == found.achieved_bytes_per_s
    assert (model.working_set_bytes, model.downtime_limit_ms) == (64 * MIB, 300)
    assert found.predicted == predict(model)


def test_a_limit_that_was_set_is_the_model_s() -> None:
    """Not QEMU's own."""
    limited = terms().model_copy(update={"policy": Policy(downtime_ms_max=50)})
    run = history()
    found = trial(limited, Load(), run, judge(run), "one")
    assert found.modelled is not None
    assert found.modelled.downtime_limit_ms == 50


def test_more_rewritten_than_seems_used_is_used() -> None:
    """The guest tells of free memory, which is not all that is not used."""
    found = tried(Load(working_set=ByteSize(160 * MIB)))
    assert found.modelled is not None
    assert found.modelled.memory_bytes == 160 * MIB


@pytest.mark.parametrize(("pattern", "known"), [("random", True), ("hotspot", False)])
def test_the_model_knows_two_patterns(pattern: Pattern, known: bool) -> None:
    """And says nothing of the third."""
    found = tried(Load(pattern=pattern))
    assert (found.modelled is not None) == (found.predicted is not None) == known


def test_the_model_knows_nothing_of_post_copy() -> None:
    """Nor of a rate that nobody measured."""
    run = history()
    postcopy = terms().model_copy(update={"policy": Policy(mode="postcopy")})
    assert trial(postcopy, Load(), run, judge(run), "one").modelled is None
    assert tried(guest_settled=None).modelled is None


def test_a_harmed_guest_is_no_trial() -> None:
    """It ends the search."""
    with pytest.raises(GuestError):
        tried(guest_after__load__mismatches=1)
