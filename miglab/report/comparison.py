"""Several runs beside each other, each from the start of its own action."""

from collections.abc import Iterator, Sequence

from miglab.judge.figures import Outage
from miglab.judge.verdict import Verdict
from miglab.observe.history import History
from miglab.report import words
from miglab.report.figure import Figure, Row, stacked
from miglab.report.series import after_ms
from miglab.report.timeline import lasted_ms
from miglab.report.traces import COLOURS, Trace, dot, plain

Run = tuple[str, History, Verdict]
"""Name, what was recorded, what was found."""

BESIDE = {"client": -0.22, "vcpu": 0.0, "stream": 0.22}
"""By vantage, where its bar lies in the run's lane."""
LANE_PX, BAR_PX = 40, 7


def overview(runs: Sequence[Run]) -> Figure:
    """When each run's guest was stopped, and when clients and applications noticed."""
    title = f"network dark  {dot('vcpu')} vCPUs stopped  {dot('stream')} application waited"
    axis = {
        "tickvals": list(range(1, len(runs) + 1)),
        "range": [len(runs) + 0.5, 0.5],
        "showgrid": False,
    }
    traces = tuple(_bars(runs, vantage) for vantage in BESIDE)
    row = Row("client", title, traces, axis, height_px=LANE_PX * len(runs))
    return stacked([row], [], max(lasted_ms(history) for _, history, _ in runs))


def longest(runs: Sequence[Run]) -> dict[str, float]:
    """The largest value of each figure among the runs, by its path in the verdict; ms."""
    found: dict[str, float] = {}
    for _, _, verdict in runs:
        for path, figure, _ in words.figures(verdict):
            found[path] = max(found.get(path, 0.0), figure.value or 0.0)
    return found


def _bars(runs: Sequence[Run], vantage: str) -> Trace:
    bars = [
        (number, name, history.outcome.started_ns, outage)
        for number, (name, history, verdict) in enumerate(runs, start=1)
        for outage in verdict.outages
        if outage.vantage == vantage
    ]
    return {
        "type": "scatter",
        "mode": "lines",
        "name": vantage,
        "x": [x for _, _, started_ns, outage in bars for x in _ends(outage, started_ns)],
        "y": [y for number, *_ in bars for y in [number + BESIDE[vantage]] * 2 + [None]],
        "text": [text for _, name, _, outage in bars for text in [_told(name, outage)] * 3],
        "line": {"color": COLOURS[vantage], "width": BAR_PX},
        "hovertemplate": "%{text}",
    }


def _ends(outage: Outage, started_ns: int) -> Iterator[float | None]:
    yield after_ms(outage.from_ns, started_ns)
    yield after_ms(outage.until_ns, started_ns)
    yield None


def _told(name: str, outage: Outage) -> str:
    length = f"{words.value(outage.ms)} ± {words.uncertainty(outage.ms)} ms"
    return f"{length}, {plain(name)}"
