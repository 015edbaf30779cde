"""What the ping recorder wrote, as values."""

from collections.abc import Iterable
from ipaddress import IPv4Address
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from miglab.errors import EvidenceError
from miglab.values import Value

VERSION = 1
KINDS = {"s": ("sent", 2), "r": ("replies", 2), "e": ("errors", 3)}
DIGITS_MAX = 20  # of a 64-bit number; anything longer is damage


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
        try:
            text = path.read_text(encoding="ascii", errors="replace")
        except OSError as error:
            raise EvidenceError(f"{path}: cannot read the ping record: {error.strerror}") from None
        # What follows the last line end was cut off, and half a number looks like a number.
        head, *lines = text.split("\n")[:-1] or [""]
        kind, *fields = head.split(",")
        if kind != "ping" or len(fields) != 3:
            raise EvidenceError(f"{path}: expected a ping record, found {head[:40]!r}")
        events, complete = _events(lines)
        version, interval_ms, target = fields
        if version != str(VERSION):
            raise EvidenceError(f"{path}: expected ping record version {VERSION}, found {version}")
        known = {"interval_ms": interval_ms, "target": target, "complete": complete}
        try:
            return cls.model_validate(known | events)
        except ValidationError as error:
            reason = "; ".join(f"{part['loc'][0]}: {part['msg']}" for part in error.errors())
            raise EvidenceError(f"{path}: a ping record that cannot be used: {reason}") from None


def _is_number(text: str) -> bool:
    return text.isdecimal() and len(text) <= DIGITS_MAX


def _events(lines: Iterable[str]) -> tuple[dict[str, list[tuple[int, ...]]], bool]:
    """The events by kind up to the first line that is none, and whether that was the end."""
    events: dict[str, list[tuple[int, ...]]] = {name: [] for name, _ in KINDS.values()}
    for line in lines:
        kind, *texts = line.split(",")
        name, count = KINDS.get(kind, ("", -1))
        if len(texts) != count or not all(map(_is_number, texts)):
            return events, line == "end"
        events[name].append(tuple(map(int, texts)))
    return events, False
