"""Who connects to whom, from frames made by hand after the RFCs."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miglab.observe.connections import Connection, connection
from tests.observe.test_frames import ANY, HOST, MAC, NFS, OTHER, Ends, arp, segment

FIN, SYN, RST, ACK, ECE = 0x01, 0x02, 0x04, 0x10, 0x40
SYN_ACK = SYN | ACK
HELLO = struct.pack("!BHHB", 22, 0x0301, 200, 1)
"""A TLS record's header and the type of the message in it; its inside is nobody's business."""
OPTIONS = st.integers(0, 10).map(lambda words: bytes(4 * words))
ENDS: st.SearchStrategy[Ends] = st.builds(
    Ends,
    server=st.just(NFS) | st.ip_addresses(v=4),
    port=st.just(2049) | st.integers(0, 65535),
    options=OPTIONS,
    ip_options=OPTIONS,
)


def not_hello(data: bytes) -> bool:
    """Whether TLS does not begin so."""
    return len(data) < 6 or data[:2] != HELLO[:2] or data[5] != 1


@pytest.mark.parametrize(
    ("frame", "what"),
    [
        (segment(b"", flags=SYN), "begun"),
        (segment(b"", flags=SYN | ECE), "begun"),
        (segment(b"data at once", flags=SYN), "begun"),
        (segment(b"", flags=SYN_ACK), None),
        (segment(b"", flags=ACK), None),
        (segment(b"", flags=RST), None),
        (segment(b"", flags=FIN | ACK), None),
        (segment(HELLO), "hello"),
        (segment(HELLO[:5]), None),
        (segment(struct.pack("!BHHB", 22, 0x0303, 200, 1)), "hello"),
        (segment(struct.pack("!BHHB", 22, 0x0303, 200, 2)), None),
        (segment(struct.pack("!BHHB", 23, 0x0303, 200, 1)), None),
        (segment(struct.pack("!BHHB", 22, 0x0203, 200, 1)), None),
        (segment(b"QEVM" + bytes(100)), None),
        (segment(b"", flags=SYN, protocol=17), None),
        (segment(HELLO, fragment=1), None),
        (segment(HELLO, fragment=0x4000), "hello"),
        (arp(0x0806, MAC, "10.0.0.1", "10.0.0.2"), None),
        (ANY + MAC + b"\x86\xdd" + segment(HELLO)[14:], None),
    ],
    ids=[
        "SYN",
        "SYN that offers something",
        "SYN with data",
        "its answer",
        "ACK",
        "RST",
        "FIN",
        "ClientHello",
        "ClientHello cut off",
        "ClientHello of another version",
        "ServerHello",
        "data in TLS",
        "no TLS",
        "a guest's pages",
        "another protocol",
        "a later fragment",
        "a whole that must not be cut",
        "ARP",
        "IPv6",
    ],
)
def test_what_a_frame_tells(frame: bytes, what: str | None) -> None:
    """A beginning, a beginning of TLS, or nothing."""
    found = connection(frame)
    assert (found and found[0]) == what


@given(ENDS)
def test_both_ends_are_told(ends: Ends) -> None:
    """However long the headers are."""
    expected = Connection(str(HOST), 799, str(ends["server"]), ends["port"])
    assert connection(segment(b"", **ends, flags=SYN)) == ("begun", expected)
    assert connection(segment(HELLO, **ends)) == ("hello", expected)


@given(st.binary(max_size=100))
def test_other_data_tell_nothing(data: bytes) -> None:
    """Whatever is sent."""
    assert (connection(segment(data)) is None) == not_hello(data)


@given(st.binary(max_size=100), st.integers(0, 80), st.integers(0, 255), st.integers(0, 99))
def test_anything_is_survived(data: bytes, length: int, byte: int, place: int) -> None:
    """What is cut off or damaged is never worse than nothing."""
    whole = segment(HELLO, server=NFS, flags=SYN)
    damaged = bytearray(whole)
    damaged[place % len(whole)] = byte
    for frame in (data, ANY + OTHER + b"\x08\x00" + data, whole[:length], bytes(damaged)):
        found = connection(frame)
        assert found is None or found[0] in ("begun", "hello")
