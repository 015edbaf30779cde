"""The answer of a search for the convergence edge in a terminal: two small tables, one line."""

from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from miglab.judge.edge import Answer
from miglab.judge.grid import Edge
from miglab.report import edge_words as words
from miglab.report.edge_rows import rows

STYLES = {"held": "green", "broken": "red", "unknown": "yellow"}
HEADLINES = {"found": "bold green", "never": "bold green", "always": "bold red"}
HEAD = ("reached", "promise", "dark ms", "total ms", "rounds", "model ms")
BESIDE = "◀"


def show(console: Console, answer: Answer, folder: Path) -> None:
    """Prints the trials around the edge, and what follows from them."""
    console.print(_table(answer, answer.rates, "rate"))
    if answer.working_sets is not None:
        console.print(_table(answer, answer.working_sets, "working set"))
    title = Text(words.HEADLINES[answer.state], HEADLINES.get(answer.state, "bold yellow"))
    console.print(title.append(f"  {words.answered(answer)}", style="default"), soft_wrap=True)
    console.print(Text(f"records: {folder}"), soft_wrap=True)


def _table(answer: Answer, edge: Edge, burden: str) -> Table:
    """One line for each trial, by growing burden; the points beside the edge are marked."""
    table = Table(burden, *HEAD, box=None, header_style="dim")
    for row in rows(answer, edge):
        first = row.rate if burden == "rate" else row.working_set
        kept = Text(f"{row.kept} {BESIDE if row.beside else ''}", style=STYLES[row.kept])
        table.add_row(first, row.reached, kept, row.dark, row.total, row.rounds, row.model)
    return table
