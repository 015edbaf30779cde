"""All verdicts of a test run in a terminal: a table where there is room, else a list."""

from io import StringIO
from textwrap import wrap

from rich.console import Console
from rich.table import Table
from rich.text import Text

from miglab.report import words
from miglab.report.console import STYLES
from miglab.report.suite import Suite, Told
from miglab.report.words import given, mib

ROOM = 112  # columns that a table needs
NO_BREAK = "\N{NO-BREAK SPACE}"
HEADS = ("verdict", "client ms", "vcpu ms", "libvirt ms", "total ms", "MiB", "rounds")


def summary(suite: Suite, width: int, *, colour: bool) -> str:
    """The text, ``width`` columns wide; tests that failed come first."""
    out = StringIO()
    console = Console(
        file=out,
        width=width,
        force_terminal=colour,
        color_system="standard" if colour else None,
        highlight=False,
    )
    told = suite.worst_first()
    if width >= ROOM:
        console.print(_table(told))
    else:
        for one in told:
            console.print(*_lines(one, width), sep="\n")
    console.print(Text(f"verdicts: {suite.verdicts()}"))
    return out.getvalue()


def _table(rows: list[Told]) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False, expand=True)
    table.add_column("test", ratio=1, overflow="fold")
    for head in HEADS:
        table.add_column(head, justify="left" if head == "verdict" else "right", no_wrap=True)
    for told in rows:
        table.add_row(_test(told), _verdict(told), *_figures(told).values())
    return table


def _lines(told: Told, width: int) -> list[Text]:
    """The same below each other."""
    figures = ", ".join(_together(f"{name} {value}") for name, value in _figures(told).items())
    first = Text.assemble(_verdict(told), "  ", told.name)
    lines = wrap(figures, width, initial_indent="  ", subsequent_indent="  ")
    texts = [Text(line.replace(NO_BREAK, " ")) for line in lines]
    return [first, Text(f"  {_way(told)}", style="dim"), *texts]


def _together(text: str) -> str:
    """Not to be torn at the end of a line."""
    return text.replace(" ", NO_BREAK)


def _test(told: Told) -> Text:
    return Text(told.name).append(f"\n{_way(told)}", style="dim")


def _way(told: Told) -> str:
    """How the guest was moved, and what it was doing."""
    failed = "test failed; " if told.outcome == "failed" else ""
    return f"{failed}{told.verdict.migration.mode}, {words.load(told.verdict)}"


def _verdict(told: Told) -> Text:
    return Text(told.verdict.verdict.upper(), style=STYLES[told.verdict.verdict])


def _figures(told: Told) -> dict[str, str]:
    """By heading, in order."""
    downtime, moved = told.verdict.downtime_ms, told.verdict.migration
    measured = [downtime.client, downtime.vcpu, downtime.libvirt]
    texts = [
        " ± ".join(filter(None, [words.value(figure), words.uncertainty(figure)]))
        for figure in measured
    ]
    counts = [given(moved.total_ms), mib(moved.transferred_bytes), given(moved.rounds)]
    return dict(zip(HEADS[1:], [*texts, *counts], strict=True))
