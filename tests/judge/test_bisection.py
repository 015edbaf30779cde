"""The search for an edge among points: where it ends, how soon, and what noise may not do to it."""

from math import ceil, log2

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from miglab.judge.bisection import TRIES_MAX, VOTES, Bisection, Kept, Tally

SIZES = st.integers(1, 40)


@st.composite
def edges(draw: st.DrawFn) -> tuple[int, int]:
    """How many points, and the first that breaks: none may, and the first of all may."""
    size = draw(SIZES)
    return size, draw(st.integers(0, size))


def answered(point: int, first: int) -> Kept:
    """Without noise."""
    return "broken" if point >= first else "held"


def finished(search: Bisection, say: st.DataObject | None, first: int, lies: int = 0) -> int:
    """Tells until nothing is asked any more; how many trials that took.

    Of the first three that can tell, ``lies`` at most are wrong at each point, and two that cannot
    tell come in between, wherever ``say`` draws them.
    """
    told: dict[int, list[Kept]] = {}
    while (point := search.ask()) is not None:
        before = told.setdefault(point, [])
        kept = answered(point, first)
        wrong: Kept = "held" if kept == "broken" else "broken"
        choices = [kept]
        choices += [wrong] if before.count(wrong) < lies else []
        choices += ["unknown"] if lies and before.count("unknown") < TRIES_MAX - 3 else []
        before.append(say.draw(st.sampled_from(choices)) if say else kept)
        search.tell(point, before[-1])
    return sum(map(len, told.values()))


def state(size: int, first: int) -> str:
    """What there is to be found."""
    return "always" if first == 0 else "never" if first == size else "found"


@settings(deadline=None)
@given(edges())
def test_every_step_is_found_in_as_many_trials_as_halving_takes(edge: tuple[int, int]) -> None:
    """And two more, to be sure of both sides."""
    size, first = edge
    search = Bisection(size)
    trials = finished(search, None, first)
    assert search.bracket == (first - 1, first)
    assert search.state == state(size, first)
    assert trials <= ceil(log2(size + 1)) + 2 <= ceil(log2(size)) + 3


@settings(deadline=None)
@given(edges(), st.data())
def test_one_lie_at_each_point_does_not_move_the_edge(
    edge: tuple[int, int], data: st.DataObject
) -> None:
    """The best of three at both sides of it, wherever the lies are."""
    size, first = edge
    search = Bisection(size)
    finished(search, data, first, lies=1)
    assert search.bracket == (first - 1, first)
    assert search.state == state(size, first)


@settings(deadline=None)
@given(SIZES, st.data())
def test_whatever_is_said_it_ends_and_claims_no_more_than_it_knows(
    size: int, data: st.DataObject
) -> None:
    """No point is tried too often, the sides are in order, and a claim has its votes."""
    search = Bisection(size)
    while (point := search.ask()) is not None:
        search.tell(point, data.draw(st.sampled_from(["held", "broken", "unknown"])))
        assert sum(search.tally(point)) <= TRIES_MAX
    low, high = search.bracket
    assert -1 <= low < high <= size
    if search.state != "unknown":
        assert low < 0 or search.tally(low).held >= VOTES
        assert high == size or search.tally(high).broken >= VOTES
        assert (search.state == "never") == (high == size)
        assert (search.state == "always") == (high == 0)


@settings(deadline=None)
@given(SIZES)
def test_trials_that_never_tell_are_not_repeated_for_ever(size: int) -> None:
    """Each point a few times, and nothing is known then."""
    search = Bisection(size)
    while (point := search.ask()) is not None:
        search.tell(point, "unknown")
    assert search.bracket == (-1, size)
    assert search.state == "unknown"


@settings(deadline=None)
@given(edges(), st.data())
def test_it_can_be_played_again(edge: tuple[int, int], data: st.DataObject) -> None:
    """What is asked next depends on what was told, and not in which order."""
    size, first = edge
    search = Bisection(size)
    told = []
    for _ in range(data.draw(st.integers(0, 6))):
        if (point := search.ask()) is not None:
            told.append((point, answered(point, first)))
            search.tell(*told[-1])
    again = Bisection(size)
    for point, kept in data.draw(st.permutations(told)):
        again.tell(point, kept)
    assert (again.ask(), again.bracket, again.state) == (search.ask(), search.bracket, search.state)


def test_the_first_trial_of_a_point_is_not_believed() -> None:
    """What broke once by accident is overturned, and the search goes on beyond it."""
    search = Bisection(3)
    search.tell(1, "broken")
    search.tell(0, "held")
    search.tell(0, "held")
    assert (search.ask(), search.state) == (1, "unknown")
    search.tell(1, "held")
    assert search.ask() == 1
    search.tell(1, "held")
    assert search.ask() == 2


def test_what_nobody_could_tell_lies_within_the_interval() -> None:
    """A point that stays unknown makes the answer wider, not wrong."""
    search = Bisection(3)
    for _ in range(TRIES_MAX):
        search.tell(1, "unknown")
    while (point := search.ask()) is not None:
        search.tell(point, answered(point, 2))
    assert (search.ask(), search.bracket, search.state) == (None, (0, 2), "found")


@pytest.mark.parametrize(
    ("tally", "kept", "sure"),
    [
        (Tally(), "unknown", False),
        (Tally(held=1), "held", False),
        (Tally(held=1, broken=1), "unknown", False),
        (Tally(held=1, broken=2), "broken", True),
        (Tally(held=2, unknown=1), "held", True),
        (Tally(unknown=3), "unknown", False),
    ],
)
def test_the_best_of_three(tally: Tally, kept: Kept, sure: bool) -> None:
    """Those that could not tell do not count."""
    assert (tally.kept, tally.sure) == (kept, sure)
