"""How long the network was dark to a client, and how well that is known.

Between the last reply before and the first reply after, by the kernel's receive stamps. The dark
time is shorter than that gap by the way from the last answered probe to the darkness and from the
light to the next probe: by one interval on average, by none at least and two at most. Hence
``value = gap - median gap`` and an uncertainty in which three sources add up:

* one interval: nobody knows where between two probes the darkness began and ended;
* the jitter of the baseline: the spread of round trips, or lost probes where they did more;
* the sender's silence in this very gap: where no probe was sent, nothing is known of darkness.

"Lost probes × interval" is not used: it counts a starved sender as light and merges outages.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from itertools import pairwise
from math import ceil
from typing import NamedTuple

from miglab.errors import EvidenceError
from miglab.judge.measured import NS_PER_MS, Measured
from miglab.observe.probes import PingRecord
from miglab.values import Value

BASELINE_REPLIES_MIN = 100
BASELINE_LOSS_MAX = 0.05


class Baseline(Value):
    """How replies came before the migration; gaps are between consecutive replies.

    ``jitter_ms`` is the network's own unevenness, ``uncertainty_ms`` that of any outage measured
    against this baseline, before the sender's silence in that outage is added.
    """

    replies: int
    lost: int
    gap_p50_ms: float
    gap_p99_ms: float
    gap_max_ms: float
    jitter_ms: float
    uncertainty_ms: float

    @classmethod
    def of(cls, record: PingRecord, started_ns: int) -> "Baseline":
        """From everything before ``started_ns`` (CLOCK_REALTIME); EvidenceError when too thin."""
        answered = {sequence for sequence, _ in record.replies}
        attempts = [(event[0], event[1]) for event in (*record.sent, *record.errors)]
        before = [sequence for sequence, ns in attempts if ns < started_ns]
        lost = sum(sequence not in answered for sequence in before)
        timeline = _Timeline(record)
        replies = [reply for reply in timeline.replies if reply.received_ns < started_ns]
        _refuse_thin(len(replies), lost, len(before))
        gaps = [gap for gap in timeline.gaps() if gap.after_ns < started_ns]
        lengths = sorted(gap.ms for gap in gaps)
        median = _rank(lengths, 0.50)
        jitter = _jitter_ms(replies, gaps, record.interval_ms)
        return cls(
            replies=len(replies),
            lost=lost,
            gap_p50_ms=median,
            gap_p99_ms=_rank(lengths, 0.99),
            gap_max_ms=lengths[-1],
            jitter_ms=jitter,
            uncertainty_ms=record.interval_ms + abs(median - record.interval_ms) + jitter,
        )


class Outage(Value):
    """One gap between replies as time without network; CLOCK_REALTIME ns and ms."""

    last_before_ns: int
    first_after_ns: int
    value_ms: float
    uncertainty_ms: float

    @property
    def low_ms(self) -> float:
        """The darkness was at least this long."""
        return self.value_ms - self.uncertainty_ms

    @property
    def high_ms(self) -> float:
        """The darkness was at most this long."""
        return self.value_ms + self.uncertainty_ms


def outages(record: PingRecord, started_ns: int) -> tuple[Outage, ...]:
    """Every gap since ``started_ns`` that only darkness explains, in order of time.

    Raises EvidenceError when the baseline is too thin to tell.
    """
    gaps = _since(record, started_ns, Baseline.of(record, started_ns))
    return tuple(gap for gap in gaps if gap.low_ms > 0)


def client_outage(record: PingRecord, started_ns: int, ended_ns: int) -> Measured:
    """The longest darkness from the migration's start to the end of the record.

    The record must reach beyond ``ended_ns``, the migration's end. Where the longest gap is partly
    the sender's own silence and a shorter one is surely dark, the result spans both.
    """
    try:
        baseline = _sound(record, started_ns, ended_ns)
    except EvidenceError as reason:
        return Measured.unknown(str(reason))
    gaps = _since(record, started_ns, baseline)
    if end := _dark_end(record, baseline):
        longest = max(0.0, *(gap.low_ms for gap in (end, *gaps)))
        return Measured.unknown(f"the network never came back: dark for at least {longest:.0f} ms")
    if not gaps:
        return Measured.unknown("no reply after the migration began")
    return Measured.between(max(gap.low_ms for gap in gaps), max(gap.high_ms for gap in gaps))


def _sound(record: PingRecord, started_ns: int, ended_ns: int) -> Baseline:
    """The baseline of a record that can be judged; EvidenceError says why it cannot be."""
    if not record.replies:
        raise EvidenceError(f"no replies at all from {record.target}")
    if not record.complete:
        raise EvidenceError(f"the recording is cut off after {len(record.replies)} replies")
    if (back_ms := _clock_back_ms(record)) > 0:
        raise EvidenceError(f"the machine's clock was set back by {back_ms:.1f} ms while recording")
    if (missing_ms := (ended_ns - _last_attempt_ns(record)) / NS_PER_MS) > 0:
        raise EvidenceError(f"the recording ends {missing_ms:.0f} ms before the migration does")
    return Baseline.of(record, started_ns)


def _refuse_thin(replies: int, lost: int, sent: int) -> None:
    if replies < BASELINE_REPLIES_MIN:
        raise EvidenceError(
            f"only {replies} replies before the migration, expected {BASELINE_REPLIES_MIN} or more"
        )
    if lost > BASELINE_LOSS_MAX * sent:
        raise EvidenceError(
            f"{lost} of {sent} probes lost before the migration, expected at most"
            f" {BASELINE_LOSS_MAX:.0%}"
        )


def _jitter_ms(replies: list["_Reply"], gaps: list["_Gap"], interval_ms: int) -> float:
    """How much the network alone can lengthen a gap.

    The spread of round trips, because the replies around a darkness are no neighbours; or the
    longest gap beyond the sender's own silence and one interval, which lost probes lengthen.
    """
    trips = [reply.received_ns - reply.sent_ns for reply in replies]
    uneven_ms = max(gap.ms - gap.silence_ms for gap in gaps) - interval_ms
    return max(uneven_ms, (max(trips) - min(trips)) / NS_PER_MS)


def _since(record: PingRecord, started_ns: int, baseline: Baseline) -> list[Outage]:
    """Every gap that ends after ``started_ns``, whether it stands out or not."""
    gaps = _Timeline(record).gaps()
    return [_outage(gap, baseline) for gap in gaps if gap.after_ns >= started_ns]


def _outage(gap: "_Gap", baseline: Baseline) -> Outage:
    return Outage(
        last_before_ns=gap.before_ns,
        first_after_ns=gap.after_ns,
        value_ms=gap.ms - baseline.gap_p50_ms,
        uncertainty_ms=baseline.uncertainty_ms + gap.silence_ms,
    )


def _dark_end(record: PingRecord, baseline: Baseline) -> Outage | None:
    """From the last reply to the last probe, when that stands out from the baseline.

    Even where the sender's silence may explain it: nothing after it tells, so it must not pass.
    """
    last, until_ns = _Timeline(record).replies[-1], _last_attempt_ns(record)
    gap = _Gap(last.received_ns, until_ns, _Timeline(record).silence_ms(last.sent_ns, until_ns))
    end = _outage(gap, baseline)
    return end if end.value_ms > baseline.uncertainty_ms else None


def _last_attempt_ns(record: PingRecord) -> int:
    return max((event[1] for event in (*record.sent, *record.errors)), default=0)


def _clock_back_ms(record: PingRecord) -> float:
    """The largest step back from one probe to the next; a step forward reads as a silent sender."""
    return (
        max((sooner[1] - later[1] for sooner, later in pairwise(record.sent)), default=0)
        / NS_PER_MS
    )


def _rank(ordered: list[float], share: float) -> float:
    """The nearest-rank percentile."""
    return ordered[ceil(share * len(ordered)) - 1]


class _Reply(NamedTuple):
    received_ns: int
    sent_ns: int


class _Gap(NamedTuple):
    before_ns: int
    after_ns: int
    silence_ms: float

    @property
    def ms(self) -> float:
        return (self.after_ns - self.before_ns) / NS_PER_MS


class _Timeline:
    """A record in order of time: replies as they were received, probes as they were attempted."""

    def __init__(self, record: PingRecord) -> None:
        self.interval_ns = record.interval_ms * int(NS_PER_MS)
        sent = dict(record.sent)
        self.replies = sorted(_Reply(ns, sent.get(number, ns)) for number, ns in record.replies)
        self.attempts = sorted([*sent.values(), *(ns for _, ns, _ in record.errors)])

    def gaps(self) -> Iterator[_Gap]:
        """Every gap between consecutive replies, with the sender's silence in it."""
        for before, after in pairwise(self.replies):
            silence_ms = self.silence_ms(before.sent_ns, after.sent_ns)
            yield _Gap(before.received_ns, after.received_ns, silence_ms)

    def silence_ms(self, from_ns: int, to_ns: int) -> float:
        """For how long, beyond its interval, the sender was silent between two answered probes.

        The first and the last silence bound the darkness, so all of their excess counts; one in
        between only if it missed a whole slot, for less is the pacing's own unevenness. Assumes
        that replies do not overtake each other, as on one path through switches they do not.
        """
        first, last = bisect_left(self.attempts, from_ns), bisect_right(self.attempts, to_ns)
        silences = [later - sooner for sooner, later in pairwise(self.attempts[first:last])]
        edges = {0, len(silences) - 1}
        beyond = (
            silence - self.interval_ns
            for place, silence in enumerate(silences)
            if silence >= self.interval_ns * (1 if place in edges else 2)
        )
        return sum(beyond) / NS_PER_MS
