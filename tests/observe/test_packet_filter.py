"""What the kernel passes on: the filter is run by the kernel itself, on a pair of sockets."""

import socket
from ipaddress import IPv4Address

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from miglab.observe.connections import connection
from miglab.observe.packet_filter import HEAD_BYTES, attach
from tests.observe.test_connections import ENDS, HELLO, SYN, SYN_ACK, not_hello
from tests.observe.test_frames import ANY, HOST, MAC, NFS, OTHER, Ends, arp, segment, write3

WRITE = write3(1 << 20, 4096, bytes(4096))
OPTIONS = st.integers(0, 10).map(lambda words: bytes(4 * words))


def passed(frame: bytes) -> bytes:
    """What is left of ``frame``."""
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with near, far:
        attach(far, NFS, 2049)
        near.send(frame)
        try:
            return far.recv(1 << 16, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return b""


@pytest.mark.parametrize(
    "frame",
    [
        arp(0x8035, MAC, "192.168.80.50", "192.168.80.50"),
        arp(0x0806, OTHER, "192.168.80.50", "192.168.80.1"),
        segment(WRITE),
        segment(HELLO, server=HOST, port=49152),
    ],
    ids=["an announcement", "a question", "a write", "TLS"],
)
def test_heads_are_taken(frame: bytes) -> None:
    """Of what tells something, no more than is needed to read it."""
    assert passed(frame) == frame[:HEAD_BYTES]


@given(OPTIONS, OPTIONS, st.integers(0, 3))
def test_what_carries_data_is_taken(options: bytes, ip_options: bytes, size: int) -> None:
    """However long its headers are; a bare acknowledgement is not."""
    frame = segment(bytes(size), options=options, ip_options=ip_options)
    assert passed(frame) == (frame if size else b"")


@given(ENDS)
def test_the_beginning_of_a_connection_is_taken(ends: Ends) -> None:
    """Whoever begins it with whom, wherever; the answer to it tells nothing more."""
    begun = segment(b"", **ends, flags=SYN)
    assert passed(begun) == begun
    assert passed(segment(b"", **ends, flags=SYN_ACK)) == b""


@given(ENDS, st.binary(max_size=600))
def test_the_first_words_of_tls_are_taken(ends: Ends, rest: bytes) -> None:
    """At any port, behind headers of any length, as much of them as is of interest."""
    frame = segment(HELLO + rest, **ends)
    assert passed(frame) == frame[:HEAD_BYTES]


@given(ENDS, st.binary(max_size=80))
def test_other_data_are_left(ends: Ends, data: bytes) -> None:
    """But to the NFS server's own port."""
    assume((ends["server"], ends["port"]) != (NFS, 2049) and not_hello(data))
    assert passed(segment(data, **ends)) == b""


@given(ENDS, st.binary(max_size=120), st.integers(0, 255))
def test_filter_and_reader_agree(ends: Ends, data: bytes, flags: int) -> None:
    """What the one lets through elsewhere is what the other makes something of, and no more."""
    assume((ends["server"], ends["port"]) != (NFS, 2049))
    for payload in (data, HELLO + data):
        frame = segment(payload, **ends, flags=flags)
        assert bool(passed(frame)) == (connection(frame) is not None)


@pytest.mark.parametrize(
    "frame",
    [
        segment(WRITE, server=IPv4Address("192.168.80.161")),
        segment(WRITE, port=49152),
        segment(WRITE, protocol=17),
        segment(WRITE, fragment=1),
        segment(b"", fragment=1, flags=SYN),
        segment(HELLO, protocol=17),
        ANY + MAC + b"\x86\xdd" + WRITE,
    ],
    ids=[
        "to another server",
        "a guest's pages",
        "another protocol",
        "a fragment",
        "a fragment that looks like a beginning",
        "another protocol that looks like TLS",
        "IPv6",
    ],
)
def test_the_rest_is_left(frame: bytes) -> None:
    """Most of all the stream of a migration."""
    assert passed(frame) == b""


@given(st.binary(min_size=1, max_size=100), st.integers(1, 60))
def test_anything_is_survived(data: bytes, length: int) -> None:
    """What is too short for its headers is left, and nothing is changed."""
    for frame in (data, ANY + MAC + b"\x08\x00" + data, segment(b"")[:length]):
        assert passed(frame) in (b"", frame)
