"""Stalls of a series that should be even."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miglab.errors import EvidenceError
from miglab.judge.gaps import Stall, longest, stalls
from tests.histories import MS, STARTED, at

EVEN = range(0, STARTED, 10)


def series(stall_ms: float, after_ms: int = 500) -> list[int]:
    """Every 10 ms, and one stall that begins 3 ms after an event."""
    began = STARTED + 203
    later = [began + stall_ms + 7 + 10 * n for n in range(after_ms // 10)]
    return [at(ms) for ms in (*EVEN, *range(STARTED, STARTED + 210, 10), *later)]


@given(st.floats(30, 5000))
def test_a_stall_is_as_long_as_it_was(stall_ms: float) -> None:
    """Within the uncertainty that is published with it."""
    found = longest(stalls(series(stall_ms), 10, at(STARTED)), at(STARTED + 300), "event")
    assert found.value is not None
    assert found.uncertainty is not None
    assert abs(found.value - stall_ms) <= found.uncertainty + 1e-6


def test_only_what_stands_out_does() -> None:
    """Even gaps are no stalls."""
    assert [s for s in stalls(series(50), 10, at(STARTED)) if s.stands_out] == [
        Stall(from_ns=at(1200), until_ns=at(1260), value_ms=50, uncertainty_ms=10)
    ]


def test_an_uneven_baseline_makes_it_uncertain() -> None:
    """By as much as its longest gap was longer than its median."""
    times = sorted({*series(50), at(505)} - {at(500), at(510)})
    assert stalls(times, 10, at(STARTED))[0].uncertainty_ms == pytest.approx(10 + 5)


def test_a_thin_baseline_says_nothing() -> None:
    """A median of three is none."""
    with pytest.raises(EvidenceError, match="3 events in the baseline, expected 10"):
        stalls([at(ms) for ms in (0, 10, 20, 30, 2000)], 10, at(STARTED))


def test_a_series_that_ends_early_is_unknown() -> None:
    """It may have stalled until now."""
    found = stalls(series(50, after_ms=100), 10, at(STARTED))
    assert longest(found, at(STARTED + 2000), "event").note == "no event in the last 1650 ms of it"
    assert longest((), at(STARTED), "event").note == "no event after it began"


@given(st.lists(st.integers(0, 5000 * MS), min_size=30))
def test_whatever_the_series_there_is_an_answer(times: list[int]) -> None:
    """Or the reason why there is none."""
    try:
        found = stalls(sorted(at(0) + time for time in times), 10, at(STARTED))
    except EvidenceError:
        return
    assert all(stall.uncertainty_ms >= 10 for stall in found)
