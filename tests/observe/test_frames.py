"""What frames tell, from frames made by hand after the RFCs."""

import hashlib
import struct
from ipaddress import IPv4Address
from typing import TypedDict, Unpack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miglab.observe.frames import Written, announcement, writes

MAC, OTHER = bytes.fromhex("525400800050"), bytes.fromhex("020000000001")
ANY = bytes([255] * 6)
HOST = IPv4Address("192.168.80.121")
NFS = IPv4Address("192.168.80.100")
HANDLE = b"file handle of the image"
SHORT = hashlib.sha256(HANDLE).hexdigest()[:8]


def arp(kind: int, sender: bytes, sender_ip: str, target_ip: str) -> bytes:
    """An Ethernet frame with ARP (0x0806) or RARP (0x8035) in it."""
    addresses = (IPv4Address(sender_ip).packed, ANY, IPv4Address(target_ip).packed)
    body = struct.pack("!HHBBH6s4s6s4s", 1, 0x0800, 6, 4, 1, sender, *addresses)
    return ANY + sender + struct.pack("!H", kind) + body


@pytest.mark.parametrize(
    ("frame", "kind"),
    [
        (arp(0x8035, MAC, "0.0.0.0", "0.0.0.0"), "rarp"),  # noqa: S104 - an address in a frame
        (arp(0x0806, MAC, "192.168.80.50", "192.168.80.50"), "garp"),
        (arp(0x0806, MAC, "192.168.80.50", "192.168.80.1"), "arp"),
        (arp(0x0806, OTHER, "192.168.80.50", "192.168.80.50"), None),
        (arp(0x0800, MAC, "192.168.80.50", "192.168.80.50"), None),
        (arp(0x8035, MAC, "0.0.0.0", "0.0.0.0")[:30], None),  # noqa: S104 - likewise
    ],
)
def test_an_announcement(frame: bytes, kind: str | None) -> None:
    """Of the guest's MAC, and of no other's."""
    assert announcement(frame, MAC) == kind


def opaque(data: bytes) -> bytes:
    """Bytes in XDR."""
    return struct.pack("!I", len(data)) + data + bytes(-len(data) % 4)


def call(version: int, procedure: int, body: bytes, *, program: int = 100003) -> bytes:
    """An RPC call with its record mark."""
    head = struct.pack("!6I", 7, 0, 2, program, version, procedure)
    credentials = struct.pack("!I", 1) + opaque(b"x" * 21) + struct.pack("!II", 0, 0)
    message = head + credentials + body
    return struct.pack("!I", 0x80000000 | len(message)) + message


def write3(offset: int, count: int, data: bytes = b"", *, handle: bytes = HANDLE) -> bytes:
    """NFSv3's WRITE (RFC 1813, 3.3.7)."""
    fixed = struct.pack("!QII", offset, count, 2)
    return call(3, 7, opaque(handle) + fixed + opaque(data))


def write4(offset: int, count: int, *, session: bool = True, handle: bytes = HANDLE) -> bytes:
    """NFSv4.1's compound of SEQUENCE, PUTFH, WRITE (RFC 8881)."""
    operations = [struct.pack("!I", 53) + bytes(32)] if session else []
    operations.append(struct.pack("!I", 22) + opaque(handle))
    operations.append(struct.pack("!I", 38) + bytes(16) + struct.pack("!QII", offset, 2, count))
    return call(
        4, 1, opaque(b"tag") + struct.pack("!II", 1, len(operations)) + b"".join(operations)
    )


class Ends(TypedDict, total=False):
    """Where a segment goes, and what its headers carry besides."""

    server: IPv4Address
    port: int
    options: bytes
    ip_options: bytes


class Segment(Ends, total=False):
    """Of what kind a segment is."""

    protocol: int
    fragment: int
    flags: int


def segment(payload: bytes, **given: Unpack[Segment]) -> bytes:
    """An Ethernet frame with a TCP segment from HOST to NFS; as ever, it acknowledges something."""
    options, ip_options = given.get("options", b""), given.get("ip_options", b"")
    words, flags = 5 + len(options) // 4, given.get("flags", 0x10)
    ports = (799, given.get("port", 2049))
    tcp = struct.pack("!HHIIHHHH", *ports, 1, 1, words << 12 | flags, 64, 0, 0) + options
    size = 20 + len(ip_options) + len(tcp) + len(payload)
    start, fragment = 0x45 + len(ip_options) // 4, given.get("fragment", 0)
    ip = struct.pack("!BBHHHBBH", start, 0, size, 0, fragment, 64, given.get("protocol", 6), 0)
    ip += HOST.packed + given.get("server", NFS).packed + ip_options
    return ANY + OTHER + struct.pack("!H", 0x0800) + ip + tcp + payload


WRITTEN = Written(str(HOST), 1 << 20, 4096, SHORT)


@pytest.mark.parametrize(
    ("frame", "found"),
    [
        (segment(write3(1 << 20, 4096)), [WRITTEN]),
        (segment(write3(1 << 20, 4096), options=bytes(12)), [WRITTEN]),
        (segment(write3(1 << 20, 4096), ip_options=bytes(40)), [WRITTEN]),
        (segment(write4(1 << 20, 4096)), [WRITTEN]),
        (segment(write4(1 << 20, 4096, session=False)), [WRITTEN]),
        (segment(write3(1 << 20, 4096, b"y" * 8) + write3(4096, 8)), [
            WRITTEN, Written(str(HOST), 4096, 8, SHORT),
        ]),
        (segment(write3(1 << 20, 4096, b"z" * 4096))[:512], [WRITTEN]),
        (segment(call(3, 6, opaque(HANDLE))), []),
        (segment(call(3, 7, opaque(HANDLE), program=100005)), []),
        (segment(b"y" * 300), []),
        (segment(write3(1 << 20, 4096), port=2048), []),
        (segment(write3(1 << 20, 4096), protocol=17), []),
        (segment(b"z" * 4 + write3(1 << 20, 4096)), []),
        (segment(write3(1 << 20, 4096))[:90], []),
        (segment(b""), []),
    ],
)  # fmt: skip
def test_writes(frame: bytes, found: list[Written]) -> None:
    """Of either version, several in one segment, and nothing out of what is none."""
    assert list(writes(frame)) == found


@given(st.binary(min_size=1, max_size=64), st.integers(0, 2**64 - 1), st.integers(0, 2**32 - 1))
def test_every_write_is_read(handle: bytes, offset: int, count: int) -> None:
    """Of whatever file, wherever, in either version."""
    found = [Written(str(HOST), offset, count, hashlib.sha256(handle).hexdigest()[:8])]
    for call in (
        write3(offset, count, handle=handle),
        write4(offset, count, handle=handle),
        write4(offset, count, handle=handle, session=False),
    ):
        assert list(writes(segment(call))) == found


@given(st.integers(0, 300))
def test_what_is_missing_is_not_guessed(length: int) -> None:
    """A frame that ends anywhere tells all of a write or nothing."""
    for call in (write3(1 << 20, 4096), write4(1 << 20, 4096)):
        assert list(writes(segment(call)[:length])) in ([], [WRITTEN])
    assert announcement(arp(0x8035, MAC, "1.2.3.4", "1.2.3.4")[:length], MAC) in (None, "rarp")


@given(st.binary(max_size=600))
def test_no_frame_is_too_strange(data: bytes) -> None:
    """Whatever comes, also behind good heads."""
    announcement(data, MAC)
    for frame in (
        data,
        segment(data),
        segment(struct.pack("!I", 1 << 31) + data),
        segment(call(3, 7, data)),
        segment(call(4, 1, data)),
        segment(call(4, 1, opaque(b"") + struct.pack("!II", 1, 2**32 - 1) + data)),
        segment(write3(0, 1) + data),
        arp(0x8035, MAC, "1.2.3.4", "1.2.3.4") + data,
    ):
        list(writes(frame))
