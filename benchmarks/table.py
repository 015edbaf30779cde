"""Figures for people."""

from rich.console import Console
from rich.table import Table

from benchmarks.figure import Figure

SHOWN = 0.02  # a smaller share of the whole dominates nothing


def show(figures: list[Figure]) -> None:
    """One row for each figure; below it what it is made of, the largest first."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("figure")
    for head in ("target", "median", "min–max", "runs"):
        table.add_column(head, justify="right")
    table.add_column("")
    for figure in figures:
        _add(table, figure)
    Console(highlight=False, width=100).print(table)


def _add(table: Table, figure: Figure) -> None:
    low, high = min(figure.values), max(figure.values)
    table.add_row(
        figure.what,
        f"≤ {figure.target:g} {figure.unit}",
        _number(figure, figure.median),
        f"{_number(figure, low)}–{_number(figure, high)}",
        str(len(figure.values)),
        "met" if figure.met else "[red]missed[/]",
        style="bold",
    )
    for name, value, share in figure.shares():
        if share >= SHOWN:
            table.add_row(f"  {name}", "", _number(figure, value), f"{share:.0%}", style="dim")


def _number(figure: Figure, value: float) -> str:
    return f"{value:.0f}" if figure.unit == "MiB" else f"{value:.2f}"
