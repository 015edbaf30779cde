"""How far each vantage is from the truth, where the truth is known."""

import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.figure import Figure
from miglab.experiment.watch import Watching
from miglab.judge.measured import Measured
from miglab.judge.verdict import judge
from miglab.lab.embedded import EmbeddedLab
from miglab.migration.hypervisor import Hypervisor
from miglab.observe.history import History
from scenarios.blackouts import Blackout, Truth, at_home, frozen, suspended, unplugged

Maker = Callable[[EmbeddedLab, Hypervisor], Blackout]
TARGET_MS = 2.0
LENGTHS_MS = (50, 137, 250, 1000)
SEES = {
    "suspended": ("client", "vcpu", "guest", "disk"),
    "frozen": ("client", "program", "disk"),
    "unplugged": ("client", "beacon"),
}


def _suspended(length_ms: int, lab: EmbeddedLab, home: Hypervisor) -> Blackout:
    return suspended(home, lab.topology.guest.name, length_ms)


def _frozen(length_ms: int, lab: EmbeddedLab, home: Hypervisor) -> Blackout:
    return frozen(lab, home, length_ms)


def _unplugged(length_ms: int, lab: EmbeddedLab, home: Hypervisor) -> Blackout:
    return unplugged(lab, home, length_ms)


def _kinds() -> Iterator[tuple[str, int, Maker]]:
    for length_ms in LENGTHS_MS:
        yield "suspended", length_ms, partial(_suspended, length_ms)
        yield "frozen", length_ms, partial(_frozen, length_ms)
    yield "unplugged", 300, partial(_unplugged, 300)


def blackouts(bench: Bench, runs: int) -> list[Figure]:
    """The error by kind, length and vantage; beside it what the vantage said of its own error."""
    bench.started()
    figures = []
    for kind, length_ms, maker in _kinds():
        seen = [_once(bench.lab, maker) for _ in range(runs)]
        figures += [_error(kind, length_ms, vantage, seen) for vantage in SEES[kind]]
    return figures


Seen = tuple[Truth, dict[str, Measured]]


def _once(lab: EmbeddedLab, maker: Maker) -> Seen:
    with tempfile.TemporaryDirectory(prefix="miglab-bench-") as out, at_home(lab) as home:
        blackout = maker(lab, home)
        verdict = judge(History.read(Watching(lab, blackout, Path(out)).run()))
    return blackout.truths[0], dict(verdict.downtime_ms) | dict(verdict.noticed_ms)


def _error(kind: str, length_ms: int, vantage: str, seen: list[Seen]) -> Figure:
    """Beyond what the truth itself is known to; the parts are not of it, but say what was known."""
    errors, claimed, doubt = [], [], []
    for truth, figures in seen:
        figure = figures[vantage]
        value = figure.value if figure.value is not None else float("inf")
        errors.append(max(truth.low_ms - value, value - truth.high_ms, 0.0))
        claimed.append(figure.uncertainty or 0.0)
        doubt.append(truth.high_ms - truth.low_ms)
    return Figure(
        name=f"{kind} {length_ms} {vantage}",
        what=f"error of {vantage}, {kind} for {length_ms} ms",
        unit="ms",
        target=TARGET_MS,
        values=tuple(errors),
        parts={"its own uncertainty": tuple(claimed), "the truth's": tuple(doubt)},
    )
