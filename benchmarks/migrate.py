"""Figures of one measured migration: all of it, and what it adds to libvirt's and the baseline."""

import tempfile
from itertools import pairwise
from pathlib import Path

from benchmarks.bench import Bench, python_seconds
from benchmarks.figure import Figure, collect
from benchmarks.transcript import Transcript
from miglab.experiment.setting import Setting
from miglab.observe.history import History

LOAD = "ws=64MiB,rate=50MiB/s,pattern=sequential"
MODULES = ("miglab.cli", "miglab.experiment.migrate", "miglab.report.console")
VERDICTS = (0, 1, 3)  # judged, whatever the verdict
BASELINE, LIBVIRT = "baseline", "libvirt's own elapsed"


def migrate(bench: Bench, runs: int) -> list[Figure]:
    """There and back again: ``runs`` migrations of the running guest under load."""
    bench.started()
    walls, done = [], []
    for _ in range(runs):
        with tempfile.TemporaryDirectory(prefix="miglab-bench-") as out:
            python = python_seconds(*MODULES)
            transcript = bench.miglab("migrate", "--load", LOAD, "--out", out, codes=VERDICTS)
            (folder,) = Path(out).iterdir()
            done.append(parts(transcript, folder, python))
        walls.append(transcript.seconds)
    beyond = [
        wall - run[LIBVIRT] - Setting.baseline_seconds
        for wall, run in zip(walls, done, strict=True)
    ]
    added = [{k: v for k, v in run.items() if k not in {LIBVIRT, BASELINE}} for run in done]
    return [
        _figure("migrate", "miglab migrate, 64 MiB at 50 MiB/s", 6, walls, done),
        _figure("beyond", "… beyond libvirt's elapsed and the baseline", 2, beyond, added),
    ]


def parts(transcript: Transcript, folder: Path, python: float) -> dict[str, float]:
    """Seconds by part, from the record's own times and the command's progress lines."""
    history = History.read(folder)
    outcome, ping = history.outcome, history.ping
    written_ns = (folder / "plan.json").stat().st_mtime_ns  # it is written last
    moments = {
        "start": 0.0,
        "connected": transcript.first("^load ") or 0.0,
        "recording": _since(transcript, ping.sent[0][1] if ping else outcome.started_ns),
        "called": _since(transcript, outcome.started_ns),
        "returned": _since(transcript, outcome.ended_ns),
        "written": _since(transcript, written_ns),
        "end": transcript.seconds,
    }
    gap = dict(zip(list(moments)[1:], _differences(list(moments.values())), strict=True))
    elapsed = (outcome.job.total_ms or 0) / 1000
    return {
        "python": python,
        "connect": gap["connected"] - python,
        "load, start recording": gap["recording"],
        BASELINE: Setting.baseline_seconds,
        "baseline, late": gap["called"] - Setting.baseline_seconds,
        LIBVIRT: elapsed,
        "libvirt, besides": gap["returned"] - elapsed,
        "settle, sweep, collect": gap["written"],
        "judge, show": gap["end"],
    }


def _since(transcript: Transcript, moment_ns: int) -> float:
    return (moment_ns - transcript.started_ns) / 1e9


def _differences(moments: list[float]) -> list[float]:
    return [after - before for before, after in pairwise(moments)]


def _figure(
    name: str, what: str, target: float, values: list[float], runs: list[dict[str, float]]
) -> Figure:
    return Figure(
        name=name, what=what, unit="s", target=target, values=tuple(values), parts=collect(runs)
    )
