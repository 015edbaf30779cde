"""The guest's clock against ours, from datagrams whose truth is known."""

from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from miglab.errors import EvidenceError
from miglab.judge.lag import Lag
from miglab.observe.beats import BeaconRecord
from tests.histories import BOOT, MS, STARTED, UNTIL, at

Late = Callable[[int], float]
STOPPED_AT = 2000


def no_delay(_: int) -> float:
    """Of a quiet network."""
    return 0.3


def record(stop_ms: float = 0, late: Late = no_delay, every_ms: int = 2) -> BeaconRecord:
    """A guest that stands for a while at STOPPED_AT; ``late`` by the moment of sending, in ms."""
    sent = [ms for ms in range(0, UNTIL, every_ms) if not STOPPED_AT <= ms < STOPPED_AT + stop_ms]
    beats = []
    for number, ms in enumerate(sent, start=1):
        mono_ns = round((ms - (stop_ms if ms >= STOPPED_AT else 0)) * MS)
        beats.append((number, mono_ns, mono_ns, at(ms + late(ms))))
    return BeaconRecord(hz=1000 // every_ms, complete=True, boots=((0, BOOT),), beats=tuple(beats))


def lag(beacon: BeaconRecord) -> Lag:
    """Of a run that began when all runs here do."""
    return Lag(beacon, at(STARTED))


@settings(deadline=None, max_examples=25)
@given(st.floats(10, 1500), st.integers(0, 2**32))
def test_a_stop_is_a_step_as_long_as_it_was(stop_ms: float, seed: int) -> None:
    """However datagrams are delayed on the way."""
    uniform = Random(seed).uniform  # noqa: S311 - delays, not secrets
    (step,) = lag(record(stop_ms, lambda _: uniform(0.2, 3))).steps
    assert abs(step.value_ms - stop_ms) <= step.uncertainty_ms


def test_a_burst_of_delays_is_no_step() -> None:
    """They come late for half a second, and then on time again."""
    assert lag(record(late=lambda ms: 80 if 2000 <= ms < 2500 else 0.3)).steps == ()


def test_what_all_came_late_before_a_stop_is_part_of_its_uncertainty() -> None:
    """A busy host holds up all it has for a second, lets out two of them, and then stops."""
    busy = record(300, lambda ms: 40 if STOPPED_AT - 800 <= ms < STOPPED_AT else 0.3)
    few = [beat for beat in busy.beats if not at(1240) < beat[3] < at(STOPPED_AT + 30)]
    (step,) = lag(busy.model_copy(update={"beats": tuple(few)})).steps
    assert abs(step.value_ms - 300) <= step.uncertainty_ms < 60


def test_a_stop_that_delays_may_hide_is_not_said_to_be_none() -> None:
    """Its length is within what the figure of none leaves open."""
    uniform = Random(1).uniform  # noqa: S311 - delays, not secrets
    found = lag(record(80, lambda _: uniform(0.2, 80)))
    assert found.steps == ()
    assert found.hidden_ms >= 80


def test_delays_at_the_end_are_no_step() -> None:
    """Nobody can see whether they would have stayed."""
    assert lag(record(late=lambda ms: 30 if ms >= UNTIL - 200 else 0.3)).steps == ()


def test_the_guest_s_clock_is_placed_on_ours() -> None:
    """Before the stop and after it."""
    found = lag(record(stop_ms=120))
    assert found.ours_ns(1500 * MS) == at(1500.3)
    assert found.ours_ns(2500 * MS) == at(2620.3)
    assert found.lost_ms == pytest.approx(120)


def test_time_without_the_program_is_told_from_a_stop() -> None:
    """It misses by the guest's own clock; a datagram that was lost took a number."""
    whole = record()
    missed = [beat for beat in whole.beats if not 2000 * MS < beat[1] < 2200 * MS]
    renumbered = [(n, *beat[1:]) for n, beat in enumerate(missed, start=1)]
    starved = lag(whole.model_copy(update={"beats": tuple(renumbered)}))
    assert max(ms for _, ms in starved.stalls()) == pytest.approx(198)
    assert starved.steps == ()
    dark = lag(whole.model_copy(update={"beats": tuple(missed)}))
    assert max(ms for _, ms in dark.stalls()) == pytest.approx(0)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"beats": ()}, "not one datagram"),
        ({"complete": False}, "cut off after 2000 datagrams"),
        ({"boots": ((0, BOOT), (9, BOOT))}, "booted anew"),
        ({"beats": record().beats[490:]}, "10 datagrams of the beacon in the baseline"),
    ],
)
def test_what_says_too_little_is_refused(changes: dict[str, object], words: str) -> None:
    """With the reason."""
    with pytest.raises(EvidenceError, match=words):
        lag(record().model_copy(update=changes))
