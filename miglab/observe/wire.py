"""The wire's vantage: who announced the guest, and who wrote to the share, by the switch between.

Run as a process of its own, as :mod:`miglab.observe.ping` is::

    python -m miglab.observe.wire --namespace /run/netns/lab --mac 52:54:00:80:00:50
        --storage 192.168.80.100 --share nfs --ports nfs,source,target --out wire.csv

The process lives in the namespace of the lab's switch, whose ports are named after the nodes, and
looks at frames as they enter through a port. The kernel passes on nothing else than ARP, RARP, the
first segments of TCP connections, the first words of TLS, and the heads of segments to the server
of the share, NFS or iSCSI, so that pages under way are never looked at. Of several calls in one
frame those are seen that begin in its head. How much went through each port is read ten times a
second.

The record, one event a line; times are the kernel's receive stamps (CLOCK_REALTIME, ns)::

    wire,<version>,<mac>
    n,<ns>,<node>,<rarp|garp|arp>                   the guest made itself known through that port
    w,<ns>,<client>,<offset>,<count>,<file>         a call to write, and a handle's digest, or a LUN
    c,<ns>,<client>,<port>,<server>,<port>,<begun|hello>    a connection, or TLS in it, begins
    b,<ns>,<node>,<received>,<sent>                 bytes from and to that node so far
    d,<count>                                       frames that were lost to the recorder
    end                                             a record without this line is cut off
"""

import argparse
import socket
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from ipaddress import IPv4Address
from pathlib import Path
from typing import TextIO

from miglab.observe import connections, frames, iscsi
from miglab.observe.packet_filter import HEAD_BYTES, PACKET_OUTGOING, attach
from miglab.observe.recording import (
    CONTROL_BYTES,
    begun,
    collect,
    record,
    stamp_ns,
    stamped,
)

VERSION = 2
ETH_P_ALL = 3
SERVED: dict[str, tuple[int, Callable[[bytes], Iterator[frames.Written]]]] = {
    "nfs": (frames.NFS_PORT, frames.writes),
    "iscsi": (iscsi.PORT, iscsi.writes),
}
"""By the kind of the share: the server's port, and who reads what is sent there."""
SOL_PACKET, PACKET_STATISTICS = 263, 6  # linux/socket.h, linux/if_packet.h


def tap(storage: IPv4Address, port: int) -> socket.socket:
    """A packet socket that hears what the filter lets through, on every interface here."""
    channel = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    attach(channel, storage, port)
    stamped(channel)
    _dropped(channel)  # what did not fit before there was a filter is no loss
    return channel


def _dropped(channel: socket.socket) -> int:
    """How many frames the kernel could not keep since it was last asked."""
    counters = channel.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8)
    return int(struct.unpack("=II", counters)[1])


class Listener:
    """Reads frames, writing a line for each that tells something."""

    def __init__(
        self, channel: socket.socket, mac: bytes, share: str, ports: Sequence[str], out: TextIO
    ) -> None:
        self.channel = channel
        self.mac = mac
        self.writes = SERVED[share][1]
        self.ports = frozenset(ports)
        self.write = out.write

    def drain(self) -> None:
        """Every frame that has come; the kernel has stamped it, so late here is not late."""
        while True:
            try:
                frame, control, _, where = self.channel.recvmsg(
                    HEAD_BYTES, CONTROL_BYTES, socket.MSG_DONTWAIT
                )
            except OSError:
                return
            port, _, kind = where[:3]
            received_ns = stamp_ns(control)
            if port in self.ports and kind != PACKET_OUTGOING and received_ns is not None:
                self.take(frame, port, received_ns)

    def count(self) -> None:
        """How much has gone through each port, by the kernel's counters for this namespace."""
        now_ns = time.time_ns()
        for line in Path("/proc/self/net/dev").read_text(encoding="ascii").splitlines():
            port, _, counters = line.partition(":")
            if (node := port.strip()) in self.ports:
                received, sent = (counters.split()[at] for at in (0, 8))
                self.write(f"b,{now_ns},{node},{received},{sent}\n")

    def turn(self) -> None:
        """All that is to be done now."""
        self.drain()
        self.count()

    def take(self, frame: bytes, port: str, received_ns: int) -> None:
        """One frame that entered through ``port``."""
        if kind := frames.announcement(frame, self.mac):
            self.write(f"n,{received_ns},{port},{kind}\n")
        if found := connections.connection(frame):
            what, ends = found
            self.write(f"c,{received_ns},{','.join(map(str, ends))},{what}\n")
        for client, offset, count, handle in self.writes(frame):
            self.write(f"w,{received_ns},{client},{offset},{count},{handle}\n")


def main() -> None:
    """Records until told to end; says ``recording`` as soon as the record is open."""
    parser = argparse.ArgumentParser(prog="miglab.observe.wire")
    parser.add_argument("--namespace", type=Path)
    parser.add_argument("--mac", required=True)
    parser.add_argument("--storage", type=IPv4Address, required=True)
    parser.add_argument("--share", choices=SERVED, default="nfs")
    parser.add_argument("--ports", required=True)
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    ending = begun(asked.namespace)
    port, head = SERVED[asked.share][0], f"wire,{VERSION},{asked.mac}"
    with tap(asked.storage, port) as channel, record(asked.out, head) as out:
        mac = bytes.fromhex(asked.mac.replace(":", ""))
        listener = Listener(channel, mac, asked.share, asked.ports.split(","), out)
        collect(listener.turn, out, ending)
        out.write(f"d,{_dropped(channel)}\n")


if __name__ == "__main__":
    main()
