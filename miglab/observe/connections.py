"""Who connects to whom on the lab's network, and whether what they say is encrypted.

Pure, and of the standard library alone, since the recorder reads frames with it. Layouts: RFC 9293
(TCP), RFC 8446 (TLS: a handshake record whose first message is a ClientHello).
"""

from ipaddress import IPv4Address
from typing import NamedTuple

from miglab.observe import frames

FLAGS_BYTE, SYN, ACK = 13, 0x02, 0x10
HELLO_WORD = 0x16030000  # a handshake record of TLS 1.x; its lower half differs
CLIENT_HELLO_BYTE, CLIENT_HELLO = 5, 1


class Connection(NamedTuple):
    """One direction of a TCP connection, from who began it."""

    client: str
    client_port: int
    server: str
    port: int


def connection(frame: bytes) -> tuple[str, Connection] | None:
    """``begun`` for a connection's first segment, ``hello`` for TLS's first words in one."""
    found = _segment(frame)
    if found is None:
        return None
    ends, segment = found
    if segment[FLAGS_BYTE] & (SYN | ACK) == SYN:
        return "begun", ends
    payload = segment[(segment[12] >> 4) * 4 :]
    if int.from_bytes(payload[:2]) << 16 != HELLO_WORD or len(payload) <= CLIENT_HELLO_BYTE:
        return None
    return ("hello", ends) if payload[CLIENT_HELLO_BYTE] == CLIENT_HELLO else None


def _segment(frame: bytes) -> tuple[Connection, bytes] | None:
    """Both ends of a TCP segment over IPv4, and the segment itself from its header on."""
    start = frames.ETHERNET.size
    if frames.ethertype(frame) != frames.IPV4_TYPE or len(frame) < start + 20:
        return None
    later_fragment = int.from_bytes(frame[start + 6 : start + 8]) & 0x1FFF
    segment = frame[start + (frame[start] & 0x0F) * 4 :]
    if frame[start + 9] != frames.TCP or later_fragment or len(segment) < 20:
        return None
    client, server = (str(IPv4Address(frame[start + at : start + at + 4])) for at in (12, 16))
    ports = int.from_bytes(segment[:2]), int.from_bytes(segment[2:4])
    return Connection(client, ports[0], server, ports[1]), segment
