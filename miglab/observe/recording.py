"""What all recorders share: when to end, how not to be held up, the kernel's receive stamps.

Only the standard library is imported: a recorder is a process that has to start at once.
"""

import argparse
import contextlib
import ctypes
import gc
import os
import select
import signal
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

FLUSH_NS = 100_000_000
CLONE_NEWNET = 0x40000000
SLACK_NS = 1_000  # the kernel's default lets a sleeper oversleep by 50 µs
BUFFER_BYTES = 4 << 20  # a second of ten thousand datagrams, at what the kernel counts for each
SO_TIMESTAMPNS, SO_RCVBUFFORCE = 35, 33  # asm-generic/socket.h; Python has no names for them
STAMP = struct.Struct("@ll")  # struct timespec
CONTROL_BYTES = socket.CMSG_SPACE(STAMP.size)


class Ending:
    """SIGTERM or the end of standard input, whichever comes first; also what is slept on."""

    def __init__(self) -> None:
        self.signalled, writing = os.pipe()
        os.set_blocking(writing, False)
        signal.set_wakeup_fd(writing)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)
        self._watched = (sys.stdin.fileno(), self.signalled)

    def before(self, moment_ns: int, *channels: int) -> bool:
        """Sleeps until ``moment_ns`` (CLOCK_MONOTONIC); True at once when it is time to end.

        Wakes up earlier when one of ``channels`` (descriptors) has something to read.
        """
        seconds = max(0, moment_ns - time.monotonic_ns()) / 1e9
        readable, _, _ = select.select((*self._watched, *channels), (), (), seconds)
        if self.signalled in readable:
            return True
        return self._watched[0] in readable and not os.read(self._watched[0], 4096)


def steady() -> None:
    """Asks to be woken on time and never paused; what is refused leaves the record less even.

    Real-time priority: beside a busy guest an ordinary process is woken milliseconds late in every
    hundredth case. It cannot starve anybody, for it sleeps between any two events.
    """
    gc.disable()  # nothing in a recorder is cyclic
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    with contextlib.suppress(OSError):  # means something only where the priority was refused
        Path("/proc/self/timerslack_ns").write_text(str(SLACK_NS), encoding="ascii")


@contextlib.contextmanager
def record(path: Path, head: str) -> Iterator[TextIO]:
    """The record to write events into, open from its head on and complete at the end."""
    with path.open("w", encoding="ascii") as out:
        out.write(f"{head}\n")
        out.flush()
        sys.stdout.write("recording\n")
        sys.stdout.flush()
        yield out
        out.write("end\n")


def stamped(channel: socket.socket) -> None:
    """Lets the kernel stamp what ``channel`` receives, and keep it until it is read."""
    channel.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    try:
        channel.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER_BYTES)
    except PermissionError:  # then as much of it as the machine lets anybody have
        channel.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)


def stamp_ns(control: list[tuple[int, int, bytes]]) -> int | None:
    """When the kernel received a datagram (CLOCK_REALTIME), by its ancillary data."""
    for level, kind, stamp in control:
        if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPNS):
            seconds, nanoseconds = STAMP.unpack(stamp)
            return int(seconds) * 1_000_000_000 + int(nanoseconds)
    return None


def enter(namespace: Path) -> None:
    """setns(2) for this process, which has one thread; ``os.setns`` is there from 3.12 on only."""
    libc = ctypes.CDLL(None, use_errno=True)
    with namespace.open("rb") as handle:
        if libc.setns(handle.fileno(), CLONE_NEWNET):
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), str(namespace))


def begun(namespace: Path | None = None) -> Ending:
    """How a recorder starts: where it is to live, steady; and what tells it to end."""
    if namespace:
        enter(namespace)
    ending = Ending()
    steady()
    return ending


def collect(drain: Callable[[], None], out: TextIO, ending: Ending) -> None:
    """Reads until the end. What comes is read together: the kernel keeps its time."""
    while not ending.before(time.monotonic_ns() + FLUSH_NS):
        drain()
        out.flush()
    drain()


def slot_after(due_ns: int, now_ns: int, interval_ns: int) -> int:
    """The first slot after ``now_ns``. Missed slots are dropped: a late sender sends no burst."""
    return due_ns + max(1, (now_ns - due_ns) // interval_ns + 1) * interval_ns


def whole(low: int, high: int) -> Callable[[str], int]:
    """Reads an option that is a whole number from ``low`` to ``high``."""

    def read(text: str) -> int:
        if not (text.isdecimal() and low <= int(text) <= high):
            raise argparse.ArgumentTypeError(f"expected {low} to {high}, found {text}")
        return int(text)

    return read
