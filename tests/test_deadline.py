"""The one clock for everything that waits, on a clock of the test's own."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miglab import deadline
from miglab.deadline import Deadline


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        """What time it is."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Lets time pass at once."""
        assert seconds >= 0
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock that deadlines see in this test."""
    mine = Clock()
    monkeypatch.setattr(deadline, "time", mine)
    return mine


def test_time_runs_out_and_stays_out(clock: Clock) -> None:
    """What remains goes down to nothing and not below."""
    late = Deadline(2, start=clock.now)
    assert (late.remaining, late.passed) == (2, False)
    clock.sleep(1.5)
    assert (late.remaining, late.passed) == (0.5, False)
    clock.sleep(10)
    assert (late.remaining, late.passed) == (0, True)


def test_the_first_answer_ends_the_wait(clock: Clock) -> None:
    """Nothing is waited for that is there already."""
    before = clock.now
    assert Deadline(60, start=before).until(lambda: "there", TimeoutError) == "there"
    assert clock.now == before


def test_a_probe_is_asked_until_it_answers(clock: Clock) -> None:
    """Every truthless answer is followed by another question, 50 ms later."""
    answers: Iterator[str | None] = iter([None, "", "there"])
    before = clock.now
    assert Deadline(60, start=before).until(lambda: next(answers), TimeoutError) == "there"
    assert clock.now - before == pytest.approx(0.1)


def test_a_late_wait_raises_what_it_was_given(clock: Clock) -> None:
    """The error is the caller's, made only when it is needed, and the probe had its last chance."""
    asked = []
    with pytest.raises(TimeoutError, match="no answer"):
        Deadline(0.12, start=clock.now).until(
            lambda: asked.append(clock.now), lambda: TimeoutError("no answer")
        )
    assert asked == pytest.approx([1000.0, 1000.05, 1000.1, 1000.12])


def test_no_time_is_still_one_question(clock: Clock) -> None:
    """A deadline of zero asks once."""
    assert Deadline(0, start=clock.now).until(lambda: True, TimeoutError)


@given(st.floats(0, 1e6), st.floats(0, 1e6))
def test_remaining_lies_within_its_bounds(seconds: float, elapsed: float) -> None:
    """Whatever the clock says, between nothing and everything is left."""
    with pytest.MonkeyPatch.context() as patch:
        clock = Clock()
        patch.setattr(deadline, "time", clock)
        late = Deadline(seconds, start=clock.now)
        clock.sleep(elapsed)
        assert 0 <= late.remaining <= seconds + 1e-6
        assert late.passed == (late.remaining == 0)
