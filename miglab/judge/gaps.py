"""Stalls in a series that should be even: answers, datagrams, acknowledged writes.

As for ping (:mod:`miglab.judge.outage`): the time from the last event before a stall to the first
one after is longer than the stall by one interval at most, so ``value = gap - median gap`` and the
uncertainty is an interval and what the series was uneven by before anything was done to it.
"""

from collections.abc import Sequence
from itertools import pairwise

from miglab.errors import EvidenceError
from miglab.judge.measured import NS_PER_MS, Measured
from miglab.values import Value

BASELINE_GAPS_MIN = 10


class Stall(Value):
    """One gap: CLOCK_REALTIME ns of the events around it, and how long the stall in it was.

    Also what a clock lost in such a gap (:mod:`miglab.judge.lag`).
    """

    from_ns: int
    until_ns: int
    value_ms: float
    uncertainty_ms: float

    @property
    def stands_out(self) -> bool:
        """Whether unevenness alone does not explain it."""
        return self.value_ms > self.uncertainty_ms

    @property
    def measured(self) -> Measured:
        """The stall as a figure."""
        return Measured(value=self.value_ms, uncertainty=self.uncertainty_ms)


def stalls(times_ns: Sequence[int], interval_ms: float, started_ns: int) -> tuple[Stall, ...]:
    """Every gap that ends after ``started_ns``, against the gaps before; EvidenceError if too few.

    ``times_ns`` are in order; ``interval_ms`` is how far apart they were meant to be.
    """
    pairs = list(pairwise(times_ns))
    before = sorted((later - sooner) / NS_PER_MS for sooner, later in pairs if later < started_ns)
    if len(before) < BASELINE_GAPS_MIN:
        what = f"{len(before)} events in the baseline"
        raise EvidenceError(f"{what}, expected {BASELINE_GAPS_MIN}")
    median = before[len(before) // 2]
    unsure = interval_ms + abs(median - interval_ms) + before[-1] - median
    return tuple(
        Stall(
            from_ns=sooner,
            until_ns=later,
            value_ms=(later - sooner) / NS_PER_MS - median,
            uncertainty_ms=unsure,
        )
        for sooner, later in pairs
        if later >= started_ns
    )


def longest(found: Sequence[Stall], ended_ns: int, what: str) -> Measured:
    """The longest stall of a series that went on beyond ``ended_ns``."""
    if not found:
        return Measured.unknown(f"no {what} after it began")
    if found[-1].until_ns < ended_ns:
        silent_ms = (ended_ns - found[-1].until_ns) / NS_PER_MS
        return Measured.unknown(f"no {what} in the last {silent_ms:.0f} ms of it")
    return max(found, key=lambda stall: stall.value_ms).measured
