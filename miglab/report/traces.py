"""What is drawn, as plotly.js reads it: lines, steps and marks as plain dictionaries.

Through plotly's own classes it would be the same, and checked meanwhile, which takes longer than
all the rest of a page.
"""

import html
from collections.abc import Iterator, Sequence
from typing import Any

from miglab.report.series import Series

Trace = dict[str, Any]

COLOURS = {
    "client": "#3b82f6",
    "stream": "#0d9488",
    "beacon": "#8b5cf6",
    "vcpu": "#c27803",
    "job": "#6b7f99",
    "disk": "#c2560c",
    "lost": "#dc2626",
}
"""By vantage: at least 3:1 against the page's paper, by day and by night."""


def dot(vantage: str) -> str:
    """In the colour of a vantage, for plotly's texts."""
    return f'<span style="color:{COLOURS[vantage]}">●</span>'


def plain(text: str) -> str:
    """Recorded text for plotly, which reads some tags and entities in what it is given."""
    return html.escape(text, quote=False)


def line(name: str, vantage: str, points: Series) -> Iterator[Trace]:
    """A line through the points, in ms, and a mark for each that stands alone.

    As SVG: up to 60000 points are drawn sooner than by WebGL where that is emulated, and a browser
    allows only so many drawings with WebGL on a page.
    """
    told = {"name": name, "hovertemplate": "%{y} ms"}
    yield told | {
        "type": "scatter",
        "mode": "lines",
        "x": points.x,
        "y": points.y,
        "line": {"color": COLOURS[vantage], "width": 1.5},
    }
    if points.lone.x:
        yield told | marks(points.lone.x, points.lone.y, "circle", vantage)


def steps(name: str, x: Sequence[float], y: Sequence[float], unit: str) -> Trace:
    """A line through few points, each of them seen."""
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": name,
        "x": x,
        "y": [round(value, 2) for value in y],
        "line": {"color": COLOURS["job"], "width": 1.5},
        "marker": {"size": 4},
        "hovertemplate": f"%{{y}} {unit}",
    }


def marks(
    x: Sequence[float | None], y: Sequence[float | None], symbol: object, vantage: str
) -> Trace:
    """Points by themselves; ``symbol`` is one for all, or one for each."""
    marker = {"symbol": symbol, "color": COLOURS[vantage], "size": 5}
    return {"type": "scatter", "mode": "markers", "x": x, "y": y, "marker": marker}
