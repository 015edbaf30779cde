"""The guest's clock against ours, by its beacon: steps are stops, gaps are stalls of the guest.

A datagram left at ``mono`` by the guest's clock and came at ``received`` by ours. Their difference
is the clocks' offset and the way's delay; the least of many is the offset, since no delay is
negative.
The guest's clock stands while its vCPUs are stopped, and is carried over when it moves, so

* a step up of the least offset, which stays, is a stop;
* a burst of large differences that goes away again is a delay on the way;
* time missing between two datagrams by the guest's *own* clock, which it should have sent some in,
  is time in which the guest ran, but the program in it did not: throttling, or page faults.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from functools import cached_property
from itertools import pairwise

from miglab.errors import EvidenceError
from miglab.judge.gaps import Stall
from miglab.judge.measured import NS_PER_MS
from miglab.observe.beats import BeaconRecord

WINDOW_NS = 200_000_000  # over which the least offset is taken to see how it wanders
STEP_WINDOW_NS = 1_000_000_000  # around a step: when busy, all datagrams may be late for long
BASELINE_BEATS_MIN = 50
BEATS_MIN = 10  # after a step: the least of fewer may all be late
REMAINDER_NS_MIN = 250_000_000  # what is recorded after a step must show that it stays
CHUNK = 20
SUSPECT_INTERVALS = 3  # a gap of so many intervals may be a stop; a shorter one is not told apart
FLOOR_MS = 0.05
STEP_MS_MIN = 1.0  # less is told from a late datagram by nothing


class Lag:
    """The beacon of one guest since one boot, read as offsets."""

    def __init__(self, record: BeaconRecord, started_ns: int) -> None:
        """Raises EvidenceError for a record that says too little."""
        _refuse(record)
        self.interval_ms = 1000 / record.hz
        self.started_ns = started_ns
        self.beats = sorted(record.beats, key=lambda beat: beat[0])
        self.received = [beat[3] for beat in self.beats]
        self.offsets = [beat[3] - beat[1] for beat in self.beats]
        self._before = bisect_left(self.received, started_ns)
        if self._before < BASELINE_BEATS_MIN:
            found = f"{self._before} datagrams of the beacon in the baseline"
            raise EvidenceError(f"{found}, expected {BASELINE_BEATS_MIN}")

    @cached_property
    def unsteadiness_ms(self) -> float:
        """How much the least offset of a window wandered in the baseline, where nothing stopped."""
        least, first = [], 0
        while first < self._before:
            last = bisect_right(self.received, self.received[first] + WINDOW_NS, hi=self._before)
            least.append(min(self.offsets[first:last]))
            first = last
        return (max(least) - min(least)) / NS_PER_MS

    @cached_property
    def steps(self) -> tuple[Stall, ...]:
        """Every stop that stands out, in order of time."""
        return tuple(step for step, _ in self._steps)

    @cached_property
    def _steps(self) -> tuple[tuple[Stall, int], ...]:
        """Each with the place of the first datagram after it."""
        return tuple(each for each in self._candidates if _stands_out(each[0]))

    @property
    def hidden_ms(self) -> float:
        """How long a stop may be that does not stand out from delays."""
        passed = (step for step, _ in self._candidates if not _stands_out(step))
        longest = max((step.value_ms + step.uncertainty_ms for step in passed), default=0.0)
        return max(longest, self.uncertainty_ms)

    @cached_property
    def _candidates(self) -> tuple[tuple[Stall, int], ...]:
        """What may be steps, measured, each with the place of the first datagram after it."""
        found: list[tuple[Stall, int]] = []
        since, least, seen = 0, self.offsets[0], 0
        for after in self._suspects():
            least = min(least, *self.offsets[seen:after])
            seen = after
            step = self._step(since, after, least)
            found.append((step, after))
            if _stands_out(step):
                since, least = after, self.offsets[after]
        return tuple(found)

    def _suspects(self) -> Iterator[int]:
        """Places of datagrams that came long after the one before, and long before the last."""
        until_ns = self.received[-1] - REMAINDER_NS_MIN
        long_ns = SUSPECT_INTERVALS * self.interval_ms * NS_PER_MS
        for place, (sooner, later) in enumerate(pairwise(self.received), start=1):
            if later - sooner > long_ns and self.started_ns <= later <= until_ns:
                yield place

    def _step(self, since: int, after: int, least: int) -> Stall:
        """The step between datagrams ``after - 1`` and ``after``, if it is one.

        ``least`` is the least offset of all datagrams from ``since`` on, the last step.
        """
        low = bisect_left(
            self.received, self.received[after - 1] - STEP_WINDOW_NS, lo=since, hi=after
        )
        high = bisect_right(self.received, self.received[after] + STEP_WINDOW_NS, lo=after)
        earlier, later = self.offsets[low:after], self.offsets[after:high]
        from_ns, until_ns = self.received[after - 1], self.received[after]
        late = min(earlier) - least  # all of them, on a host that is busy
        if len(later) < BEATS_MIN:  # each may have been held up for all the time that none came
            late += until_ns - from_ns
        return Stall(
            from_ns=from_ns,
            until_ns=until_ns,
            value_ms=(min(later) - min(earlier)) / NS_PER_MS,
            uncertainty_ms=self.uncertainty_ms + (late + _typical(later) - min(later)) / NS_PER_MS,
        )

    @cached_property
    def uncertainty_ms(self) -> float:
        """Of any step: the baseline's unsteadiness and what a datagram is typically late by."""
        quiet = self.offsets[: self._before]
        return FLOOR_MS + self.unsteadiness_ms + (_typical(quiet) - min(quiet)) / NS_PER_MS

    def ours_ns(self, mono_ns: int) -> int:
        """A moment by the guest's clock, by ours.

        A stop is taken to follow at once upon the last datagram before it: those that the guest
        sent soon after a stop may be lost, because the network comes back later than it does.
        """
        return mono_ns + self._segments[bisect_left(self._last_before_ns, mono_ns)]

    @cached_property
    def _last_before_ns(self) -> list[int]:
        """By the guest's clock, the last datagram before each step."""
        return [self.beats[after - 1][1] for _, after in self._steps]

    @cached_property
    def _segments(self) -> list[int]:
        """The least offset between steps, first to last."""
        edges = [0, *(after for _, after in self._steps), len(self.offsets)]
        return [min(self.offsets[low:high]) for low, high in pairwise(edges)]

    def stalls(self) -> Iterator[tuple[int, float]]:
        """For each datagram since the start: when it came, and the time before it without program.

        By the guest's own clock, in ms. A datagram that was lost on the way took a number, so it
        is not taken for one that was not sent.
        """
        for sooner, later in pairwise(self.beats):
            if later[3] >= self.started_ns:
                yield later[3], _missing_ms(sooner, later, self.interval_ms)

    @cached_property
    def unevenness_ms(self) -> float:
        """The longest such time in the baseline."""
        quiet = pairwise(self.beats[: self._before])
        return max((_missing_ms(a, b, self.interval_ms) for a, b in quiet), default=0.0)

    @property
    def lost_ms(self) -> float:
        """By how much the guest's clock fell behind ours since the baseline."""
        last = bisect_left(self.received, self.received[-1] - WINDOW_NS)
        now, then = min(self.offsets[last:]), min(self.offsets[: self._before])
        return (now - then) / NS_PER_MS

    def wall_step_ms(self) -> float:
        """How far the guest's wall clock moved against its monotonic one, for some datagrams.

        The guest reads one after the other and may be held up in between, so a single datagram
        says nothing: medians of several do.
        """
        apart = [beat[2] - beat[1] for beat in self.beats]
        chunks = [apart[start : start + CHUNK] for start in range(0, len(apart), CHUNK)]
        middles = [_typical(chunk) for chunk in chunks if len(chunk) * 2 > CHUNK]
        return (max(middles) - min(middles)) / NS_PER_MS


def _missing_ms(sooner: tuple[int, ...], later: tuple[int, ...], interval_ms: float) -> float:
    return (later[1] - sooner[1]) / NS_PER_MS - (later[0] - sooner[0]) * interval_ms


def _typical(offsets: list[int]) -> int:
    return sorted(offsets)[len(offsets) // 2]


def _stands_out(step: Stall) -> bool:
    return step.value_ms > max(STEP_MS_MIN, 2 * step.uncertainty_ms)


def _refuse(record: BeaconRecord) -> None:
    """Raises EvidenceError for what cannot be read as one guest's beacon."""
    if not record.beats:
        raise EvidenceError("not one datagram of the guest's beacon came")
    if len(record.boots) > 1:
        raise EvidenceError("the guest was booted anew: its clock began again")
    if not record.complete:
        raise EvidenceError(f"the recording is cut off after {len(record.beats)} datagrams")
