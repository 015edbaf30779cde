"""What recording costs: the same migration with all recorders and with none, and a quiet minute."""

import tempfile
from pathlib import Path
from threading import Event, Thread

import psutil

from benchmarks.bench import Bench
from benchmarks.figure import Figure
from benchmarks.migrate import LOAD, VERDICTS
from miglab.experiment.setting import VANTAGES
from miglab.judge.verdict import judge
from miglab.observe.history import History

RATIO = 1.02
SECONDS = 30
MIB = 1 << 20
KHZ = ("ping", "beacon")
SILENT = [word for name in sorted(VANTAGES) for word in ("--without", name)]


def recorders(bench: Bench, runs: int) -> list[Figure]:
    """Ratios of pairs that are interleaved (on, off, off, on), then what a minute takes."""
    bench.started()
    pairs = []
    for number in range(runs):
        order = (True, False) if number % 2 == 0 else (False, True)
        found = {recording: _migrate(bench, recording) for recording in order}
        pairs.append((found[True], found[False]))
    total = [on[0] / off[0] for on, off in pairs]
    stopped = [on[1] / off[1] for on, off in pairs if on[1] and off[1]]
    return [
        _ratio("recorders total", "total time, all recorders to none", total),
        _ratio("recorders vcpu", "vCPUs stopped, all recorders to none", stopped),
        *_minute(bench),
    ]


def _ratio(name: str, what: str, values: list[float]) -> Figure:
    return Figure(name=name, what=what, unit="×", target=RATIO, values=tuple(values), parts={})


def _migrate(bench: Bench, recording: bool) -> tuple[float, float]:
    """Total time by libvirt and the vCPUs' stop, in ms."""
    with tempfile.TemporaryDirectory(prefix="miglab-bench-") as out:
        without = [] if recording else SILENT
        bench.miglab("migrate", "--load", LOAD, "--out", out, *without, codes=VERDICTS)
        (folder,) = Path(out).iterdir()
        history = History.read(folder)
    stopped = judge(history).downtime_ms.vcpu.value
    return float(history.outcome.job.total_ms or 0), stopped or 0.0


def _minute(bench: Bench) -> list[Figure]:
    """Bytes on disk, and processor time of the recorders that keep a millisecond's pace."""
    with tempfile.TemporaryDirectory(prefix="miglab-bench-") as out:
        spent = _Spent()
        with spent:
            words = ("watch", "--seconds", str(SECONDS), "--out", out)
            bench.miglab(*words, codes=VERDICTS)
        (folder,) = Path(out).iterdir()
        sizes = {file.name: file.stat().st_size for file in folder.iterdir()}
    scale = 60 / SECONDS / MIB
    records = {name: size * scale for name, size in sizes.items() if name != "report.html"}
    shares = {name: 100 * seconds / SECONDS for name, seconds in spent.seconds.items()}
    return [
        Figure(
            name="recorders disk",
            what="a record of 60 s",
            unit="MiB",
            target=20,
            values=(sum(records.values()),),
            parts={name: (size,) for name, size in records.items()},
        ),
        Figure(
            name="recorders cpu",
            what="of one core, the recorders at 1 kHz",
            unit="%",
            target=15,
            values=(sum(share for name, share in shares.items() if name in KHZ),),
            parts={name: (share,) for name, share in shares.items()},
        ),
    ]


class _Spent:
    """Processor seconds of each recorder that ran while the block did."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._over = Event()
        self._sampler = Thread(target=self._sample)

    def __enter__(self) -> "_Spent":
        self._sampler.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._sampler.join()

    def _sample(self) -> None:
        while not self._over.wait(0.2):
            for process in psutil.process_iter(["cmdline", "cpu_times"]):
                command = process.info["cmdline"] or []
                names = [part for part in command if part.startswith("miglab.observe.")]
                if names and process.info["cpu_times"]:
                    times = process.info["cpu_times"]
                    self.seconds[names[0].rpartition(".")[2]] = times.user + times.system
