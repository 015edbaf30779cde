"""What each vantage recorded as points: ms since the action began, and what was measured then."""

from collections.abc import Iterable, Iterator
from math import inf
from typing import NamedTuple

from miglab.errors import EvidenceError
from miglab.judge.evidence import Evidence
from miglab.judge.measured import NS_PER_MS
from miglab.observe.beats import BeaconRecord
from miglab.observe.exchanges import StreamRecord
from miglab.observe.probes import PingRecord

BREAK_INTERVALS = 10  # a line across a longer gap would say that something came in it
TRIP_MS_MIN = 0.001  # what a logarithmic axis can still show

Point = tuple[int, float]
"""A moment (CLOCK_REALTIME, ns) and what was measured then."""


class Series(NamedTuple):
    """A line through ``(x, y)``, which breaks where both are None."""

    x: tuple[float | None, ...]
    y: tuple[float | None, ...]

    @property
    def lone(self) -> "Series":
        """The points with a break on either side, of which a line shows nothing."""
        bounded = (None, *self.x, None)
        alone = [
            place
            for place, x in enumerate(self.x)
            if x is not None and bounded[place] is None and bounded[place + 2] is None
        ]
        return Series(tuple(self.x[place] for place in alone), tuple(self.y[p] for p in alone))


def after_ms(time_ns: int, started_ns: int) -> float:
    """A moment as ms since the action began, to the microsecond; negative in the baseline."""
    return round((time_ns - started_ns) / NS_PER_MS, 3)


def series(points: Iterable[Point], started_ns: int, interval_ms: float = inf) -> Series:
    """Points in order of time; broken where none came for several intervals."""
    x: list[float | None] = []
    y: list[float | None] = []
    last_ns = None
    for time_ns, value in sorted(points):
        if last_ns is not None and (time_ns - last_ns) / NS_PER_MS > BREAK_INTERVALS * interval_ms:
            x.append(None)
            y.append(None)
        x.append(after_ms(time_ns, started_ns))
        y.append(round(value, 3))
        last_ns = time_ns
    return Series(tuple(x), tuple(y))


def replies(record: PingRecord) -> Iterator[Point]:
    """The round trip (ms) of each reply, when it was received."""
    sent = dict(record.sent)
    for number, received_ns in record.replies:
        if number in sent:
            yield received_ns, _trip_ms(sent[number], received_ns)


def lost(record: PingRecord) -> Iterator[int]:
    """When each probe that no reply came to was sent, or refused by the kernel."""
    answered = {number for number, _ in record.replies}
    yield from (sent_ns for number, sent_ns in record.sent if number not in answered)
    yield from (refused_ns for _, refused_ns, _ in record.errors)


def answers(record: StreamRecord) -> Iterator[Point]:
    """How long each answer took (ms), when it was there."""
    asked = dict(record.requests)
    for number, answered_ns in record.answers:
        if number in asked:
            yield answered_ns, _trip_ms(asked[number], answered_ns)


def offsets(record: BeaconRecord, started_ns: int) -> Iterator[Point]:
    """Our clock less the guest's (ms), less the least such difference of the baseline.

    Only of the guest's first boot: with the next, its clock begins again.
    """
    beats = record.beats[: record.boots[1][0]] if len(record.boots) > 1 else record.beats
    apart = [(received_ns, received_ns - mono_ns) for _, mono_ns, _, received_ns in beats]
    quiet = [offset for received_ns, offset in apart if received_ns < started_ns]
    least = min(quiet or [offset for _, offset in apart], default=0)
    return ((received_ns, (offset - least) / NS_PER_MS) for received_ns, offset in apart)


def latencies(evidence: Evidence) -> Iterator[Point]:
    """How long each write of the guest's journal took by its clock (ms), on our clock.

    Raises EvidenceError where nothing places the guest's clock, or no write was read back.
    """
    reading = evidence.history.journal
    if reading is None:
        raise EvidenceError("no write of this run was read back")
    records = {record.sequence: record for record in reading.records if record.whole}
    for number, record in records.items():
        following = records.get(number + 1)
        if following is not None and following.previous_acked_ns:
            acked_ns = following.previous_acked_ns
            yield evidence.lag.ours_ns(acked_ns), _trip_ms(record.mono_ns, acked_ns)


def _trip_ms(from_ns: int, until_ns: int) -> float:
    return max((until_ns - from_ns) / NS_PER_MS, TRIP_MS_MIN)
