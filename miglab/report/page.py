"""A run, or several compared, as an HTML file that needs no network and no server."""

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from miglab.errors import LabError
from miglab.report import comparison, facts, words
from miglab.report.comparison import Run
from miglab.report.series import after_ms
from miglab.report.timeline import timeline, views
from miglab.report.traces import COLOURS

if TYPE_CHECKING:
    import jinja2

SYMBOLS = {
    "pass": "✓",
    "fail": "✗",
    "unknown": "?",
    "intact": "✓",
    "broken": "✗",
}
"""Beside each word: a colour alone says nothing to some, and nothing in print."""


def page(runs: Sequence[Run], library: str = "") -> str:
    """The page of one run, or the comparison of several and each of them below.

    ``library`` is where the library that draws lies, as seen from the page; it is part of the page
    if that is not given.
    """
    several = len(runs) > 1
    text: str = template("page.html.j2").render(
        runs=[_view(number, run) for number, run in enumerate(runs, start=1)],
        longest=comparison.longest(runs),
        overview=embedded(json.dumps(comparison.overview(runs))) if several else None,
        colours=COLOURS,
        symbols=SYMBOLS,
        words=words,
        library=library,
        plotly="" if library else plotly(),
    )
    return text


def write(runs: Sequence[Run], path: Path, library: str = "") -> None:
    """Writes :func:`page`; raises LabError when the place cannot take it."""
    try:
        # A folder's name may hold what is no UTF-8; a page cannot.
        path.write_text(page(runs, library), encoding="utf-8", errors="replace")
    except OSError as error:
        raise LabError(f"{path}: the page cannot be written: {error.strerror}") from None


def _view(number: int, run: Run) -> dict[str, Any]:
    """What the template needs of one run."""
    name, history, verdict = run
    started_ns = history.outcome.started_ns
    told = verdict.model_dump_json(indent=2, by_alias=True)
    return {
        "number": number,
        "name": name,
        "history": history,
        "verdict": verdict,
        "figures": list(words.figures(verdict)),
        "started": facts.moment(started_ns),
        "after_ms": lambda time_ns: after_ms(time_ns, started_ns),
        "asked": list(facts.asked(history, verdict)),
        "moved": list(facts.moved(verdict)),
        "surroundings": list(facts.surroundings(verdict)),
        "hosts": facts.hosts(verdict),
        "missing": list(facts.missing(history)),
        "timeline": embedded(json.dumps(timeline(history, verdict))),
        "views": list(views(history, verdict)),
        "json": told,
        "embedded": embedded(told),
    }


def embedded(text: str) -> str:
    """JSON that no script element ends within, whatever was recorded."""
    return text.replace("<", "\\u003c")


def plotly() -> str:
    """The library that draws, as it is in plotly's package: a page must not need a network."""
    from plotly.offline import get_plotlyjs

    library: str = get_plotlyjs()
    return library


@cache
def template(name: str) -> "jinja2.Template":
    """The template of that name, with all that it includes."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("miglab", "report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)
