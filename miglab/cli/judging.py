"""``miglab report``, and what every run ends with: the verdict, for people and for programs."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from miglab.cli.common import JsonOption, answer, progress, say
from miglab.errors import EvidenceError, LabError, MiglabError, UsageError

if TYPE_CHECKING:
    from miglab.judge.verdict import Verdict
    from miglab.observe.history import History

    Judged = tuple[Path, History, Verdict]

judging = typer.Typer()

EXIT_CODES = {"pass": 0, "fail": 1, "unknown": EvidenceError.exit_code}
WORST_LAST = (0, 3, 1, 4)
PAGE, COMPARISON = "report.html", "comparison.html"


@judging.command()
def report(
    recorded: Annotated[list[Path], typer.Argument(metavar="RUN…", help="Recorded runs.")],
    as_json: JsonOption = False,
    html: Annotated[
        Path | None,
        typer.Option(
            "--html", help="Where to write the page (RUN/report.html; several: comparison.html)."
        ),
    ] = None,
) -> None:
    """Judge recorded runs again; the worst verdict is the exit code. One page compares several."""
    if as_json and len(recorded) > 1:
        raise UsageError("--json: expected one run, since it prints one object")
    if len(recorded) == 1:
        raise typer.Exit(judged(recorded[0], as_json, html))
    outcomes = [_attempted(run) for run in recorded]
    good = [outcome for outcome in outcomes if not isinstance(outcome, MiglabError)]
    for folder, _, verdict in good:
        _show(verdict, folder, as_json=False)
    _write_page(good, html or Path(COMPARISON))
    codes = [
        outcome.exit_code if isinstance(outcome, MiglabError) else EXIT_CODES[outcome[2].verdict]
        for outcome in outcomes
    ]
    raise typer.Exit(max(codes, key=WORST_LAST.index))


def judged(folder: Path, as_json: bool, html: Path | None = None) -> int:
    """Judges, writes verdict and page beside the record, prints the verdict; the exit code."""
    run = _judge(folder)
    _show(run[2], folder, as_json)
    _write_page([run], html or folder / PAGE)
    return EXIT_CODES[run[2].verdict]


def _attempted(folder: Path) -> "Judged | MiglabError":
    """A record that cannot be read costs its own line, not the other runs'."""
    try:
        return _judge(folder)
    except MiglabError as error:
        say(str(error), style="red")
        return error


def _judge(folder: Path) -> "Judged":
    from miglab.judge.verdict import judge
    from miglab.observe.history import History

    history = History.read(folder)
    verdict = judge(history)
    try:
        (folder / "verdict.json").write_text(_json(verdict) + "\n")
    except OSError as error:
        raise LabError(f"{folder}: the verdict cannot be written: {error.strerror}") from None
    return folder, history, verdict


def _json(verdict: "Verdict") -> str:
    return verdict.model_dump_json(indent=2, by_alias=True)


def _show(verdict: "Verdict", folder: Path, as_json: bool) -> None:
    from miglab.report.console import show

    if as_json:
        answer(_json(verdict))
    show(progress if as_json else Console(highlight=False), verdict, folder)


def _write_page(runs: "Sequence[Judged]", path: Path) -> None:
    from miglab.report.page import write

    if runs:
        write([(folder.name, history, verdict) for folder, history, verdict in runs], path)
        say(f"page: {path}")
