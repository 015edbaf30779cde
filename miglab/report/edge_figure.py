"""Downtime and total time over the dirty rate, one above the other, as plotly.js reads it."""

from collections.abc import Iterator
from math import log10

from miglab.judge.edge import MIB, STEPS, Answer
from miglab.report import edge_traces as traces
from miglab.report.figure import Figure
from miglab.report.traces import COLOURS, Trace, dot

HEIGHT_PX = 560
TITLE_PX = 24  # above each row
UPPER, LOWER = (0.56, 1.0), (0.0, 0.44)
MARGIN = 1.25  # times what lies outermost
EDGE_COLOUR = f"{COLOURS['vcpu']}2e"


def figure(answer: Answer) -> Figure:
    """Trials as marks, the model as dotted curves, the promise dashed, the edge shaded."""
    loads = [point.load for point in answer.rates.points]
    trials = [t for t in answer.trials if t.load in loads and t.achieved_bytes_per_s]
    rates = [traces.rate_mib(trial) for trial in trials] or [STEPS[0], STEPS[-1]]
    low, high = min(rates) / MARGIN, max(rates) * MARGIN
    marks = [traces.dark(trials), traces.total(trials)]
    layout: Figure = {
        "height": HEIGHT_PX,
        "margin": {"t": 40, "b": 48, "l": 56, "r": 12},
        "showlegend": False,
        "hovermode": "closest",
        "xaxis": _rates(low, high),
        "yaxis": _row(UPPER, marks[0], answer.promise.client_ms_max),
        "yaxis2": _row(LOWER, marks[1], (answer.promise.total_ms_max or 0) / 1000),
        "shapes": [*_edge(answer), *_promise(answer)],
        "annotations": [
            _title(UPPER, f"{dot('client')} network dark, ms"),
            _title(LOWER, f"{dot('job')} total, s"),
        ],
    }
    return {"data": [*traces.model(answer, low, high), *marks], "layout": layout}


def _rates(low: float, high: float) -> Figure:
    """Powers of two as they are declared; every half and third between them would be too much."""
    return {
        "type": "log",
        "range": [log10(low), log10(high)],
        "tickvals": [2**n for n in range(-4, 14)],
        "title": {"text": "MiB/s rewritten meanwhile", "standoff": 8},
        "anchor": "y2",
        "zeroline": False,
    }


def _row(domain: tuple[float, float], marks: Trace, limit: float | None) -> Figure:
    """As high as what was measured and promised: the model's curve may go beyond all bounds."""
    bars = marks.get("error_y", {}).get("array") or [0] * len(marks["y"])
    ends = [y + (bar or 0) for y, bar in zip(marks["y"], bars, strict=True) if y is not None]
    top = MARGIN * max([*ends, limit or 0], default=0)
    return {"domain": domain, "range": [0, top or 1], "fixedrange": True, "zeroline": False}


def _title(domain: tuple[float, float], text: str) -> Figure:
    place = {"xref": "paper", "yref": "paper", "x": 0, "y": domain[1], "xanchor": "left"}
    return {"text": text, **place, "yanchor": "bottom", "showarrow": False}


def _promise(answer: Answer) -> Iterator[Figure]:
    """What may be, in each row."""
    dark, total = answer.promise.client_ms_max, answer.promise.total_ms_max
    for axis, limit in (("y", dark), ("y2", total and total / 1000)):
        if limit is not None:
            dashes = {"width": 1.5, "dash": "dash", "color": COLOURS["lost"]}
            level = {"type": "line", "x0": 0, "x1": 1, "xref": "paper", "y0": limit, "y1": limit}
            yield {**level, "yref": axis, "line": dashes}


def _edge(answer: Answer) -> Iterator[Figure]:
    """From the rate that was reached where it held to the one where it broke."""
    reached = {point.load: point.achieved_bytes_per_s for point in answer.rates.points}
    ends = [reached.get(load) for load in (answer.rates.held, answer.rates.broken) if load]
    low, high = [end / MIB for end in ends if end] if all(ends) and len(ends) == 2 else (0, 0)
    if answer.state == "found" and low:
        rectangle = {"type": "rect", "x0": low, "x1": high, "y0": 0, "y1": 1, "yref": "paper"}
        yield {**rectangle, "layer": "below", "fillcolor": EDGE_COLOUR, "line": {"width": 0}}
