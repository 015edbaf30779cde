"""Figures of generated scenarios: a session of the profile ``ci``, what each adds to its move."""

import tempfile
from itertools import pairwise
from pathlib import Path

from benchmarks.bench import ROOT, Bench
from benchmarks.figure import Figure, collect
from miglab.errors import LabError
from miglab.observe.history import History, Plan

TEST = ROOT / "scenarios" / "test_generated.py"
DIFFERENT = 30


def scenarios(bench: Bench, _: int) -> list[Figure]:
    """One session; the profile says how many scenarios, whatever ``--runs`` is.

    LabError when fewer than ``DIFFERENT`` of them are unlike each other.
    """
    bench.started()
    with tempfile.TemporaryDirectory(prefix="miglab-bench-") as out:
        session = bench.pytest(str(TEST), "-k", "whatever", "--lab-report", out)
        pages = sorted(Path(out).glob("*/report.html"), key=_written_ns)
        known = {_scenario(page) for page in pages}
        done = [parts(before, page) for before, page in pairwise(pages)]
    if len(known) < DIFFERENT:
        raise LabError(f"expected {DIFFERENT} different scenarios, found {len(known)}")
    beyond = [sum(run.values()) for run in done]
    what = f"pytest, {len(pages)} generated scenarios, lab up"
    return [
        _figure("suite", what, 240, [session.seconds], []),
        _figure("scenario", "… each, beyond libvirt's elapsed", 1.5, beyond, done),
    ]


def parts(before: Path, page: Path) -> dict[str, float]:
    """Seconds by part, from the page ``before`` to this one, without what libvirt says it took."""
    history = History.read(page.parent)
    outcome, ping = history.outcome, history.ping
    recording = ping.sent[0][1] if ping else outcome.started_ns
    written = _written_ns(page.with_name("plan.json"))  # last of a record
    elapsed = (outcome.job.total_ms or 0) / 1000
    return {
        "load, start recording": _seconds(_written_ns(before), recording),
        "baseline": _seconds(recording, outcome.started_ns),
        "libvirt, besides": _seconds(outcome.started_ns, outcome.ended_ns) - elapsed,
        "settle, sweep, collect": _seconds(outcome.ended_ns, written),
        "judge, page": _seconds(written, _written_ns(page)),
    }


def _scenario(page: Path) -> str:
    return Plan.model_validate_json(page.with_name("plan.json").read_bytes()).scenario.name


def _written_ns(path: Path) -> int:
    return path.stat().st_mtime_ns


def _seconds(before_ns: int, after_ns: int) -> float:
    return (after_ns - before_ns) / 1e9


def _figure(
    name: str, what: str, target: float, values: list[float], runs: list[dict[str, float]]
) -> Figure:
    return Figure(
        name=name, what=what, unit="s", target=target, values=tuple(values), parts=collect(runs)
    )
