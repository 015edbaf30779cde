"""The verdict in a terminal: a short table, the reasons, the place of the record."""

from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from miglab.judge.measured import Measured
from miglab.judge.verdict import Verdict
from miglab.observe.events import Progress

STYLES = {"pass": "bold green", "fail": "bold red", "unknown": "bold yellow"}
REASON_MAX = 70
MEANING = {
    "client": "network dark, by ping",
    "vcpu": "vCPUs stopped, STOP → RESUME",
    "libvirt": "libvirt's own figure",
    "guest": "what the guest itself noticed",
    "disk": "disk stalled",
}


def show(console: Console, verdict: Verdict, folder: Path) -> None:
    """Prints what a person asks first. What was recorded is text, whatever brackets it has."""
    console.print(_headline(verdict), soft_wrap=True)
    console.print(_table(verdict))
    console.print(_figures(verdict), soft_wrap=True)
    console.print(Text(f"record: {folder}"), soft_wrap=True)


def _headline(verdict: Verdict) -> Text:
    title = Text(verdict.verdict.upper(), style=STYLES[verdict.verdict])
    title.append(f"  {verdict.migration.source} → {verdict.migration.target}", style="bold")
    title.append(f"  {verdict.migration.mode}", style="bold")
    return Text("\n  ").join([title, *map(Text, verdict.reasons)])


def _table(verdict: Verdict) -> Table:
    table = Table("downtime", "ms", "±", "what it means", box=None, header_style="dim")
    for name, meaning in MEANING.items():
        figure: Measured = getattr(verdict.downtime_ms, name)
        if figure.value is None or figure.uncertainty is None:
            table.add_row(name, "?", "", Text(figure.note), style="dim")
        else:
            what = Text(": ".join(filter(None, [meaning, figure.note])))
            table.add_row(name, f"{figure.value:.1f}", f"{figure.uncertainty:.3g}", what)
    return table


def _figures(verdict: Verdict) -> Text:
    moved = verdict.migration
    sent = "?" if moved.transferred_bytes is None else f"{moved.transferred_bytes / (1 << 20):.1f}"
    return Text(
        f"total {_given(moved.total_ms)} ms, {sent} MiB sent, {_given(moved.rounds)} rounds;"
        f" {_acceleration(verdict)}",
        style="dim",
    )


def _acceleration(verdict: Verdict) -> str:
    """The kind, and the beginning of why; all of it is in the record."""
    kind, reason = verdict.environment.acceleration, verdict.environment.acceleration_reason
    name = "emulated (TCG)" if kind == "qemu" else kind
    return f"{name}: {reason if len(reason) <= REASON_MAX else reason[:REASON_MAX] + '…'}"


def _given(figure: int | None) -> str:
    return "?" if figure is None else str(figure)


def progress_line(progress: Progress) -> str:
    """One moment of a running migration."""
    if not progress.iteration and not progress.rate:
        return f"setting up, {progress.elapsed_ms / 1000:.1f} s"
    throttle = f", throttled {progress.throttle} %" if progress.throttle else ""
    return (
        f"round {progress.iteration}, {progress.remaining / (1 << 20):.1f} MiB left,"
        f" {progress.rate / (1 << 20):.1f} MiB/s, {progress.elapsed_ms / 1000:.1f} s{throttle}"
    )
