"""The guest's journal in the image: where it lies, and what is read of it."""

import base64
import subprocess
import uuid
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miglab.observe.journal import BASE, SIZE, extents, parse, read_script, reading

BOOT = uuid.UUID("ca19695f-b2d9-484d-84fb-81f696c1e950")
GOLDEN, MASK = 0x9E3779B97F4A7C15, 2**64 - 1
NUMBERS = st.integers(1, MASK)


def block(
    sequence: int, boot: uuid.UUID = BOOT, mono_ns: int = 7, wall_ns: int = 8, acked_ns: int = 6
) -> bytes:
    """A record by the layout in docs/reference/payload.md."""
    return record(b"MIGLABJ2", boot, sequence, mono_ns, wall_ns, acked_ns)


def old_block(sequence: int, boot: uuid.UUID, mono_ns: int, wall_ns: int) -> bytes:
    """A record of the version before."""
    return record(b"MIGLABJ1", boot, sequence, mono_ns, wall_ns)


def record(magic: bytes, boot: uuid.UUID, sequence: int, *times: int) -> bytes:
    """Head, filler and checksum."""
    head = magic + boot.bytes + b"".join(n.to_bytes(8, "little") for n in (sequence, *times))
    words = ((sequence + k * GOLDEN) & MASK for k in range(SIZE // 8))
    body = (head + b"".join(word.to_bytes(8, "little") for word in words))[: SIZE - 4]
    return body + zlib.crc32(body).to_bytes(4, "little")


@given(st.integers(0, 40), st.integers(0, 40), st.integers(1, 16))
def test_extents_cover_exactly_what_was_asked_for(first: int, last: int, slots: int) -> None:
    """Each slot of the newest ``slots`` numbers once, in order, in two runs at most."""
    runs = list(extents(first, last, slots))
    covered = [slot + i for slot, count in runs for i in range(count)]
    numbers = range(max(first, last - slots + 1, 1), last + 1)
    assert covered == [(n - 1) % slots for n in numbers]
    assert len(runs) <= 2
    assert all(0 <= slot < slots and count > 0 for slot, count in runs)
    assert reading(first, last, slots, b"").expected == numbers


@given(NUMBERS, st.uuids(), NUMBERS, NUMBERS, NUMBERS)
def test_a_record_is_read_as_the_layout_says(
    sequence: int, boot: uuid.UUID, mono_ns: int, wall_ns: int, acked_ns: int
) -> None:
    """Every field comes out as it went in."""
    found = parse(3, block(sequence, boot, mono_ns, wall_ns, acked_ns))
    assert found.whole
    assert (found.slot, found.boot_id, found.sequence) == (3, str(boot), sequence)
    assert (found.mono_ns, found.wall_ns) == (mono_ns, wall_ns)
    assert found.previous_acked_ns == acked_ns


@given(NUMBERS, st.uuids(), NUMBERS, NUMBERS)
def test_a_record_of_the_version_before_tells_no_acknowledgement(
    sequence: int, boot: uuid.UUID, mono_ns: int, wall_ns: int
) -> None:
    """Else it is read as a new one; what lies there is filler."""
    old = parse(3, old_block(sequence, boot, mono_ns, wall_ns))
    assert old == parse(3, block(sequence, boot, mono_ns, wall_ns, acked_ns=0))
    assert old.whole


@given(st.integers(0, SIZE - 1), st.integers(1, 255))
def test_any_changed_byte_is_seen(place: int, flip: int) -> None:
    """Wherever it lies: in the head, in the filler, in the checksum itself."""
    damaged = bytearray(block(5))
    damaged[place] ^= flip
    assert not parse(0, bytes(damaged)).whole


@pytest.mark.parametrize(
    "torn",
    [
        bytes(SIZE),
        block(5)[:512] + block(4)[512:],
        block(5)[: SIZE // 2] + bytes(SIZE // 2),
        bytes(8) + block(5)[8:],
    ],
    ids=["never written", "half an older record", "half nothing", "no magic"],
)
def test_a_torn_record_is_not_whole(torn: bytes) -> None:
    """A record counts as a whole or not at all."""
    assert not parse(0, torn).whole


def test_a_record_of_another_boot_says_so() -> None:
    """It is whole; that it is not of this boot is for the judge to say."""
    other = parse(0, block(5, uuid.UUID(int=1)))
    assert other.whole
    assert other.boot_id == str(uuid.UUID(int=1))


@pytest.mark.parametrize(
    ("first", "last", "slots"), [(1, 3, 8), (6, 11, 8), (1, 20, 8), (5, 4, 8), (0, 0, 8)]
)
def test_the_script_reads_the_journal_from_an_image(
    tmp_path: Path, first: int, last: int, slots: int
) -> None:
    """Run by a real shell on a real file of an odd name, around the ring's end too."""
    image = tmp_path / "a guest's.img"
    with image.open("wb") as file:
        file.truncate(BASE + slots * SIZE)
        for sequence in range(1, last + 1):
            file.seek(BASE + (sequence - 1) % slots * SIZE)
            file.write(block(sequence))
    script = read_script(str(image), first, last, slots)
    done = subprocess.run(["sh", "-c", script], capture_output=True, check=True)
    found = reading(first, last, slots, base64.b64decode(done.stdout))
    assert [record.sequence for record in found.records] == list(found.expected)
    assert all(record.whole for record in found.records)


def test_what_is_cut_off_is_no_record() -> None:
    """Whole blocks count; that some are missing is seen by their number."""
    found = reading(1, 3, 8, block(1) + block(2)[:100])
    assert [record.sequence for record in found.records] == [1]
