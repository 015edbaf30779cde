"""What the kernel passes on: the filter is run by the kernel itself, on a pair of sockets."""

import socket
from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miglab.observe.packet_filter import HEAD_BYTES, attach
from tests.observe.test_frames import ANY, MAC, NFS, OTHER, arp, segment, write3

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
    ],
    ids=["an announcement", "a question", "a write"],
)
def test_heads_are_taken(frame: bytes) -> None:
    """Of what tells something, no more than is needed to read it."""
    assert passed(frame) == frame[:HEAD_BYTES]


@given(OPTIONS, OPTIONS, st.integers(0, 3))
def test_what_carries_data_is_taken(options: bytes, ip_options: bytes, size: int) -> None:
    """However long its headers are; a bare acknowledgement is not."""
    frame = segment(bytes(size), options=options, ip_options=ip_options)
    assert passed(frame) == (frame if size else b"")


@pytest.mark.parametrize(
    "frame",
    [
        segment(WRITE, server=IPv4Address("192.168.80.161")),
        segment(WRITE, port=49152),
        segment(WRITE, protocol=17),
        segment(WRITE, fragment=1),
        ANY + MAC + b"\x86\xdd" + WRITE,
    ],
    ids=["to another server", "a guest's pages", "another protocol", "a fragment", "IPv6"],
)
def test_the_rest_is_left(frame: bytes) -> None:
    """Most of all the stream of a migration."""
    assert passed(frame) == b""


@given(st.binary(min_size=1, max_size=100), st.integers(1, 60))
def test_anything_is_survived(data: bytes, length: int) -> None:
    """What is too short for its headers is left, and nothing is changed."""
    for frame in (data, ANY + MAC + b"\x08\x00" + data, segment(b"")[:length]):
        assert passed(frame) in (b"", frame)
