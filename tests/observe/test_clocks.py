"""Clocks of hosts, and what their offsets make of a moment."""

from hypothesis import given
from hypothesis import strategies as st

from miglab.observe.clocks import Clocks, Exchange, HostClock, drifted, offset, setting_ns

NS = st.integers(0, 10**9)


@given(st.integers(-(10**9), 10**9), NS, NS, NS)
def test_the_true_offset_is_within_what_is_said(true: int, at: int, there: int, back: int) -> None:
    """However unequal the ways are."""
    exchange = Exchange(asked_ns=at, theirs_ns=at + there + true, answered_ns=at + there + back)
    found = offset("host", [exchange], resolution_ns=1)
    assert abs(found.offset_ns - true) <= found.uncertainty_ns


def test_the_shortest_round_trip_counts() -> None:
    """It leaves the least room."""
    slow = Exchange(asked_ns=0, theirs_ns=50, answered_ns=1000)
    quick = Exchange(asked_ns=2000, theirs_ns=2042, answered_ns=2010)
    found = offset("host", [slow, quick], resolution_ns=0)
    assert (found.offset_ns, found.uncertainty_ns) == (37, 5)


def test_a_drift_is_part_of_the_uncertainty() -> None:
    """Half-way between the two it was somewhere in between."""
    before = HostClock(host="a", shared=False, offset_ns=100, uncertainty_ns=5)
    after = HostClock(host="a", shared=False, offset_ns=140, uncertainty_ns=7)
    found = drifted(before, after)
    assert (found.offset_ns, found.uncertainty_ns, found.drift_ns) == (120, 7, 40)
    clocks = Clocks(hosts=(found, HostClock(host="b", shared=True)))
    assert clocks.ours_ns("a", 1000) == 880
    assert clocks.ours_ns("b", 1000) == 1000
    assert clocks.uncertainty_ns("a", "a") == 0
    assert clocks.uncertainty_ns("a", "b") == 47


def test_one_clock_has_no_offset() -> None:
    """Two hosts on our own kernel."""
    clocks = Clocks(hosts=tuple(HostClock(host=name, shared=True) for name in ("a", "b")))
    assert clocks.uncertainty_ns("a", "b") == 0


def test_an_unset_clock_stays_as_it_was_set() -> None:
    """Within a millisecond, which is what two readings take apart at the very most."""
    assert abs(setting_ns() - setting_ns()) < 10**6
