"""A recorder is a process of its own: started with a socket, stopped by closing its input."""

import select
import socket
import subprocess
import sys
from collections.abc import Iterable
from ipaddress import IPv4Address
from pathlib import Path
from typing import IO, Self, cast

from miglab.errors import LabError
from miglab.observe.recording import stamped

READY = "recording"


class Recorder:
    """One running recorder module; its record grows in ``out``.

    The module takes ``--out`` and options of its own, prints ``recording`` once its record is open,
    and ends, exit code 0, when its standard input does.
    """

    def __init__(self, name: str, process: subprocess.Popen[str], out: Path) -> None:
        self.name = name
        self.out = out
        self._process = process
        self._input = cast(IO[str], process.stdin)
        self._output = cast(IO[str], process.stdout)
        self._first = ""
        self._fault: str | None = None
        self._stopped = self._early = False

    @classmethod
    def spawn(cls, module: str, out: Path, *options: str, fd: int | None = None) -> Self:
        """Starts ``python -m miglab.observe.MODULE``; ``fd``, if any, stays the caller's to close.

        Returns at once, so that several can be started side by side: :meth:`ready` waits.
        """
        python = (sys.executable, "-P", "-m")  # whatever lies about where we were started
        given = [] if fd is None else [f"--fd={fd}"]
        process = subprocess.Popen(
            [*python, f"miglab.observe.{module}", f"--out={out}", *given, *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            pass_fds=() if fd is None else (fd,),
            start_new_session=True,  # Ctrl-C is for the harness, which then ends its recorders
        )
        return cls(module, process, out)

    @property
    def pid(self) -> int:
        """The process, for whoever wants to know what recording costs."""
        return self._process.pid

    @property
    def healthy(self) -> bool:
        """Whether it is recording, or was until it was stopped."""
        return self._fault is None if self._stopped else self._process.poll() is None

    def ready(self, seconds: float = 20.0) -> None:
        """Waits until it records; stops it and raises LabError when it does not."""
        waiting = select.poll()
        waiting.register(self._output, select.POLLIN)
        if not waiting.poll(seconds * 1000):
            self.stop(0)
            raise LabError(f"{self.name} recorder: expected it to record within {seconds:g} s")
        self._first = self._output.readline().strip()
        if self._first != READY:
            raise LabError(self.stop() or f"{self.name} recorder: expected {READY}")

    def finish(self) -> None:
        """Tells it to end, so that several do so at once: :meth:`stop` waits for it."""
        if not self._input.closed:
            self._early = self._process.poll() is not None
            self._input.close()

    def stop(self, seconds: float = 10.0) -> str | None:
        """Ends it within ``seconds``; None, or one line saying what was wrong with it.

        Whatever it says, the record is there to be read as far as it goes.
        """
        if not self._stopped:
            self._fault = self._end(seconds)
            self._stopped = True
        return self._fault

    def _end(self, seconds: float) -> str | None:
        self.finish()
        early = self._early
        with self._output:
            try:
                code = self._process.wait(seconds)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
                return f"{self.name} recorder: did not end within {seconds:g} s and was killed"
            if not early and not code:
                return None
            when = "before it was stopped" if early else "while starting or ending"
            return f"{self.name} recorder: ended {when} (code {code}): {self._last_words()}"

    def _last_words(self) -> str:
        """The last line of what it wrote besides being ready; asked for when it has ended."""
        lines = [self._first, *self._output.read().splitlines()]
        said = [line.strip() for line in lines if line.strip() not in {"", READY}]
        return said[-1] if said else "it said nothing"


def ping(channel: socket.socket, target: IPv4Address, interval_ms: int, out: Path) -> Recorder:
    """Probes ``target`` every ``interval_ms`` (1–1000) through a raw ICMP socket."""
    options = (f"--to={target}", f"--interval-ms={interval_ms}")
    return Recorder.spawn("ping", out, *options, fd=channel.fileno())


def beacon(channel: socket.socket, hz: int, out: Path) -> Recorder:
    """Receives what a guest sends to a bound UDP socket, ``hz`` datagrams a second.

    What comes before the process is there is kept for it, and has its time from the kernel too.
    """
    stamped(channel)
    return Recorder.spawn("beacon", out, f"--hz={hz}", fd=channel.fileno())


def stream(namespace: Path, peer: tuple[IPv4Address, int], interval_ms: int, out: Path) -> Recorder:
    """Asks ``peer`` for an answer over TCP every ``interval_ms``, from inside ``namespace``."""
    address, port = peer
    options = (f"--to={address}:{port}", f"--interval-ms={interval_ms}")
    return Recorder.spawn("stream", out, f"--namespace={namespace}", *options)


def wire(
    namespace: Path,
    mac: str,
    storage: IPv4Address,
    ports: Iterable[str],
    out: Path,
    share: str = "nfs",
) -> Recorder:
    """Hears what enters the switch in ``namespace`` through ``ports``; ``share`` is its kind."""
    served = (f"--storage={storage}", f"--share={share}")
    options = (f"--mac={mac}", *served, f"--ports={','.join(ports)}")
    return Recorder.spawn("wire", out, f"--namespace={namespace}", *options)
