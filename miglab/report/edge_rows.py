"""The trials of a search for the convergence edge as rows of a table, and each as a line."""

from collections.abc import Iterator
from typing import NamedTuple

from miglab.judge.bisection import Kept
from miglab.judge.edge import Answer
from miglab.judge.grid import Edge
from miglab.judge.measured import Measured
from miglab.judge.model import Prediction
from miglab.judge.trial import Trial
from miglab.report import words
from miglab.report.edge_words import rate
from miglab.values import size_text

NOTHING = "–"


class Row(NamedTuple):
    """One trial in words; ``beside`` tells the trials that the two ends of the edge rest on."""

    rate: str
    working_set: str
    reached: str
    kept: Kept
    dark: str
    total: str
    rounds: str
    model: str
    beside: str
    record: str


def rows(answer: Answer, edge: Edge) -> Iterator[Row]:
    """The trials of that edge's points, by growing burden."""
    known = edge.state != "unknown"
    ends = {(edge.held, "held"): "held up to here", (edge.broken, "broken"): "broken from here"}
    for point in edge.points:
        for trial in answer.trials:
            if trial.load == point.load:
                yield _row(trial, ends.get((trial.load, trial.kept), "") if known else "")


def _row(trial: Trial, beside: str = "") -> Row:
    reached = trial.achieved_bytes_per_s
    return Row(
        rate=rate(trial.load),
        working_set=size_text(trial.load.working_set),
        reached=NOTHING if reached is None else words.mib(reached),
        kept=trial.kept,
        dark=_dark(trial.client_ms),
        total=f"> {trial.lasted_ms:.0f}" if trial.error else words.given(trial.total_ms),
        rounds=NOTHING if trial.error else words.given(trial.rounds),
        model=_foreseen(trial.predicted),
        beside=beside,
        record=trial.record,
    )


def _dark(figure: Measured) -> str:
    """In ms, with what it may be off by."""
    if figure.value is None:
        return words.UNKNOWN
    return f"{words.value(figure)} ± {words.uncertainty(figure)}"


def _foreseen(prediction: Prediction | None) -> str:
    """What the model says of total and downtime, in ms."""
    if prediction is None:
        return NOTHING
    if prediction.total_s is None:
        return "never ends"
    return f"{prediction.total_s * 1000:.0f} / {prediction.downtime_ms_min:.0f}"


def told(trial: Trial) -> str:
    """One trial in a line."""
    row = _row(trial)
    dark = "" if trial.client_ms.value is None else f"dark for {row.dark} ms, "
    return (
        f"{row.rate} ({row.reached} MiB/s reached), {row.working_set}:"
        f" {row.kept}, {dark}total {row.total} ms"
    )
