"""What frames tell of writes over iSCSI, from frames of a real initiator and some made by hand.

``data/iscsi/source.hex``: what QEMU's initiator sent (10.0.13, to tgt 1.0), each frame's first 130
bytes: a login, a write of 256 KiB in many pieces, one of zeros, one of two blocks, and the guest's
journal with its flushes, of which one record came in two segments.
"""

import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miglab import topology
from miglab.observe import iscsi
from miglab.observe.frames import Written, tcp_payload
from miglab.observe.iscsi import writes
from tests.observe.test_frames import HOST, segment

RECORDED = [
    bytes.fromhex(line)
    for line in (Path(__file__).parents[1] / "data/iscsi/source.hex").read_text().split()
]
KIB = 1 << 10


def written(offset: int, size: int, lun: int = 1) -> Written:
    """As the recorder would tell it."""
    return Written(str(HOST), offset, size, f"lun{lun}")


def framed(payload: bytes) -> bytes:
    """From HOST to the server."""
    return segment(payload, port=iscsi.PORT)


def ten(address: int, blocks: int, code: int = 0x2A) -> bytes:
    """A command descriptor block of ten bytes, filled up."""
    return struct.pack("!BxIxHx6x", code, address, blocks)


def sixteen(address: int, blocks: int, code: int = 0x8A) -> bytes:
    """One of sixteen."""
    return struct.pack("!BxQI2x", code, address, blocks)


def twelve(address: int, blocks: int, code: int = 0xAA) -> bytes:
    """One of twelve, filled up."""
    return struct.pack("!BxII6x", code, address, blocks)


def pdu(
    cdb: bytes, expected: int, data: bytes = b"", *, flags: int = 0xA1, lun: int = 1, first: int = 1
) -> bytes:
    """A SCSI Command with as much of its data as goes with it."""
    sizes = len(data).to_bytes(4)
    numbers = struct.pack("!IIII", 7, expected, 8, 9)
    head = bytes([first, flags, 0, 0]) + sizes + struct.pack("!HHI", lun, 0, 0) + numbers + cdb
    return head + data + bytes(-len(data) % 4)


def test_the_port_is_the_declaration_s() -> None:
    """A recorder imports nothing of the library, so it is written down twice."""
    assert iscsi.PORT == topology.ISCSI_PORT


def test_a_real_initiator_s_writes() -> None:
    """Each once: neither logins, reads and flushes nor data, wherever a segment of them begins."""
    found = [write for frame in RECORDED for write in writes(frame)]
    assert found[:3] == [
        written(62 << 20, 256 * KIB),
        written(63 << 20, 64 * KIB),
        written(63 << 20, KIB),
    ]
    assert [(write.offset - found[3].offset, write.size) for write in found[3:]] == [
        (0, 4 * KIB),
        (4 * KIB, 4 * KIB),
        (344 * KIB, 4 * KIB),
        (348 * KIB, 4 * KIB),
    ]


def test_of_a_real_initiator_everything_was_there() -> None:
    """So that what is not told above was seen, and told from a write."""
    payloads = [found[1] for frame in RECORDED if (found := tcp_payload(frame, iscsi.PORT))]
    assert {payload[0] & 0x3F for payload in payloads if len(payload) == 48} == {1, 5, 6}
    assert sum(payload[:2] == b"\xab\xab" for payload in payloads) == 5
    assert any(payload[:2] == b"\xde\x90" for payload in payloads), "a record's second segment"


@pytest.mark.parametrize(
    ("payload", "found"),
    [
        (pdu(ten(4096, 8), 4 * KIB), [written(2 << 20, 4 * KIB)]),
        (pdu(twelve(4096, 8), 4 * KIB), [written(2 << 20, 4 * KIB)]),
        (pdu(sixteen(1 << 33, 8), 4 * KIB), [written(1 << 42, 4 * KIB)]),
        (pdu(ten(1, 1, 0x2E), 4 * KIB), [written(4 * KIB, 4 * KIB)]),
        (pdu(ten(8, 128, 0x41), 512), [written(4 * KIB, 64 * KIB)]),
        (pdu(sixteen(8, 128, 0x93), 512), [written(4 * KIB, 64 * KIB)]),
        (pdu(ten(8, 1), 512, first=0x41), [written(4 * KIB, 512)]),
        (pdu(ten(8, 1), 512, flags=0x21), [written(4 * KIB, 512)]),
        (pdu(ten(8, 1), 512, lun=2), [written(4 * KIB, 512, lun=2)]),
        (pdu(ten(8, 1), 512, bytes(512)) + pdu(ten(9, 1), 512), [
            written(4 * KIB, 512), written(4 * KIB + 512, 512),
        ]),
        (pdu(ten(0, 0, 0x35), 0, flags=0x81) + pdu(ten(9, 1), 512), [
            written(4 * KIB + 512, 512),
        ]),
        (b"\x00\x80" + bytes(46) + pdu(ten(9, 1), 512), [written(4 * KIB + 512, 512)]),
        (b"\x05\x80" + bytes(46) + pdu(ten(9, 1), 512), [written(4 * KIB + 512, 512)]),
        (pdu(ten(8, 1, 0x28), 512, flags=0xC1), []),
        (pdu(ten(8, 1), 512, flags=0xC1), []),
        (pdu(ten(8, 1), 513), []),
        (pdu(ten(8, 0), 0), []),
        (pdu(ten(8, 1), 1024), []),
        (pdu(ten(8, 1), 512, flags=0xB1), []),
        (pdu(ten(8, 1), 512, first=0x81), []),
        (pdu(ten(8, 1), 512)[:47], []),
        (bytes(4 * KIB), []),
        (b"x" + pdu(ten(8, 1), 512), []),
    ],
)  # fmt: skip
def test_writes(payload: bytes, found: list[Written]) -> None:
    """By every command there is for it, several in one segment, and nothing out of what is none."""
    assert list(writes(framed(payload))) == found
    assert list(writes(segment(payload, port=2049))) == []


@given(
    st.sampled_from((ten, twelve, sixteen)),
    st.integers(0, 2**32 - 1),
    st.integers(1, 2**16 - 1),
    st.sampled_from((512, 4096)),
    st.binary(max_size=512),
)
def test_every_write_is_read(
    form: Callable[[int, int], bytes], address: int, blocks: int, block: int, data: bytes
) -> None:
    """Wherever and however large, of blocks of either size, with data behind it or without."""
    command = pdu(form(address, blocks), blocks * block, data[: blocks * block])
    assert list(writes(framed(command))) == [written(address * block, blocks * block)]


@given(st.binary(max_size=600), st.integers(0, 47))
def test_no_frame_is_too_strange(data: bytes, cut: int) -> None:
    """What is cut off tells nothing, and data alone never tell of a write."""
    whole = pdu(ten(8, 8), 4 * KIB, bytes(8))
    assert list(writes(framed(whole[:cut]))) == []
    assert list(writes(framed(data))) == []
    list(writes(data))
    list(writes(framed(whole + data)))
    list(writes(framed(b"\x05\x80\x00\x00" + data)))
