"""What the kernel passes on to the wire's recorder: a program in classic BPF for a packet socket.

Only the standard library is imported, since the recorder is a process that has to start at once.
"""

import ctypes
import socket
import struct
from ipaddress import IPv4Address

from miglab.observe import frames

HEAD_BYTES = 512  # of a frame; what is written follows, and is nobody's business
PACKET_OUTGOING = 4  # linux/if_packet.h
SO_ATTACH_FILTER = 26  # asm-generic/socket.h
INSTRUCTION = struct.Struct("=HBBI")  # linux/filter.h: struct sock_filter

LOAD_BYTE, LOAD_HALF, LOAD_WORD = 0x30, 0x28, 0x20
LOAD_BYTE_INDEXED, LOAD_HALF_INDEXED, INDEX_HEADER = 0x50, 0x48, 0xB1
AND, SHIFT_RIGHT, ADD_INDEX, TO_INDEX = 0x54, 0x74, 0x0C, 0x07
IF_EQUAL, IF_BITS, IF_EQUALS_INDEX, RETURN = 0x15, 0x45, 0x1D, 0x06
PACKET_TYPE = 0xFFFFF004  # not a place in the frame, but how it is met

Line = tuple[int, int, bool | None, bool | None]
"""Instruction, operand, and where to go if its condition is met and if not.

None is on to the next line, True to where a frame is taken, False to where it is not.
"""


def _lines(storage: IPv4Address, port: int) -> list[Line]:
    """(R)ARP, or data sent to ``storage`` and ``port`` by TCP, not on its way out again."""
    return [
        (LOAD_WORD, PACKET_TYPE, None, None),
        (IF_EQUAL, PACKET_OUTGOING, False, None),
        (LOAD_HALF, 12, None, None),
        (IF_EQUAL, frames.RARP_TYPE, True, None),
        (IF_EQUAL, frames.ARP_TYPE, True, None),
        (IF_EQUAL, frames.IPV4_TYPE, None, False),
        (LOAD_BYTE, 23, None, None),
        (IF_EQUAL, frames.TCP, None, False),
        (LOAD_WORD, 30, None, None),
        (IF_EQUAL, int(storage), None, False),
        (LOAD_HALF, 20, None, None),
        (IF_BITS, 0x1FFF, False, None),  # a later fragment has no ports
        (INDEX_HEADER, 14, None, None),
        (LOAD_HALF_INDEXED, 16, None, None),
        (IF_EQUAL, port, None, False),
        (LOAD_BYTE_INDEXED, 26, None, None),  # TCP's header: its upper half, in words
        (AND, 0xF0, None, None),
        (SHIFT_RIGHT, 2, None, None),
        (ADD_INDEX, 0, None, None),
        (TO_INDEX, 0, None, None),
        (LOAD_HALF, 16, None, None),  # no longer than both headers: it carries nothing
        (IF_EQUALS_INDEX, 0, False, True),
    ]


def program(storage: IPv4Address, port: int) -> bytes:
    """The program as the kernel wants it: a jump counts the instructions that it leaps over."""
    lines = _lines(storage, port)
    code = b""
    for following, (instruction, operand, met, otherwise) in enumerate(lines, start=1):
        leap = {None: 0, True: len(lines) - following, False: len(lines) + 1 - following}
        code += INSTRUCTION.pack(instruction, leap[met], leap[otherwise], operand)
    return code + INSTRUCTION.pack(RETURN, 0, 0, HEAD_BYTES) + INSTRUCTION.pack(RETURN, 0, 0, 0)


def attach(channel: socket.socket, storage: IPv4Address, port: int) -> None:
    """``channel`` hears nothing else from here on."""
    code = program(storage, port)
    buffer = ctypes.create_string_buffer(code)
    count = len(code) // INSTRUCTION.size
    described = struct.pack("@HP", count, ctypes.addressof(buffer))  # struct sock_fprog
    channel.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, described)
