"""Stops of the vCPUs, from QEMU's events of all hosts."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miglab.judge.stops import Stop, longest, of_migration, stops
from miglab.observe.clocks import Clocks, HostClock
from miglab.observe.events import Event
from tests.histories import MS, at, event

MOVE = (event("source", "STOP", 100), event("target", "RESUME", 154.5))


def spans(found: tuple[Stop, ...]) -> list[tuple[str, str | None, float]]:
    """From where to where, and for how long."""
    return [(stop.source, stop.target, stop.value_ms) for stop in found]


def test_a_move_is_a_stop_between_two_hosts() -> None:
    """To the microsecond."""
    (stop,) = stops(MOVE)
    assert stop.moved
    assert spans((stop,)) == [("source", "target", 54.5)]
    assert stop.measured.uncertainty == 0.002


def test_stops_are_told_apart() -> None:
    """A suspended guest is stopped and resumed on one host."""
    suspended = (event("source", "STOP", 10), event("source", "RESUME", 60))
    found = stops((*MOVE, *suspended))
    assert spans(found) == [("source", "source", 50.0), ("source", "target", 54.5)]
    assert [stop.moved for stop in found] == [False, True]


def test_a_guest_that_moves_while_suspended_is_stopped_once() -> None:
    """QEMU tells of a second STOP, or of none; the first one counts."""
    found = stops((event("source", "STOP", 10), event("source", "STOP", 50), *MOVE[1:]))
    assert spans(found) == [("source", "target", 144.5)]


def test_a_resume_without_a_stop_is_none() -> None:
    """A copy that was resumed where nothing was stopped, as far as we know."""
    assert stops((event("source", "RESUME", 10),)) == ()
    assert spans(stops((*MOVE, event("source", "RESUME", 200)))) == [("source", "target", 54.5)]


def test_a_stop_without_an_end_is_unknown() -> None:
    """It may go on for ever."""
    found = stops((event("source", "STOP", 10),))
    assert longest(found).note == "stopped on source, and no RESUME event followed"


def test_no_stop_is_nought() -> None:
    """That is known, since events were heard."""
    assert longest(()).value == 0


def test_what_libvirt_says_is_no_stop() -> None:
    """Its stamps are of when we heard of it."""
    said = Event(host="source", vantage="libvirt", name="STOP", time_ns=at(1))
    assert stops((said,)) == ()


def test_clocks_of_two_hosts_are_brought_together() -> None:
    """Their offsets are taken off, and their uncertainties added up."""
    clocks = Clocks(
        hosts=(
            HostClock(host="source", shared=False, offset_ns=3 * MS, uncertainty_ns=100_000),
            HostClock(host="target", shared=False, offset_ns=-2 * MS, uncertainty_ns=200_000),
        )
    )
    (stop,) = stops(MOVE, clocks)
    assert stop.value_ms == 59.5
    assert stop.uncertainty_ms == pytest.approx(0.302)
    within = stops((event("source", "STOP", 1), event("source", "RESUME", 2)), clocks)
    assert within[0].uncertainty_ms == 0.002


def test_the_stop_of_a_migration_is_the_one_across() -> None:
    """From where the guest was to where it went."""
    found = stops((event("source", "STOP", 1), event("source", "RESUME", 50), *MOVE[1:]))
    assert of_migration(found, "source", "target").note == (
        "no RESUME event from QEMU on target after the stop on source"
    )
    assert of_migration((), "source", "target").note == "no STOP event from QEMU on source"
    assert of_migration(stops(MOVE), "source", "target").value == 54.5


@given(st.lists(st.tuples(st.sampled_from(["a", "b"]), st.sampled_from(["STOP", "RESUME"]))))
def test_stops_never_overlap(words: list[tuple[str, str]]) -> None:
    """Whatever was heard, in whatever order."""
    found = stops([event(host, name, number) for number, (host, name) in enumerate(words)])
    for sooner, later in pairwise(found):
        assert sooner.until_ns is not None
        assert sooner.until_ns < later.from_ns
