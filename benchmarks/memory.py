"""How much memory the lab's processes need, shared pages counted once (PSS)."""

import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread

import psutil

from benchmarks.bench import Bench
from benchmarks.figure import Figure, collect
from benchmarks.migrate import LOAD, VERDICTS
from miglab.lab.fabric import uplinks
from miglab.lab.place import NETNS, Place

KIB_PER_MIB = 1024
TARGET_MIB = 3 * 1024.0
SAMPLE_SECONDS = 0.25
NAMES = (
    ("qemu-", "QEMU"),
    ("libvirtd", "libvirtd"),
    ("virt", "libvirtd"),
    ("ganesha", "NFS server"),
    ("systemd", "systemd"),
    ("(sd-pam)", "systemd"),
    ("slirp4netns", "slirp4netns"),
    ("sshd", "sshd"),
)


def memory(bench: Bench, runs: int) -> list[Figure]:
    """With the guest running; and the most that was seen during each of ``runs`` migrations."""
    bench.started()
    quiet = [used(bench.place) for _ in range(runs)]
    moving = [_while_moving(bench) for _ in range(runs)]
    return [
        _figure("memory", "PSS of the lab, the guest running", quiet),
        _figure("memory moving", "… the most during a migration", moving),
    ]


def used(place: Place) -> Counter[str]:
    """KiB by kind of process."""
    found: Counter[str] = Counter()
    for process in processes(place):
        try:
            found[_kind(process.name())] += process.memory_full_info().pss >> 10
        except psutil.Error:
            continue  # it has ended meanwhile
    return found


def processes(place: Place) -> Iterator[psutil.Process]:
    """Those that live in a network namespace of the lab's nodes, and the lab's uplink."""
    names = [name for name in place.namespaces() if name != place.fabric]
    inside = {(NETNS / name).stat().st_ino for name in names}
    for process in psutil.process_iter():
        try:
            if _namespace(process.pid) in inside:
                yield process
        except OSError:
            continue
    yield from uplinks(place)


def _namespace(pid: int) -> int:
    return Path(f"/proc/{pid}/ns/net").stat().st_ino


def _kind(name: str) -> str:
    return next((kind for start, kind in NAMES if name.startswith(start)), "others")


def _while_moving(bench: Bench) -> Counter[str]:
    """The sample with the largest sum, of all that were taken during one migration."""
    samples: list[Counter[str]] = []
    over = Event()

    def sample() -> None:
        while not over.wait(SAMPLE_SECONDS):
            samples.append(used(bench.place))

    sampler = Thread(target=sample)
    sampler.start()
    try:
        with tempfile.TemporaryDirectory(prefix="miglab-bench-") as out:
            bench.miglab("migrate", "--load", LOAD, "--out", out, codes=VERDICTS)
    finally:
        over.set()
        sampler.join()
    return max(samples, key=lambda found: found.total())


def _figure(name: str, what: str, samples: list[Counter[str]]) -> Figure:
    return Figure(
        name=name,
        what=what,
        unit="MiB",
        target=TARGET_MIB,
        values=tuple(found.total() / KIB_PER_MIB for found in samples),
        parts=collect([_mib(found) for found in samples]),
    )


def _mib(found: Counter[str]) -> dict[str, float]:
    return {kind: kib / KIB_PER_MIB for kind, kib in found.items()}
