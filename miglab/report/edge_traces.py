"""The trials of a search, and the model's curves beside them, as plotly.js reads them."""

from collections.abc import Sequence

from miglab.judge.bisection import Kept
from miglab.judge.edge import MIB, Answer
from miglab.judge.grid import suppose
from miglab.judge.model import predict
from miglab.judge.trial import Trial
from miglab.report.edge_rows import told
from miglab.report.traces import COLOURS, Trace, plain

SYMBOLS: dict[Kept, str] = {"held": "circle", "broken": "x", "unknown": "diamond-open"}
SAMPLES = 120  # of a curve


def rate_mib(trial: Trial) -> float:
    """MiB/s that the load reached."""
    return (trial.achieved_bytes_per_s or 0) / MIB


def dark(trials: Sequence[Trial]) -> Trace:
    """How long the network was dark in each, and what that may be off by; upper row."""
    unsure = [trial.client_ms.uncertainty for trial in trials]
    bars = {"type": "data", "array": unsure, "thickness": 1.5, "width": 4}
    return {**_marks(trials, "client"), "y": [t.client_ms.value for t in trials], "error_y": bars}


def total(trials: Sequence[Trial]) -> Trace:
    """How long each took, in seconds, or when it was given up; lower row."""
    ms = [trial.lasted_ms if trial.error else trial.total_ms for trial in trials]
    seconds = [None if each is None else each / 1000 for each in ms]
    return {**_marks(trials, "job"), "y": seconds, "yaxis": "y2"}


def _marks(trials: Sequence[Trial], vantage: str) -> Trace:
    """One for each trial, of a form that says whether the promise was kept."""
    symbols = [SYMBOLS[trial.kept] for trial in trials]
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [round(rate_mib(trial), 2) for trial in trials],
        "text": [plain(told(trial)) for trial in trials],
        "customdata": [trial.record for trial in trials],
        "hovertemplate": "%{text}<extra></extra>",
        "marker": {"symbol": symbols, "color": COLOURS[vantage], "size": 10},
    }


def model(answer: Answer, low: float, high: float) -> list[Trace]:
    """What the model says from ``low`` to ``high`` MiB/s, as far as it converges."""
    load = next((trial.load for trial in answer.trials if trial.modelled), None)
    supposed = suppose(load, answer.trials) if load else None
    if supposed is None:
        return []
    rates = [low * (high / low) ** (n / SAMPLES) for n in range(SAMPLES + 1)]
    bytes_per_s = ({"dirty_rate_bytes_per_s": rate * MIB} for rate in rates)
    said = [predict(supposed.model_copy(update=rate)) for rate in bytes_per_s]
    downtimes = [None if p.total_s is None else p.downtime_ms_min for p in said]
    return [_curve("y", rates, downtimes), _curve("y2", rates, [p.total_s for p in said])]


def _curve(axis: str, rates: Sequence[float], values: Sequence[float | None]) -> Trace:
    return {
        "type": "scatter",
        "mode": "lines",
        "yaxis": axis,
        "x": [round(rate, 3) for rate in rates],
        "y": [None if value is None else round(value, 3) for value in values],
        "line": {"color": COLOURS["beacon"], "width": 2, "dash": "dot"},
        "hovertemplate": "by the model %{y}, at %{x} MiB/s<extra></extra>",
    }
