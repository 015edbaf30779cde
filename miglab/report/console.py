"""The verdict in a terminal: a short table, the reasons, the place of the record."""

from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from miglab.judge.verdict import Verdict
from miglab.observe.events import Progress
from miglab.report import words
from miglab.report.words import DOWNTIME, given, mib

STYLES = {"pass": "bold green", "fail": "bold red", "unknown": "bold yellow"}
REASON_MAX = 70


def show(console: Console, verdict: Verdict, folder: Path) -> None:
    """Prints what a person asks first. What was recorded is text, whatever brackets it has."""
    console.print(_headline(verdict), soft_wrap=True)
    console.print(_table(verdict))
    if verdict.announced:
        console.print(_announced(verdict), soft_wrap=True)
    console.print(_figures(verdict), soft_wrap=True)
    console.print(Text(f"record: {folder}"), soft_wrap=True)


def _headline(verdict: Verdict) -> Text:
    title = Text(verdict.verdict.upper(), style=STYLES[verdict.verdict])
    title.append(f"  {words.way(verdict)}", style="bold")
    title.append(f"  {verdict.migration.mode}", style="bold")
    return Text("\n  ").join([title, *map(Text, verdict.reasons)])


def _table(verdict: Verdict) -> Table:
    """The five figures of downtime, and of the others those that stand out."""
    table = Table("downtime", "ms", "±", "what it means", box=None, header_style="dim")
    for path, figure, meaning in words.figures(verdict):
        name = path.rpartition(".")[2]
        if figure.value is None and name in DOWNTIME:
            table.add_row(name, words.UNKNOWN, "", Text(figure.note), style="dim")
        elif name in DOWNTIME or words.stands_out(figure):
            what = Text(": ".join(filter(None, [meaning, figure.note])))
            table.add_row(name, words.value(figure), words.uncertainty(figure), what)
    return table


def _announced(verdict: Verdict) -> Text:
    """Who told the network, how often, and how soon after the guest was resumed."""
    hosts = ", ".join(dict.fromkeys(seen.host for seen in verdict.announced))
    after = [seen.after_resume_ms for seen in verdict.announced if seen.after_resume_ms is not None]
    when = f", {min(after):.1f} to {max(after):.1f} ms after RESUME" if after else ""
    return Text(f"announced by {hosts} {len(verdict.announced)} times{when}", style="dim")


def _figures(verdict: Verdict) -> Text:
    moved = verdict.migration
    return Text(
        f"total {given(moved.total_ms)} ms, {mib(moved.transferred_bytes)} MiB sent,"
        f" {given(moved.rounds)} rounds; {_acceleration(verdict)}",
        style="dim",
    )


def _acceleration(verdict: Verdict) -> str:
    """The kind, and the beginning of why; all of it is in the record."""
    reason = verdict.environment.acceleration_reason
    short = reason if len(reason) <= REASON_MAX else reason[:REASON_MAX] + "…"
    return f"{words.acceleration(verdict.environment)}: {short}"


def progress_line(progress: Progress) -> str:
    """One moment of a running migration."""
    if not progress.iteration and not progress.rate:
        return f"setting up, {progress.elapsed_ms / 1000:.1f} s"
    throttle = f", throttled {progress.throttle} %" if progress.throttle else ""
    return (
        f"round {progress.iteration}, {mib(progress.remaining)} MiB left,"
        f" {mib(progress.rate)} MiB/s, {progress.elapsed_ms / 1000:.1f} s{throttle}"
    )
