"""An application's vantage: a request and its answer, over one TCP connection, again and again.

Run as a process of its own, as :mod:`miglab.observe.ping` is::

    python -m miglab.observe.stream --namespace /run/netns/lab --to 192.168.80.50:7070
        --interval-ms 10 --out stream.csv

The guest sends back what it is sent. The process lives in the namespace, since a connection that
broke has to be made again from there. The next request leaves at the next slot after the answer: an
application that waits asks nothing else.

The record, one event a line, in order of writing; times are CLOCK_REALTIME in nanoseconds::

    stream,<version>,<interval_ms>,<address>,<port>
    c,<ns>                  connected
    q,<number>,<ns>         a request left
    a,<number>,<ns>         all of its answer was there; the kernel's own stamp
    x,<ns>,<errno>          a connection was refused, or broke
    end                     a record without this line is cut off
"""

import argparse
import errno
import select
import socket
import struct
import time
from pathlib import Path
from typing import TextIO

from miglab.observe.recording import (
    CONTROL_BYTES,
    FLUSH_NS,
    SO_TIMESTAMPNS,
    Ending,
    begun,
    record,
    slot_after,
    stamp_ns,
    whole,
)

VERSION = 1
REQUEST = struct.Struct("<8sQ")
MAGIC = b"MIGLABQ1"
CONNECT_SECONDS = 1.0
PAUSE_NS = 50_000_000  # after a connection that did not come about
GRACE_SECONDS = 0.05  # how long the last answer is waited for


class Connection:
    """One TCP connection after the other, with at most one request under way."""

    def __init__(self, peer: tuple[str, int], out: TextIO) -> None:
        self.peer = peer
        self.write = out.write
        self.count = 0
        self.channel: socket.socket | None = None
        self.awaited = b""  # what is missing of the answer

    @property
    def waiting(self) -> tuple[int, ...]:
        """The descriptor that an answer will come from, while one is waited for."""
        return (self.channel.fileno(),) if self.channel and self.awaited else ()

    def turn(self) -> bool:
        """Sends the next request, on a new connection if need be; whether there is one."""
        try:
            if self.channel is None:
                self._connect()
            self._ask()
        except OSError as error:
            self._lose(error)
        return self.channel is not None

    def _connect(self) -> None:
        channel = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.channel = channel
        channel.settimeout(CONNECT_SECONDS)
        channel.connect(self.peer)
        channel.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        channel.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        channel.setblocking(False)
        self.write(f"c,{time.time_ns()}\n")

    def _ask(self) -> None:
        if self.channel is None:
            return
        self.count += 1
        self.write(f"q,{self.count},{time.time_ns()}\n")
        self.awaited = REQUEST.pack(MAGIC, self.count)
        self.channel.sendall(self.awaited)

    def take(self) -> None:
        """What has come of the answer."""
        if self.channel is None or not self.awaited:
            return
        try:
            data, control, _, _ = self.channel.recvmsg(len(self.awaited), CONTROL_BYTES)
            self._check(data)
        except BlockingIOError:
            return
        except OSError as error:
            self._lose(error)
            return
        self.awaited = self.awaited[len(data) :]
        if not self.awaited:
            self.write(f"a,{self.count},{stamp_ns(control) or time.time_ns()}\n")

    def _check(self, data: bytes) -> None:
        """Raises OSError for the end of the connection, and for what nobody asked for."""
        if not data:
            raise ConnectionResetError(errno.ECONNRESET, "closed")
        if not self.awaited.startswith(data):
            raise OSError(errno.EBADMSG, "expected the request to come back")

    def settle(self) -> None:
        """Waits, briefly, for the last answer, and hangs up."""
        select.select(self.waiting, (), (), GRACE_SECONDS if self.waiting else 0)
        self.take()
        if self.channel is not None:
            self.channel.close()

    def _lose(self, error: OSError) -> None:
        number = error.errno or errno.ETIMEDOUT  # Python's own timeout has no number
        self.write(f"x,{time.time_ns()},{number}\n")
        if self.channel is not None:
            self.channel.close()
        self.channel, self.awaited = None, b""


def converse(connection: Connection, out: TextIO, interval_ns: int, ending: Ending) -> None:
    """A request a slot until the end; a slot that passes while an answer is missing is left out."""
    due = time.monotonic_ns()
    flush_due = due + FLUSH_NS
    while not ending.before(min(due, flush_due), *connection.waiting):
        connection.take()
        now = time.monotonic_ns()
        if now >= due:
            due = slot_after(due, now, interval_ns)
            if not connection.awaited and not connection.turn():
                due = time.monotonic_ns() + PAUSE_NS
        if now >= flush_due:
            out.flush()
            flush_due = now + FLUSH_NS
    connection.settle()


def address(text: str) -> tuple[str, int]:
    """``192.168.80.50:7070``."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal():
        raise argparse.ArgumentTypeError(f"expected ADDRESS:PORT, found {text}")
    return host, int(port)


def main() -> None:
    """Records until told to end; says ``recording`` as soon as the record is open."""
    parser = argparse.ArgumentParser(prog="miglab.observe.stream")
    parser.add_argument("--namespace", type=Path)
    parser.add_argument("--to", type=address, required=True)
    parser.add_argument("--interval-ms", type=whole(1, 1000), default=10)
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    ending = begun(asked.namespace)
    host, port = asked.to
    with record(asked.out, f"stream,{VERSION},{asked.interval_ms},{host},{port}") as out:
        connection = Connection(asked.to, out)
        converse(connection, out, asked.interval_ms * 1_000_000, ending)


if __name__ == "__main__":
    main()
