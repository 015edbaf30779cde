"""Writes over iSCSI, as a frame on the lab's network tells of them: commands, and not their data.

Pure, and of the standard library alone, since the recorder reads frames with it. Layouts: RFC 7143
(a PDU's head; a SCSI Command's), SBC-3 (what a command to write says).

A segment may begin in the middle of data. That is told from a head by what a head says twice, or
has to leave 0; data that are themselves iSCSI would deceive, and are their sender's writes too.
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from miglab.observe.frames import Written, tcp_payload

PORT = 3260
COMMAND, DATA_OUT = 0x01, 0x05
PASSED_OVER = frozenset({0x00, 0x02, DATA_OUT})  # NOP-Out, Task Management: what comes in between
OPCODE, WRITES, RESERVED = 0x3F, 0x20, 0x18  # of the first byte; of a command's second, likewise
HEAD = struct.Struct("!BBHB3sQII8x16s")
TEN, TWELVE, SIXTEEN = struct.Struct("!2xIxH"), struct.Struct("!2xII"), struct.Struct("!2xQI")
CDBS = {0x2A: TEN, 0x2E: TEN, 0xAA: TWELVE, 0xAE: TWELVE, 0x8A: SIXTEEN, 0x8E: SIXTEEN}
"""WRITE, and WRITE AND VERIFY: where the address and the number of blocks are."""
SAME = {0x41: TEN, 0x93: SIXTEEN}
"""WRITE SAME: one block is sent, and stands for all."""
BLOCKS = {512, 4096}


class Head(NamedTuple):
    """A PDU's; ``expected`` bytes are to be sent in all, ``sent`` of them with the head itself."""

    opcode: int
    flags: int
    extra: int
    sent: int
    lun: int
    expected: int
    cdb: bytes

    @property
    def size(self) -> int:
        """Of the whole PDU, whose data are filled up to a multiple of four."""
        return HEAD.size + 4 * self.extra + self.sent + -self.sent % 4


def writes(frame: bytes, port: int = PORT) -> Iterator[Written]:
    """The commands to write whose heads are in an IPv4 frame to ``port``; never raises."""
    found = tcp_payload(frame, port)
    if found is None:
        return
    client, payload = found
    while (head := _head(payload)) is not None:
        if head.opcode == COMMAND and (write := _write(head)):
            offset, size = write
            yield Written(client, offset, size, f"lun{head.lun}")
        payload = payload[head.size :]


def _head(payload: bytes) -> Head | None:
    """What ``payload`` begins with, unless that is no head of an initiator's."""
    if len(payload) < HEAD.size:
        return None
    first, flags, reserved, extra, sent, lun, _, expected, cdb = HEAD.unpack_from(payload)
    opcode, number = first & OPCODE, lun >> 48
    if lun & 0xFFFFFFFFFFFF or first & 0x80 or (opcode != COMMAND and reserved):
        return None
    head = Head(opcode, flags, extra, int.from_bytes(sent), number & 0x3FFF, expected, cdb)
    if opcode == COMMAND:
        proper = not (reserved or flags & RESERVED) and head.sent <= expected
    else:
        proper = opcode in PASSED_OVER and not flags & 0x7F
    return head if proper else None


def _write(head: Head) -> tuple[int, int] | None:
    """Offset and size in bytes, if the command is one to write and agrees with itself."""
    code = head.cdb[0]
    form = CDBS.get(code) or SAME.get(code)
    if form is None or not head.flags & WRITES:
        return None
    address, blocks = form.unpack_from(head.cdb)
    sent = 1 if code in SAME else blocks
    size, rest = divmod(head.expected, sent or 1)
    if rest or size not in BLOCKS:
        return None
    return address * size, blocks * size
