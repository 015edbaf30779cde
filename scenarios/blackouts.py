"""Blackouts of known length, for what is measured to be held against.

Each is a deed for ``watch``. What is known of its length are two bounds, from the moments right
before and right after the calls that begin and end it; nothing that is measured goes into them.
"""

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import psutil
from lxml import etree

from miglab.deadline import Deadline
from miglab.guest_life import fleet
from miglab.lab.embedded import EmbeddedLab
from miglab.migration.hypervisor import Hypervisor


class Truth(NamedTuple):
    """The blackout was at least and at most this long, in ms."""

    low_ms: float
    high_ms: float


@dataclass
class Blackout:
    """Begins, lasts, ends, ``times`` over; what is known of it is in ``truths`` once it is over."""

    begin: Callable[[], None]
    end: Callable[[], None]
    length_ms: float
    times: int = 1
    pause_seconds: float = 0.7
    truths: list[Truth] = field(default_factory=list)

    def __call__(self) -> None:
        """The deed."""
        for number in range(self.times):
            if number:
                time.sleep(self.pause_seconds)  # outages must be apart to be told apart
            self.truths.append(self._one())

    def _one(self) -> Truth:
        before_begin = time.monotonic()
        self.begin()
        after_begin = time.monotonic()
        time.sleep(max(0.0, self.length_ms / 1000))
        before_end = time.monotonic()
        self.end()
        after_end = time.monotonic()
        return Truth((before_end - after_begin) * 1000, (after_end - before_begin) * 1000)


@contextmanager
def at_home(lab: EmbeddedLab) -> Iterator[Hypervisor]:
    """The host that the guest runs on."""
    with fleet(lab) as hosts:
        yield hosts.home()


def suspended(home: Hypervisor, guest: str, length_ms: float, times: int = 1) -> Blackout:
    """The guest's vCPUs are stopped by libvirt, and run again."""
    domain = home.connection.lookupByName(guest)
    return Blackout(domain.suspend, domain.resume, length_ms, times)


def frozen(lab: EmbeddedLab, home: Hypervisor, length_ms: float, times: int = 1) -> Blackout:
    """QEMU itself is stopped by a signal: nobody tells anybody."""
    process = qemu(lab, home.name)

    def begin() -> None:
        process.send_signal(signal.SIGSTOP)
        deadline = Deadline(5)
        while not _stopped(process.pid):  # at once and at every turn: the truth is known so well
            assert not deadline.passed, "QEMU runs on"

    return Blackout(begin, lambda: process.send_signal(signal.SIGCONT), length_ms, times)


def unplugged(lab: EmbeddedLab, home: Hypervisor, length_ms: float, times: int = 1) -> Blackout:
    """The guest's own link to the bridge of its host is taken down, and put up again."""
    domain = home.connection.lookupByName(lab.topology.guest.name)
    found = etree.fromstring(domain.XMLDesc().encode()).find("devices/interface/target")
    assert found is not None
    link = ["ip", "-n", lab.place.node(home.name), "link", "set", found.get("dev", "")]
    return Blackout(lambda: _run([*link, "down"]), lambda: _run([*link, "up"]), length_ms, times)


def qemu(lab: EmbeddedLab, node: str) -> psutil.Process:
    """The QEMU process of the guest on ``node``: the one in that node's own namespace."""
    name = f"guest={lab.topology.guest.name},"

    def is_it(process: psutil.Process) -> bool:
        return any(part.startswith(name) for part in process.info["cmdline"] or ())

    return process_on(lab, node, is_it)


def process_on(
    lab: EmbeddedLab, node: str, wanted: Callable[[psutil.Process], bool]
) -> psutil.Process:
    """The first process of that kind that lives in the namespace of ``node``."""
    namespace = lab.place.namespace_path(node).stat().st_ino
    for process in psutil.process_iter(["name", "cmdline"]):
        if wanted(process) and Path(f"/proc/{process.pid}/ns/net").stat().st_ino == namespace:
            return process
    raise AssertionError(f"no such process on {node}")


def _stopped(pid: int) -> bool:
    """Whether every thread has come to a halt."""
    tasks = Path(f"/proc/{pid}/task").glob("*/stat")
    return all(task.read_text().rpartition(")")[2].split()[0] in "Tt" for task in tasks)


def _run(argv: list[str]) -> None:
    subprocess.run(argv, check=True, capture_output=True)
