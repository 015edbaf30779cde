"""The guest's own vantage: its beacon's datagrams, each stamped by our kernel as it comes.

Run as a process of its own, as :mod:`miglab.observe.ping` is::

    python -m miglab.observe.beacon --fd 7 --hz 1000 --out beacon.csv

``--fd`` is a bound UDP socket that the guest was told to send to. The datagram's layout is drawn in
docs/reference/payload.md; anything else is ignored.

The record, one event a line, in order of receipt; times in nanoseconds::

    beacon,<version>,<hz>
    i,<how many b lines came before>,<boot id>      the guest that is heard from here on
    b,<sequence>,<mono_ns>,<wall_ns>,<received_ns>  its clocks, and ours (CLOCK_REALTIME)
    end                                             a record without this line is cut off
"""

import argparse
import socket
import struct
import uuid
from pathlib import Path
from typing import TextIO

from miglab.observe.recording import (
    CONTROL_BYTES,
    begun,
    collect,
    record,
    stamp_ns,
    stamped,
    whole,
)

VERSION = 1
BEAT = struct.Struct("<8sQQQ16s")
MAGIC = b"MIGLABB1"


class Receiver:
    """Takes datagrams, writing a line for each."""

    def __init__(self, channel: socket.socket, out: TextIO) -> None:
        self.channel = channel
        self.write = out.write
        self.boot = b""
        self.count = 0

    def drain(self) -> None:
        """Every datagram that has come; the kernel has stamped it, so late here is not late."""
        while True:
            try:
                data, control, _, _ = self.channel.recvmsg(128, CONTROL_BYTES, socket.MSG_DONTWAIT)
            except OSError:
                return
            received_ns = stamp_ns(control)
            if received_ns is not None and len(data) == BEAT.size:
                self.take(data, received_ns)

    def take(self, data: bytes, received_ns: int) -> None:
        """One datagram; foreign ones leave no trace."""
        magic, sequence, mono_ns, wall_ns, boot = BEAT.unpack(data)
        if magic != MAGIC:
            return
        if boot != self.boot:
            self.boot = boot
            self.write(f"i,{self.count},{uuid.UUID(bytes=boot)}\n")
        self.count += 1
        self.write(f"b,{sequence},{mono_ns},{wall_ns},{received_ns}\n")


def main() -> None:
    """Records until told to end; says ``recording`` as soon as the record is open."""
    parser = argparse.ArgumentParser(prog="miglab.observe.beacon")
    parser.add_argument("--fd", type=int, required=True)
    parser.add_argument("--hz", type=whole(1, 10_000), required=True)
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    ending = begun()
    head = f"beacon,{VERSION},{asked.hz}"
    with socket.socket(fileno=asked.fd) as channel, record(asked.out, head) as out:
        stamped(channel)
        collect(Receiver(channel, out).drain, out, ending)


if __name__ == "__main__":
    main()
