"""The timeline of one run: all vantages on one clock, and the parts of it worth a closer look."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

from miglab.errors import EvidenceError
from miglab.judge.guard import guarded
from miglab.judge.verdict import Verdict
from miglab.observe.history import History
from miglab.report import rows, words
from miglab.report.figure import Figure, Row, stacked
from miglab.report.series import after_ms

AROUND_MS = 30.0  # at least so much is shown on either side of a stop


class View(NamedTuple):
    """A part of the timeline that a button shows, in ms since the action began."""

    label: str
    from_ms: float
    until_ms: float


def timeline(history: History, verdict: Verdict) -> Figure:
    """Never raises: what cannot be drawn is a row that says why."""
    stripes = [
        _attempted("client", "Ping", partial(rows.ping, history)),
        _attempted("stream", "TCP", partial(rows.stream, history)),
        _attempted("beacon", "Beacon", partial(rows.beacon, history)),
        _attempted("job", "Job", partial(rows.job, history)),
        _attempted("disk", "Disk", partial(rows.disk, history)),
        _attempted("vcpu", "Moments", partial(rows.moments, history, verdict)),
    ]
    stops = [(low, high) for low, high, _ in _outages(history, verdict, "vcpu")]
    return stacked(stripes, stops, lasted_ms(history))


def views(history: History, verdict: Verdict) -> Iterator[View]:
    """Each stop; without any, each darkness that a client saw."""
    stops = list(_outages(history, verdict, "vcpu"))
    word = "stop" if stops else "darkness"
    seen = stops or _outages(history, verdict, "client")
    for number, (low, high, length) in enumerate(seen, start=1):
        around = max(AROUND_MS, high - low)
        yield View(f"Zoom to {word} {number}: {length} ms", low - around, high + around)


def lasted_ms(history: History) -> float:
    """How long the action took."""
    return after_ms(history.outcome.ended_ns, history.outcome.started_ns)


def _attempted(vantage: str, name: str, make: Callable[[], Row]) -> Row:
    def lacking(why: str) -> Row:
        return Row(vantage, f"<b>{name}</b>", lacks=why)

    def made() -> Row:
        try:
            return make()
        except EvidenceError as error:
            return lacking(str(error))

    return guarded(made, lacking)


def _outages(
    history: History, verdict: Verdict, vantage: str
) -> Iterator[tuple[float, float, str]]:
    """From, until (ms since the action began) and length of each that the vantage saw."""
    started_ns = history.outcome.started_ns
    for outage in verdict.outages:
        if outage.vantage == vantage:
            low, high = after_ms(outage.from_ns, started_ns), after_ms(outage.until_ns, started_ns)
            yield low, high, words.value(outage.ms)
