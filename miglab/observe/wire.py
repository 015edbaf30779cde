"""The wire's vantage: who announced the guest, and who wrote to the share, by the switch between.

Run as a process of its own, as :mod:`miglab.observe.ping` is::

    python -m miglab.observe.wire --namespace /run/netns/lab --mac 52:54:00:80:00:50
        --storage 192.168.80.100 --ports nfs,source,target --out wire.csv

The process lives in the namespace of the lab's switch, whose ports are named after the nodes, and
looks at frames as they enter through a port. The kernel passes on nothing else than ARP, RARP and
the heads of TCP segments to the NFS server, so that pages under way are never looked at. Of several
calls in one frame those are seen that begin in its head.

The record, one event a line; times are the kernel's receive stamps (CLOCK_REALTIME, ns)::

    wire,<version>,<mac>
    n,<ns>,<node>,<rarp|garp|arp>                   the guest made itself known through that port
    w,<ns>,<client>,<offset>,<count>,<file>         a call to write, with a digest of the handle
    d,<count>                                       frames that were lost to the recorder
    end                                             a record without this line is cut off
"""

import argparse
import socket
import struct
from collections.abc import Sequence
from ipaddress import IPv4Address
from pathlib import Path
from typing import TextIO

from miglab.observe import frames
from miglab.observe.packet_filter import HEAD_BYTES, PACKET_OUTGOING, attach
from miglab.observe.recording import (
    CONTROL_BYTES,
    begun,
    collect,
    record,
    stamp_ns,
    stamped,
)

VERSION = 1
NFS_PORT = 2049
ETH_P_ALL = 3
SOL_PACKET, PACKET_STATISTICS = 263, 6  # linux/socket.h, linux/if_packet.h


def tap(storage: IPv4Address) -> socket.socket:
    """A packet socket that hears what the filter lets through, on every interface here."""
    channel = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    attach(channel, storage, NFS_PORT)
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
        self, channel: socket.socket, mac: bytes, ports: Sequence[str], out: TextIO
    ) -> None:
        self.channel = channel
        self.mac = mac
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

    def take(self, frame: bytes, port: str, received_ns: int) -> None:
        """One frame that entered through ``port``."""
        if kind := frames.announcement(frame, self.mac):
            self.write(f"n,{received_ns},{port},{kind}\n")
        for client, offset, count, handle in frames.writes(frame, NFS_PORT):
            self.write(f"w,{received_ns},{client},{offset},{count},{handle}\n")


def main() -> None:
    """Records until told to end; says ``recording`` as soon as the record is open."""
    parser = argparse.ArgumentParser(prog="miglab.observe.wire")
    parser.add_argument("--namespace", type=Path)
    parser.add_argument("--mac", required=True)
    parser.add_argument("--storage", type=IPv4Address, required=True)
    parser.add_argument("--ports", required=True)
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    ending = begun(asked.namespace)
    with tap(asked.storage) as channel, record(asked.out, f"wire,{VERSION},{asked.mac}") as out:
        mac = bytes.fromhex(asked.mac.replace(":", ""))
        listener = Listener(channel, mac, asked.ports.split(","), out)
        collect(listener.drain, out, ending)
        out.write(f"d,{_dropped(channel)}\n")


if __name__ == "__main__":
    main()
