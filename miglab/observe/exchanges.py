"""What an application saw over one TCP connection, as values."""

from ipaddress import IPv4Address
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from miglab.observe import record_file
from miglab.observe.record_file import number
from miglab.values import Value

VERSION = 1
KINDS = {
    "c": (number,),
    "q": (number, number),
    "a": (number, number),
    "x": (number, number),
}


class StreamRecord(Value):
    """One recording; times are CLOCK_REALTIME in ns.

    ``requests`` and ``answers`` are (number, ns), ``connected`` when a connection came about,
    ``lost`` (ns, errno) when one was refused or broke.
    """

    version: Literal[1] = 1
    interval_ms: Annotated[int, Field(ge=1, le=1000)]
    address: IPv4Address
    port: Annotated[int, Field(ge=1, le=65535)]
    complete: bool
    connected: tuple[tuple[int], ...] = ()
    requests: tuple[tuple[int, int], ...] = ()
    answers: tuple[tuple[int, int], ...] = ()
    lost: tuple[tuple[int, int], ...] = ()

    @classmethod
    def read(cls, path: Path) -> "StreamRecord":
        """The record in ``path``, as far as it goes; raises EvidenceError when there is none."""
        file = record_file.read(path, "stream", (VERSION,), 3, KINDS)
        interval_ms, address, port = file.head
        events = file.events
        return record_file.value(
            cls,
            file,
            "stream",
            {
                "interval_ms": interval_ms,
                "address": address,
                "port": port,
                "connected": events["c"],
                "requests": events["q"],
                "answers": events["a"],
                "lost": events["x"],
            },
        )
