"""What the ping recorder wrote, as values."""

from ipaddress import IPv4Address
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from miglab.observe import record_file
from miglab.observe.record_file import number
from miglab.values import Value

VERSION = 1
KINDS = {"s": (number, number), "r": (number, number), "e": (number, number, number)}


class PingRecord(Value):
    """One recording; every time is CLOCK_REALTIME in nanoseconds on the recorder's machine.

    ``sent`` and ``replies`` are (sequence, ns) in order of writing, ``errors`` are probes that the
    kernel refused: (sequence, ns, errno). The format is drawn in :mod:`miglab.observe.ping`.
    """

    version: Literal[1] = 1
    target: IPv4Address
    interval_ms: Annotated[int, Field(ge=1, le=1000)]
    complete: bool
    sent: tuple[tuple[int, int], ...]
    replies: tuple[tuple[int, int], ...]
    errors: tuple[tuple[int, int, int], ...] = ()

    @classmethod
    def read(cls, path: Path) -> "PingRecord":
        """The record in ``path``, as far as it goes; raises EvidenceError when there is none."""
        file = record_file.read(path, "ping", (VERSION,), 2, KINDS)
        interval_ms, target = file.head
        return record_file.value(
            cls,
            file,
            "ping",
            {
                "interval_ms": interval_ms,
                "target": target,
                "sent": file.events["s"],
                "replies": file.events["r"],
                "errors": file.events["e"],
            },
        )
