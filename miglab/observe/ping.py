"""The client's vantage: an ICMP echo every few milliseconds, every reply stamped by the kernel.

Run as a process of its own, so that nothing else the harness does can hold it up::

    python -m miglab.observe.ping --fd 7 --to 192.168.80.50 --interval-ms 1 --out ping.csv

``--fd`` is a raw ICMP socket (``AF_INET``, ``SOCK_RAW``, ``IPPROTO_ICMP``) that the parent opened
where the probes are to be sent from. Only the standard library is imported: start-up is short.

The record, one event a line, in order of writing; times are CLOCK_REALTIME in nanoseconds::

    ping,<version>,<interval_ms>,<target>
    s,<sequence>,<sent_ns>                  a probe left
    r,<sequence>,<received_ns>              its reply came; the kernel's own stamp
    e,<sequence>,<ns>,<errno>               a probe that the kernel refused to send
    end                                     a record without this line is cut off

It ends on SIGTERM, or when its standard input does: it cannot outlive its parent.
"""

import argparse
import errno
import os
import socket
import struct
import time
from pathlib import Path
from typing import TextIO

from miglab.observe.recording import (
    CONTROL_BYTES,
    FLUSH_NS,
    Ending,
    begun,
    record,
    slot_after,
    stamp_ns,
    stamped,
    whole,
)

VERSION = 1
DRAIN_NS = 10_000_000  # replies are read together: it is waking up that costs
GRACE_NS = 50_000_000  # how long the last probe's reply is waited for
SOL_RAW = 255  # linux/socket.h; Python's socket module has no name for it either
ICMP_FILTER = 1  # linux/icmp.h: a mask of the types that are *not* wanted
ECHO_REPLY, ECHO_REQUEST = 0, 8

PACKET = struct.Struct("!BBHHHQQ")
"""RFC 792 echo: type, code, checksum, identifier, sequence; then our token and 64-bit counter."""
WORDS = struct.Struct("!12H")


class Identity:
    """What tells our probes from anybody else's: 16 bits that ICMP has, 64 bits of payload."""

    def __init__(self, identifier: int, token: int) -> None:
        self.identifier = identifier
        self.token = token

    @classmethod
    def random(cls) -> "Identity":
        """One that no other recorder has."""
        return cls(*struct.unpack("=HQ", os.urandom(10)))

    def request(self, counter: int) -> bytes:
        """The echo request that carries ``counter`` (ICMP's own 16 bits wrap in minutes)."""
        sequence = counter & 0xFFFF
        words = (ECHO_REQUEST, 0, 0, self.identifier, sequence, self.token, counter)
        return PACKET.pack(*words[:2], checksum(PACKET.pack(*words)), *words[3:])

    def counter(self, datagram: bytes) -> int | None:
        """The counter in the reply to a request of ours; None for any other IPv4 datagram."""
        start = (datagram[0] & 0x0F) * 4 if datagram else 0
        if len(datagram) < start + PACKET.size:
            return None
        kind, code, _, identifier, _, token, counter = PACKET.unpack_from(datagram, start)
        ours = (kind, code, identifier, token) == (ECHO_REPLY, 0, self.identifier, self.token)
        return int(counter) if ours else None


def checksum(packet: bytes) -> int:
    """The Internet checksum (RFC 1071) of a packet of ``PACKET``'s size."""
    total: int = sum(WORDS.unpack(packet))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF


class Pinger:
    """Sends probes and takes replies, writing a line for each."""

    def __init__(
        self, channel: socket.socket, target: str, out: TextIO, identity: Identity
    ) -> None:
        self.channel = channel
        self.target = (target, 0)
        self.write = out.write
        self.identity = identity
        self.answered = bytearray()  # by counter; a byte a probe is 3.6 MB an hour at 1 kHz

    def send(self) -> None:
        """One probe. A refusal (no route, queue full, a firewall) is an event, never an end."""
        counter = len(self.answered)
        self.answered.append(False)
        packet = self.identity.request(counter)
        now = time.time_ns()
        try:
            self.channel.sendto(packet, socket.MSG_DONTWAIT, self.target)
        except OSError as refusal:
            self.write(f"e,{counter},{now},{refusal.errno}\n")
        else:
            self.write(f"s,{counter},{now}\n")

    def drain(self) -> None:
        """Every reply that has come; the kernel has stamped it, so late here is not late."""
        while True:
            try:
                data, control, _, _ = self.channel.recvmsg(128, CONTROL_BYTES, socket.MSG_DONTWAIT)
            except OSError:
                return  # nothing more, or an earlier probe's error, which being read clears
            self.take(data, control)

    def take(self, data: bytes, control: list[tuple[int, int, bytes]]) -> None:
        """Notes the first reply to each probe; duplicates and foreign packets leave no trace."""
        counter = self.identity.counter(data)
        if counter is None or counter >= len(self.answered) or self.answered[counter]:
            return
        if (received_ns := stamp_ns(control)) is not None:
            self.answered[counter] = True
            self.write(f"r,{counter},{received_ns}\n")

    def settle(self) -> None:
        """Waits, briefly, for the reply to the last probe."""
        until = time.monotonic_ns() + GRACE_NS
        self.drain()
        while self.answered and not self.answered[-1] and time.monotonic_ns() < until:
            time.sleep(0.001)
            self.drain()


def keep_pace(pinger: Pinger, out: TextIO, interval_ns: int, ending: Ending) -> None:
    """Probes at ``start + n × interval`` until the end, by a clock that nobody sets."""
    due = drain_due = flush_due = time.monotonic_ns()
    while not ending.before(min(due, flush_due)):
        now = time.monotonic_ns()
        if now >= due:
            pinger.send()
            due = slot_after(due, now, interval_ns)
        if now >= drain_due:
            pinger.drain()
            drain_due = now + DRAIN_NS
        if now >= flush_due:
            out.flush()
            flush_due = now + FLUSH_NS
    pinger.settle()


def prepared(descriptor: int) -> socket.socket:
    """The inherited socket: stamping what it receives, deaf to all but echo replies."""
    channel = socket.socket(fileno=descriptor)
    found = (channel.family, channel.type, channel.proto)
    if found != (socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP):
        raise OSError(errno.EPROTOTYPE, "expected a raw ICMP socket for IPv4")
    stamped(channel)
    deaf = struct.pack("=I", ~(1 << ECHO_REPLY) & 0xFFFFFFFF)
    channel.setsockopt(SOL_RAW, ICMP_FILTER, deaf)
    return channel


def main() -> None:
    """Records until told to end; says ``recording`` as soon as the record is open."""
    parser = argparse.ArgumentParser(prog="miglab.observe.ping")
    parser.add_argument("--fd", type=int, required=True)
    parser.add_argument("--to", required=True)
    parser.add_argument("--interval-ms", type=whole(1, 1000), default=1)
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    ending = begun()
    head = f"ping,{VERSION},{asked.interval_ms},{asked.to}"
    with prepared(asked.fd) as channel, record(asked.out, head) as out:
        pinger = Pinger(channel, asked.to, out, Identity.random())
        keep_pace(pinger, out, asked.interval_ms * 1_000_000, ending)


if __name__ == "__main__":
    main()
