"""A figure of several rows, one below the other over one axis of time, as plotly.js reads it."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from miglab.report.traces import COLOURS, Trace, dot, plain

Figure = dict[str, Any]

LOGARITHMIC = {"type": "log", "dtick": 1, "exponentformat": "none"}
LINEAR = {"rangemode": "tozero", "nticks": 4}
TOP_PX, BOTTOM_PX, LEFT_PX, RIGHT_PX = 48, 48, 84, 8
GAP_PX = 34  # holds the next row's title
WORD_PX = 20  # from a row's title to the word above it
WORD_SHARE = 0.05  # of the width, for the word that stands behind the end
STOP_COLOUR = f"{COLOURS['vcpu']}2e"


class Row(NamedTuple):
    """A stripe; ``lacks`` says why nothing, or not all, is in it."""

    vantage: str
    title: str
    traces: tuple[Trace, ...] = ()
    axis: Mapping[str, Any] = LINEAR
    lacks: str = ""
    height_px: int = 96


def stacked(rows: Sequence[Row], stops: Sequence[tuple[float, float]], end_ms: float) -> Figure:
    """The rows over ms since the action began; stops shaded, its beginning and end dashed."""
    inner_px = sum(row.height_px for row in rows) + GAP_PX * (len(rows) - 1)
    figure: Figure = {
        "data": [],
        "layout": {
            "height": inner_px + TOP_PX + BOTTOM_PX,
            "margin": {"t": TOP_PX, "b": BOTTOM_PX, "l": LEFT_PX, "r": RIGHT_PX},
            "showlegend": False,
            "hovermode": "x unified",
            "hoversubplots": "axis",
            "annotations": [_above("began", 0, "right"), _above("ended", end_ms, "left")],
            "shapes": [*map(_shade, stops), _moment(0), _moment(end_ms)],
        },
    }
    top_px = float(inner_px)
    for number, row in enumerate(rows, start=1):
        _add(figure, row, number, (top_px - row.height_px) / inner_px, top_px / inner_px)
        top_px -= row.height_px + GAP_PX
    figure["layout"]["xaxis"] = {
        "title": {"text": "ms since the action began", "standoff": 8},
        "anchor": f"y{len(rows)}",
        "range": _extent(figure["data"], end_ms),
        "zeroline": False,
        "unifiedhovertitle": {"text": "%{x:.1f} ms"},
    }
    return figure


def _add(figure: Figure, row: Row, number: int, low: float, high: float) -> None:
    """Row ``number``, between two shares of the height."""
    layout, axis = figure["layout"], f"yaxis{number}"
    place = {"domain": [low, high], "anchor": "x", "fixedrange": True, "zeroline": False}
    layout[axis] = {**row.axis, **place}
    figure["data"] += [{**trace, "yaxis": f"y{number}"} for trace in row.traces]
    amiss = f"  <i>{plain(row.lacks)}</i>" if row.lacks and row.traces else ""
    title = _said(f"{dot(row.vantage)} {row.title}{amiss}", 0, high)
    layout["annotations"].append(title | {"xanchor": "left", "xshift": -LEFT_PX})
    if not row.traces:
        middle = _said(plain(row.lacks), 0.5, (low + high) / 2)
        layout["annotations"].append(middle | {"yanchor": "middle"})
        layout[axis] |= {"showticklabels": False, "range": [0, 1], "type": "linear"}


def _said(text: str, x: float, y: float) -> Figure:
    """Text on top of a point of the paper."""
    paper = {"xref": "paper", "yref": "paper", "yanchor": "bottom", "showarrow": False}
    return {"text": text, "x": x, "y": y} | paper


def _above(text: str, x_ms: float, side: str) -> Figure:
    """A word over the uppermost row, at a moment."""
    return _said(text, x_ms, 1) | {"xref": "x", "xanchor": side, "yshift": WORD_PX}


def _shade(stop: tuple[float, float]) -> Figure:
    low, high = stop
    line = {"width": 1, "color": STOP_COLOUR}
    rectangle = {"type": "rect", "x0": low, "x1": high, "y0": 0, "y1": 1, "yref": "paper"}
    return rectangle | {"layer": "below", "fillcolor": STOP_COLOUR, "line": line}


def _moment(at_ms: float) -> Figure:
    dashes = {"width": 1, "dash": "dash", "color": COLOURS["job"]}
    upright = {"type": "line", "x0": at_ms, "x1": at_ms, "y0": 0, "y1": 1, "yref": "paper"}
    return upright | {"line": dashes}


def _extent(traces: Sequence[Trace], end_ms: float) -> list[float]:
    """From the first point to the last, of the action or of any vantage."""
    found = [x for trace in traces for x in trace["x"] if x is not None]
    low = min([0, *found])
    return [low, max([end_ms + WORD_SHARE * (end_ms - low), *found])]
