"""How a lab's making may end, and what there must not be after its end."""

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

from miglab.lab.command import run
from miglab.lab.place import NETNS, Place

SAYING_SECONDS = 900.0  # a box may have to be built before


def leftovers(name: str) -> list[str]:
    """Everything on this machine that still belongs to the lab."""
    place = Place(name)
    containers = run(
        ["podman", "ps", "-aq", f"--filter=name=^{place.fabric}\\."], about=name
    ).split()
    processes = [
        " ".join(process.info["cmdline"])
        for process in psutil.process_iter(["cmdline", "status"])
        if process.info["status"] != psutil.STATUS_ZOMBIE
        and any(mark in " ".join(process.info["cmdline"] or []) for mark in _marks(place))
    ]
    mounts = [
        line for line in Path("/proc/mounts").read_text().splitlines() if place.fabric in line
    ]
    files = [str(place.directory)] if place.directory.exists() else []
    return [*containers, *processes, *mounts, *place.namespaces(), *files]


def _marks(place: Place) -> tuple[str, ...]:
    return (str(NETNS / place.fabric), f"{place.directory}/", f"{place.fabric}.")


def interrupt(
    command: Sequence[str],
    project: Path,
    how: signal.Signals,
    enough: Callable[[Sequence[str]], bool],
    seconds: float = SAYING_SECONDS,
) -> None:
    """Sends the signal once the command has said ``enough``; it has to end of itself soon.

    One that has not said enough within ``seconds`` is killed, with all that it started.
    """
    with subprocess.Popen(
        command, cwd=project, stderr=subprocess.PIPE, start_new_session=True, text=True
    ) as process:
        assert process.stderr is not None
        told: list[str] = []
        with _killed_after(seconds, process) as late:
            while not enough(told) and (line := process.stderr.readline()):
                told.append(line)
        last = told[-1].strip() if told else "nothing"
        assert not late.is_set(), f"{command}: did not say enough in {seconds:g} s; last: {last}"
        os.killpg(process.pid, how)
        try:
            process.communicate(timeout=75)  # a node that is waited for is waited for 60 s
        finally:
            process.kill()


@contextmanager
def _killed_after(seconds: float, process: "subprocess.Popen[str]") -> Iterator[threading.Event]:
    """With all that it started, unless the block ends before; the event says whether."""
    late = threading.Event()

    def kill() -> None:
        late.set()
        os.killpg(process.pid, signal.SIGKILL)

    timer = threading.Timer(seconds, kill)
    timer.start()
    try:
        yield late
    finally:
        timer.cancel()
