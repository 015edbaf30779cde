"""A whole test run on one page, with a link to each migration's own."""

from pathlib import Path

from miglab.errors import LabError
from miglab.report import words
from miglab.report.page import SYMBOLS, template
from miglab.report.suite import INDEX, TEST_STATES, Suite
from miglab.report.traces import COLOURS

SHOWN = ("downtime_ms.client", "downtime_ms.vcpu", "downtime_ms.libvirt")


def page(suite: Suite) -> str:
    """Counts, what failed, every verdict, what was skipped."""
    told = suite.worst_first()
    figures = [
        {path: figure for path, figure, _ in words.figures(one.verdict) if path in SHOWN}
        for one in told
    ]
    longest = {
        path: max((found[path].value or 0.0 for found in figures), default=0.0) for path in SHOWN
    }
    text: str = template("suite.html.j2").render(
        suite=suite,
        rows=list(zip(told, figures, strict=True)),
        longest=longest,
        states=TEST_STATES,
        colours=COLOURS,
        symbols=SYMBOLS,
        words=words,
    )
    return text


def write(suite: Suite, home: Path) -> Path:
    """Writes :func:`page` into the folder of the run; raises LabError when it cannot take it."""
    path = home / INDEX
    try:
        home.mkdir(parents=True, exist_ok=True)
        path.write_text(page(suite), encoding="utf-8", errors="replace")
    except OSError as error:
        raise LabError(f"{path}: the page cannot be written: {error.strerror}") from None
    return path
