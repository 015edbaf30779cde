"""The files that recorders write: a head, an event a line, and ``end``; read as far as they go."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from pydantic import ValidationError

from miglab.errors import EvidenceError
from miglab.values import Value

DIGITS_MAX = 20  # of a 64-bit number; anything longer is damage
WORD_MAX = 64
Kinds = Mapping[str, tuple[Callable[[str], Any], ...]]
"""For each kind of line, how to read each of its fields; a reader raises ValueError."""

V = TypeVar("V", bound=Value)


class RecordFile(NamedTuple):
    """``events`` by kind in order of writing; ``complete``: the last line is ``end``."""

    path: Path
    version: int
    head: list[str]
    events: dict[str, list[tuple[Any, ...]]]
    complete: bool


def read(
    path: Path, name: str, versions: Sequence[int], head_fields: int, kinds: Kinds
) -> RecordFile:
    """The record of ``name`` in ``path``, in one of ``versions``; EvidenceError if it is none."""
    try:
        text = path.read_bytes().decode("ascii", errors="replace")
    except OSError as error:
        raise EvidenceError(f"{path}: cannot read the {name} record: {error.strerror}") from None
    # What follows the last line end was cut off, and half a number looks like a number.
    head, *lines = text.split("\n")[:-1] or [""]
    kind, *fields = head.split(",")
    if kind != name or len(fields) != 1 + head_fields:
        raise EvidenceError(f"{path}: expected a {name} record, found {head[:40]!r}")
    found, *rest = fields
    if found not in map(str, versions):
        expected = " or ".join(map(str, versions))
        problem = f"expected {name} record version {expected}, found {found[:40]!r}"
        raise EvidenceError(f"{path}: {problem}")
    events, complete = _events(lines, kinds)
    return RecordFile(path, int(found), rest, events, complete)


def _events(lines: Sequence[str], kinds: Kinds) -> tuple[dict[str, list[tuple[Any, ...]]], bool]:
    """The events by kind up to the first line that is none, and whether that was the end."""
    events: dict[str, list[tuple[Any, ...]]] = {kind: [] for kind in kinds}
    for place, line in enumerate(lines, start=1):
        kind, *texts = line.split(",")
        if kind not in kinds:
            return events, line == "end" and place == len(lines)
        try:
            event = tuple(read(text) for read, text in zip(kinds[kind], texts, strict=True))
        except ValueError:
            return events, False
        events[kind].append(event)
    return events, False


def number(text: str) -> int:
    """A 64-bit number without a sign."""
    if not text.isdecimal() or len(text) > DIGITS_MAX:
        raise ValueError("expected a number")
    return int(text)


def word(text: str) -> str:
    """A name or a digest: something that can be read."""
    if not 0 < len(text) <= WORD_MAX or not text.isascii() or not text.isprintable():
        raise ValueError("expected a word")
    return text


def one_of(*words: str) -> Callable[[str], str]:
    """A reader of these words and no others."""

    def read(text: str) -> str:
        if text not in words:
            raise ValueError(f"expected one of {words}")
        return text

    return read


def boot_id(text: str) -> str:
    """As the kernel draws one for each boot."""
    return str(UUID(text))


def value(model: type[V], file: RecordFile, name: str, fields: Mapping[str, Any]) -> V:
    """The record as a value; raises EvidenceError for one that cannot be used."""
    try:
        return model.model_validate({"complete": file.complete, **fields})
    except ValidationError as error:
        reason = "; ".join(f"{part['loc'][0]}: {part['msg']}" for part in error.errors())
        raise EvidenceError(f"{file.path}: a {name} record that cannot be used: {reason}") from None
