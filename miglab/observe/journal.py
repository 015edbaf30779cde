"""The guest's disk journal, read from the image by the storage node and not by the guest.

The layout is drawn in docs/reference/payload.md.
"""

import shlex
import struct
import uuid
import zlib
from collections.abc import Iterator

from miglab.values import Value

BASE = 1 << 20
SIZE = 4096
MAGIC, OLD_MAGIC = b"MIGLABJ2", b"MIGLABJ1"
HEADER = struct.Struct("<8s16sQQQQ")
CHECKSUM = struct.Struct("<I")


class JournalRecord(Value):
    """One record as it lies in the image; ``whole`` when magic and checksum are right.

    ``previous_acked_ns``: when the device had confirmed the record before, 0 if that is not told.
    """

    slot: int
    whole: bool
    boot_id: str = ""
    sequence: int = 0
    mono_ns: int = 0
    wall_ns: int = 0
    previous_acked_ns: int = 0


class JournalReading(Value):
    """The slots that must hold records ``first`` to ``last`` of the boot, as found in the image."""

    first: int
    last: int
    slots: int
    records: tuple[JournalRecord, ...]

    @property
    def expected(self) -> range:
        """The numbers that must be there: the newest ``slots`` of ``first`` to ``last``."""
        return range(max(self.first, self.last - self.slots + 1, 1), self.last + 1)


def parse(slot: int, block: bytes) -> JournalRecord:
    """The record in one block of 4096 bytes, of this version or the one before."""
    magic, boot, sequence, mono_ns, wall_ns, acked_ns = HEADER.unpack_from(block)
    (checksum,) = CHECKSUM.unpack_from(block, SIZE - CHECKSUM.size)
    if magic not in {MAGIC, OLD_MAGIC} or zlib.crc32(block[: -CHECKSUM.size]) != checksum:
        return JournalRecord(slot=slot, whole=False)
    return JournalRecord(
        slot=slot,
        whole=True,
        boot_id=str(uuid.UUID(bytes=boot)),
        sequence=sequence,
        mono_ns=mono_ns,
        wall_ns=wall_ns,
        previous_acked_ns=acked_ns if magic == MAGIC else 0,
    )


def extents(first: int, last: int, slots: int) -> Iterator[tuple[int, int]]:
    """(first slot, count) of the at most two runs of slots that hold ``first`` to ``last``."""
    first = max(first, last - slots + 1, 1)
    while first <= last:
        slot = (first - 1) % slots
        count = min(last - first + 1, slots - slot)
        yield slot, count
        first += count


def read_script(image: str, first: int, last: int, slots: int) -> str:
    """A shell script for the storage node that prints those slots, in order, as base64."""
    dumps = [
        f"dd if={shlex.quote(image)} bs={SIZE} skip={BASE // SIZE + slot} count={count} status=none"
        for slot, count in extents(first, last, slots)
    ]
    return f"{{ {'; '.join(dumps or ['true'])}; }} | base64"


def reading(first: int, last: int, slots: int, content: bytes) -> JournalReading:
    """What :func:`read_script` printed, decoded."""
    numbers = [slot + i for slot, count in extents(first, last, slots) for i in range(count)]
    blocks = [content[i : i + SIZE] for i in range(0, len(content), SIZE)]
    whole = [
        (slot, block) for slot, block in zip(numbers, blocks, strict=False) if len(block) == SIZE
    ]
    return JournalReading(
        first=first,
        last=last,
        slots=slots,
        records=tuple(parse(slot, block) for slot, block in whole),
    )
