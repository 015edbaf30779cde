"""The timeline's rows, one for each vantage; one that was not recorded is a row that says so."""

from collections.abc import Iterable
from math import inf

from miglab.judge.evidence import NOT_RECORDED, Evidence
from miglab.judge.verdict import Verdict
from miglab.observe.history import History
from miglab.report import series
from miglab.report.figure import LINEAR, LOGARITHMIC, Row
from miglab.report.lanes import Lane, lanes
from miglab.report.series import Point, Series, after_ms
from miglab.report.traces import COLOURS, Trace, line, marks, plain, steps
from miglab.report.words import MIB

LANE_PX = 22
NAME_MAX = 11


def ping(history: History) -> Row:
    """The round trip of each reply; probes without one as a rug below."""
    record, title = history.ping, "<b>Ping</b> round trip, ms"
    if record is None:
        return Row("client", title, lacks=NOT_RECORDED)
    points = _series(history, series.replies(record), record.interval_ms)
    least = min((y for y in points.y if y is not None), default=1)
    lost = [after_ms(at, history.outcome.started_ns) for at in sorted(series.lost(record))]
    traces = [*line("ping", "client", points)]
    if lost:
        rug = marks(lost, [least / 2] * len(lost), "line-ns-open", "lost")
        traces.append(rug | {"name": "probe lost", "hovertemplate": "at %{x:.1f} ms"})
    return Row("client", title, tuple(traces), LOGARITHMIC, _cut(record.complete), 120)


def stream(history: History) -> Row:
    """How long each answer took. One question at a time: the line rises while one is awaited."""
    record, title = history.stream, "<b>TCP</b> wait for the answer, ms"
    if record is None:
        return Row("stream", title, lacks=NOT_RECORDED)
    traces = line("TCP", "stream", _series(history, series.answers(record)))
    return Row("stream", title, tuple(traces), LOGARITHMIC, _cut(record.complete))


def beacon(history: History) -> Row:
    """Our clock less the guest's: each step up is a stop, by its length."""
    record, title = history.beacon, "<b>Beacon</b> our clock ahead of the guest's, ms"
    if record is None:
        return Row("beacon", title, lacks=NOT_RECORDED)
    points = series.offsets(record, history.outcome.started_ns)
    traces = line("beacon", "beacon", _series(history, points, 1000 / record.hz))
    anew = "booted anew; shown until then" if len(record.boots) > 1 else ""
    return Row("beacon", title, tuple(traces), LINEAR, anew or _cut(record.complete))


def job(history: History) -> Row:
    """What libvirt said of its job while it ran."""
    title = "<b>Job</b> MiB left (filled), MiB/s (line), throttle % (dotted)"
    progress = history.progress
    if not progress:
        return Row("job", title, lacks=NOT_RECORDED)
    x = [after_ms(moment.time_ns, history.outcome.started_ns) for moment in progress]
    left = steps("left", x, [moment.remaining / MIB for moment in progress], "MiB")
    rate = steps("rate", x, [moment.rate / MIB for moment in progress], "MiB/s")
    traces = [left | {"fill": "tozeroy", "fillcolor": f"{COLOURS['job']}33"}, rate]
    if any(moment.throttle for moment in progress):
        throttle = steps("throttle", x, [moment.throttle for moment in progress], "%")
        traces.append(throttle | {"line": {"color": COLOURS["lost"], "width": 2, "dash": "dot"}})
    return Row("job", title, tuple(traces))


def disk(history: History) -> Row:
    """How long each journal write took; raises EvidenceError where that cannot be placed."""
    points = _series(history, series.latencies(Evidence(history)))
    title = "<b>Disk</b> time to write, ms, by the guest's clock"
    return Row("disk", title, tuple(line("write", "disk", points)), LOGARITHMIC)


def moments(history: History, verdict: Verdict) -> Row:
    """Events, rounds, announcements and writes to the share, in lanes."""
    found = lanes(history, verdict)
    axis = {
        "tickvals": list(range(len(found))),
        "ticktext": [_short(lane.name) for lane in found],
        "range": [len(found) - 0.5, -0.5],
        "showgrid": False,
    }
    started_ns = history.outcome.started_ns
    traces = tuple(_lane(lane, place, started_ns) for place, lane in enumerate(found))
    title = "<b>Moments</b> ■ STOP  ▶ RESUME  ▲ announced  | others"
    return Row("vcpu", title, traces, axis, height_px=LANE_PX * len(found))


def _series(history: History, points: Iterable[Point], interval_ms: float = inf) -> Series:
    return series.series(points, history.outcome.started_ns, interval_ms)


def _lane(lane: Lane, place: int, started_ns: int) -> Trace:
    x = [after_ms(mark.time_ns, started_ns) for mark in lane.marks]
    trace = marks(x, [place] * len(x), [mark.symbol for mark in lane.marks], lane.vantage)
    trace["marker"] |= {"size": 9, "line": {"width": 1.5, "color": COLOURS[lane.vantage]}}
    return trace | {
        "name": plain(lane.name),
        "text": [plain(mark.text) for mark in lane.marks],
        "hovertemplate": "%{text}",
    }


def _short(name: str) -> str:
    """As much of a lane's name as the margin holds; all of it is told where one points."""
    return plain(name if len(name) <= NAME_MAX else f"{name[: NAME_MAX - 1]}…")


def _cut(complete: bool) -> str:
    return "" if complete else "the recording is cut off"
