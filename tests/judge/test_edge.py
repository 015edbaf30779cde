"""The two searches, one behind the other, on migrations that go as the model says."""

from itertools import pairwise
from math import ceil, log2

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ByteSize

from miglab.judge.bisection import Kept
from miglab.judge.edge import MIB, RATES, Answer, EdgeSearch, working_sets
from miglab.judge.grid import suppose
from miglab.judge.trial import Trial
from miglab.policy import Policy
from miglab.workload import Load
from tests.edges import MAX_MIB_PER_S, searched, simulated, terms


def answer(total_ms_max: int = 4000) -> Answer:
    """64 MiB rewritten over 64 MiB/s."""
    return searched(EdgeSearch(terms(total_ms_max=total_ms_max), Load())).answer


def test_the_grid_begins_at_4_and_ends_at_max() -> None:
    """Each step a half or a third more; rates and working sets alike."""
    numbers = [rate for rate in RATES if rate != "max"]
    assert (numbers[0], numbers[-1], RATES[-1]) == (4 * MIB, 512 * MIB, "max")
    ratios = [later / sooner for sooner, later in pairwise(numbers)]
    assert all(1.3 < ratio <= 1.5 for ratio in ratios)
    assert working_sets(10 * MIB) == tuple(n * MIB for n in (4, 6, 8, 10))
    assert working_sets(2 * MIB) == (2 * MIB,)


def test_an_edge_is_found_on_both_axes() -> None:
    """The rate first, then how much must be rewritten at it."""
    found = answer()
    assert found.state == "found"
    assert found.rates.held is not None
    assert found.rates.broken is not None
    assert (found.rates.held.rate, found.rates.broken.rate) == (32 * MIB, 48 * MIB)
    wider = found.working_sets
    assert wider is not None
    assert wider.state == "found"
    assert wider.held is not None
    assert wider.broken is not None
    assert wider.held.working_set < wider.broken.working_set <= 64 * MIB
    assert wider.broken.rate == found.rates.broken.rate
    assert len(found.trials) <= ceil(log2(len(RATES) + 1)) + ceil(log2(9 + 1)) + 4


def test_where_all_goes_by_the_model_the_model_is_right() -> None:
    """Predicted and measured are the same then, on both axes."""
    found = answer()
    for edge in (found.rates, found.working_sets):
        assert edge is not None
        assert (edge.predicted_held, edge.predicted_broken) == (edge.held, edge.broken)


def test_a_promise_that_is_never_broken() -> None:
    """Held at max: there is no working set to search."""
    postcopy = terms().model_copy(update={"policy": Policy(mode="postcopy")})
    found = searched(EdgeSearch(postcopy, Load()), tell=lambda _: "held").answer
    assert (found.state, found.rates.broken, found.working_sets) == ("never", None, None)
    assert found.rates.held is not None
    assert found.rates.held.rate == "max"


def test_a_promise_that_is_always_broken() -> None:
    """At the lowest rate already, with the smallest working set too."""
    found = answer(total_ms_max=100)
    assert (found.state, found.rates.held) == ("always", None)
    assert found.rates.broken is not None
    assert found.rates.broken.rate == 4 * MIB
    assert found.working_sets is not None
    assert (found.working_sets.state, found.working_sets.held) == ("always", None)


@pytest.mark.parametrize("trials_max", range(6))
def test_too_few_trials_are_unknown(trials_max: int) -> None:
    """What is known so far is told as such, and no working set is searched yet."""
    search = searched(EdgeSearch(terms(), Load()), trials_max)
    assert len(search.trials) == trials_max
    assert search.answer.state == "unknown"
    assert search.answer.working_sets is None


def test_trials_that_cannot_tell_are_unknown() -> None:
    """They are repeated for a while."""
    found = searched(EdgeSearch(terms(), Load()), tell=lambda _: "unknown").answer
    assert (found.state, found.rates.held, found.rates.broken) == ("unknown", None, None)


@settings(deadline=None, max_examples=25)
@given(st.integers(2100, 8000), st.data())
def test_one_lie_at_each_point_changes_nothing(total_ms_max: int, data: st.DataObject) -> None:
    """The interval is that of the quiet machine."""
    told: set[Load] = set()

    def tell(trial: Trial) -> Kept:
        if trial.load in told or not data.draw(st.booleans()):
            return trial.kept
        told.add(trial.load)
        return "broken" if trial.kept == "held" else "held"

    quiet = answer(total_ms_max)
    noisy = searched(EdgeSearch(terms(total_ms_max=total_ms_max), Load()), tell=tell).answer
    assert (noisy.rates.held, noisy.rates.broken) == (quiet.rates.held, quiet.rates.broken)


def test_points_count_their_trials() -> None:
    """Also those of the other axis, where the load is the same."""
    found = answer()
    for edge in (found.rates, found.working_sets):
        assert edge is not None
        for point in edge.points:
            mine = [trial for trial in found.trials if trial.load == point.load]
            assert point.held + point.broken + point.unknown == len(mine)
            assert (point.achieved_bytes_per_s is None) == (not mine)


def test_nothing_is_said_of_max_before_it_was_tried() -> None:
    """Then its rate is known; other loads are taken at their word."""
    tried = [simulated(terms(), Load(rate=ByteSize(8 * MIB)))]
    assert suppose(Load(rate="max"), tried) is None
    asked = suppose(Load(rate=ByteSize(16 * MIB), working_set=ByteSize(32 * MIB)), tried)
    assert asked is not None
    assert (asked.dirty_rate_bytes_per_s, asked.working_set_bytes) == (16 * MIB, 32 * MIB)
    assert asked.memory_bytes == 96 * MIB
    known = suppose(Load(rate="max"), [*tried, simulated(terms(), Load(rate="max"))])
    assert known is not None
    assert known.dirty_rate_bytes_per_s == MAX_MIB_PER_S * MIB
    assert suppose(Load(), []) is None
