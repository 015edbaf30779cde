"""What a frame on the lab's network tells: an announcement of the guest, or a write over NFS.

Pure, and of the standard library alone, since the recorder reads frames with it. Layouts: RFC 826
(ARP), RFC 903 (RARP), RFC 5531 (RPC and its record marks), RFC 1813 (NFSv3), RFC 8881 (NFSv4.1).
"""

import hashlib
import struct
from collections.abc import Iterator
from ipaddress import IPv4Address
from typing import NamedTuple

ETHERNET = struct.Struct("!6s6sH")
ARP = struct.Struct("!HHBBH6s4s6s4s")
RPC_CALL = struct.Struct("!6I")  # xid, call, RPC version, program, version, procedure
RARP_TYPE, ARP_TYPE, IPV4_TYPE = 0x8035, 0x0806, 0x0800
TCP = 6
NFS_PORT, NFS_PROGRAM = 2049, 100003
V3_WRITE = 7
V4_COMPOUND = 1
V4_PUTFH, V4_WRITE, V4_SEQUENCE = 22, 38, 53
SESSION_BYTES = 32  # of a SEQUENCE: session id, sequence, slot, highest slot, cache-this
STATEID_BYTES = 16
LAST_FRAGMENT = 0x80000000


class Written(NamedTuple):
    """One write as it was asked for; ``handle`` is a short digest of a file's, or names a LUN."""

    client: str
    offset: int
    size: int
    handle: str


def ethertype(frame: bytes) -> int:
    """Of an Ethernet frame; 0 for what is too short."""
    return int(ETHERNET.unpack_from(frame)[2]) if len(frame) >= ETHERNET.size else 0


def announcement(frame: bytes, mac: bytes) -> str | None:
    """``rarp``, ``garp`` or ``arp`` if the machine with that MAC makes itself known by it."""
    kind = ethertype(frame)
    if kind not in (RARP_TYPE, ARP_TYPE) or len(frame) < ETHERNET.size + ARP.size:
        return None
    *_, sender, sender_ip, _, target_ip = ARP.unpack_from(frame, ETHERNET.size)
    if sender != mac:
        return None
    if kind == RARP_TYPE:
        return "rarp"
    return "garp" if sender_ip == target_ip else "arp"


def writes(frame: bytes, port: int = NFS_PORT) -> Iterator[Written]:
    """The NFS writes whose calls begin in an IPv4 frame to ``port``; never raises."""
    found = tcp_payload(frame, port)
    if found is None:
        return
    client, payload = found
    while len(payload) > 4:
        (mark,) = struct.unpack_from("!I", payload)
        length = mark & ~LAST_FRAGMENT
        try:
            yield from (Written(client, *write) for write in _call(_Reader(payload[4:])))
        except (struct.error, ValueError):
            return  # not the beginning of a call, or more of it than was captured
        payload = payload[4 + length :]


def tcp_payload(frame: bytes, port: int) -> tuple[str, bytes] | None:
    """Sender and payload of a TCP segment to ``port``."""
    start = ETHERNET.size
    if ethertype(frame) != IPV4_TYPE or len(frame) < start + 20 or frame[start + 9] != TCP:
        return None
    header = (frame[start] & 0x0F) * 4
    segment = frame[start + header :]
    if len(segment) < 20 or int.from_bytes(segment[2:4]) != port:
        return None
    client = str(IPv4Address(frame[start + 12 : start + 16]))
    return client, segment[(segment[12] >> 4) * 4 :]


class _Reader:
    """Reads XDR (RFC 4506); raises struct.error at the end of what there is."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def take(self, form: struct.Struct) -> tuple[int, ...]:
        """Fixed fields."""
        fields = form.unpack_from(self._data, self._at)
        self._at += form.size
        return fields

    def word(self) -> int:
        """An unsigned 32-bit number."""
        return self.take(_WORD)[0]

    def long(self) -> int:
        """An unsigned 64-bit number."""
        return self.take(_LONG)[0]

    def skip(self, count: int) -> None:
        """Leaves ``count`` bytes out."""
        self._at += count

    def opaque(self) -> bytes:
        """Bytes with their length before, filled up to a multiple of four."""
        length = self.word()
        data = self._data[self._at : self._at + length]
        if len(data) < length:
            raise ValueError("cut off")
        self._at += length + -length % 4
        return data


_WORD, _LONG = struct.Struct("!I"), struct.Struct("!Q")
_Write = tuple[int, int, str]


def _call(reader: _Reader) -> Iterator[_Write]:
    """(offset, count, handle) of each write in one RPC call."""
    _, call, rpc, program, version, procedure = reader.take(RPC_CALL)
    if (call, rpc, program) != (0, 2, NFS_PROGRAM):
        return
    for _ in ("credentials", "verifier"):
        reader.word()
        reader.opaque()
    if (version, procedure) == (3, V3_WRITE):
        handle = reader.opaque()
        yield reader.long(), reader.word(), _short(handle)
    elif (version, procedure) == (4, V4_COMPOUND):
        yield from _compound(reader)


def _compound(reader: _Reader) -> Iterator[_Write]:
    """Of a compound, as far as its operations are those of a write."""
    reader.opaque()
    reader.word()
    handle = b""
    for _ in range(reader.word()):
        operation = reader.word()
        if operation == V4_SEQUENCE:
            reader.skip(SESSION_BYTES)
        elif operation == V4_PUTFH:
            handle = reader.opaque()
        elif operation == V4_WRITE:
            reader.skip(STATEID_BYTES)
            offset, _, count = reader.long(), reader.word(), reader.word()
            yield offset, count, _short(handle)
            return  # the data follows, and more of it than was captured
        else:
            return


def _short(handle: bytes) -> str:
    return hashlib.sha256(handle).hexdigest()[:8]
