"""The search for the convergence edge as one HTML file beside the records that it links to."""

import json
from pathlib import Path

from miglab.errors import LabError
from miglab.judge.edge import Answer
from miglab.report import edge_words
from miglab.report.edge_figure import figure
from miglab.report.edge_rows import rows
from miglab.report.page import SYMBOLS, embedded, plotly, template
from miglab.report.traces import COLOURS

GRADES = {"found": "pass", "never": "pass", "always": "fail", "unknown": "unknown"}
GRADES |= {"held": "pass", "broken": "fail"}
"""The look of each word."""


def page(answer: Answer) -> str:
    """The answer, drawn and as tables."""
    text: str = template("edge.html.j2").render(
        answer=answer,
        figure=embedded(json.dumps(figure(answer))),
        json=answer.model_dump_json(indent=2),
        colours=COLOURS,
        symbols=SYMBOLS,
        grades=GRADES,
        rows=rows,
        words=edge_words,
        plotly=plotly(),
    )
    return text


def write(answer: Answer, path: Path) -> None:
    """Writes :func:`page`; raises LabError when the place cannot take it."""
    try:
        path.write_text(page(answer), encoding="utf-8", errors="replace")
    except OSError as error:
        raise LabError(f"{path}: the page cannot be written: {error.strerror}") from None
