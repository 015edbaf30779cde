"""What passed on the wire, as values."""

from ipaddress import IPv4Address
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from miglab.observe import record_file
from miglab.observe.record_file import Kinds, number, one_of, word
from miglab.values import Mac, Value

VERSION = 2
KINDS: Kinds = {
    "n": (number, word, one_of("rarp", "garp", "arp")),
    "w": (number, IPv4Address, number, number, word),
    "c": (number, IPv4Address, number, IPv4Address, number, one_of("begun", "hello")),
    "b": (number, word, number, number),
    "d": (number,),
}


class Announcement(Value):
    """The guest's MAC made itself known through the port of ``node`` (CLOCK_REALTIME, ns)."""

    time_ns: int
    node: str
    kind: Literal["rarp", "garp", "arp"]


class Write(Value):
    """``client`` asked the share's server to write ``count`` bytes at ``offset`` of an image."""

    time_ns: int
    client: IPv4Address
    offset: int
    count: int
    handle: str


class Connection(Value):
    """``client`` began a TCP connection, or said ``hello`` in TLS as the first words in one."""

    time_ns: int
    client: IPv4Address
    client_port: int
    server: IPv4Address
    port: int
    what: Literal["begun", "hello"]


class Traffic(Value):
    """Bytes that the switch has ``received`` from ``node`` and ``sent`` to it until then."""

    time_ns: int
    node: str
    received: int
    sent: int


class WireRecord(Value):
    """One recording; ``dropped``: frames that the kernel could not keep for the recorder.

    Version 1 knew neither connections nor traffic.
    """

    version: Literal[1, 2] = 2
    mac: Mac
    complete: bool
    announcements: tuple[Announcement, ...] = ()
    writes: tuple[Write, ...] = ()
    connections: tuple[Connection, ...] = ()
    traffic: tuple[Traffic, ...] = ()
    dropped: Annotated[int, Field(ge=0)] = 0

    @classmethod
    def read(cls, path: Path) -> "WireRecord":
        """The record in ``path``, as far as it goes; raises EvidenceError when there is none."""
        file = record_file.read(path, "wire", (1, VERSION), 1, KINDS)
        events = file.events
        return record_file.value(
            cls,
            file,
            "wire",
            {
                "version": file.version,
                "mac": file.head[0],
                "announcements": [_named(Announcement, line) for line in events["n"]],
                "writes": [_named(Write, line) for line in events["w"]],
                "connections": [_named(Connection, line) for line in events["c"]],
                "traffic": [_named(Traffic, line) for line in events["b"]],
                "dropped": sum(count for (count,) in events["d"]),
            },
        )


def _named(model: type[Value], line: tuple[object, ...]) -> dict[str, object]:
    return dict(zip(model.model_fields, line, strict=True))
