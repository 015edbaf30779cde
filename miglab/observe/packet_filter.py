"""What the kernel passes on to the wire's recorder: a program in classic BPF for a packet socket.

Only the standard library is imported, since the recorder is a process that has to start at once.
"""

import ctypes
import socket
import struct
from ipaddress import IPv4Address

from miglab.observe import connections, frames

HEAD_BYTES = 512  # of a frame; what is written follows, and is nobody's business
PACKET_OUTGOING = 4  # linux/if_packet.h
SO_ATTACH_FILTER = 26  # asm-generic/socket.h
INSTRUCTION = struct.Struct("=HBBI")  # linux/filter.h: struct sock_filter

LOAD_BYTE, LOAD_HALF, LOAD_WORD = 0x30, 0x28, 0x20
LOAD_BYTE_INDEXED, LOAD_HALF_INDEXED, LOAD_WORD_INDEXED, INDEX_HEADER = 0x50, 0x48, 0x40, 0xB1
AND, SHIFT_RIGHT, ADD_INDEX, TO_INDEX = 0x54, 0x74, 0x0C, 0x07
IF_EQUAL, IF_BITS, IF_EQUALS_INDEX, RETURN = 0x15, 0x45, 0x1D, 0x06
PACKET_TYPE = 0xFFFFF004  # not a place in the frame, but how it is met

Line = tuple[int, int, bool | str | None, bool | str | None]
"""Instruction, operand, and where to go if its condition is met and if not.

None is on to the next line, True to where a frame is taken, False to where it is not, and a word
to the lines of that name.
"""
Lines = dict[str, list[Line]]
NFS, ELSEWHERE = "nfs", "elsewhere"


def _lines(storage: IPv4Address, port: int) -> Lines:
    """(R)ARP, and of TCP: who connects, who says hello in TLS, and data sent to the NFS server.

    Nothing on its way out again. What is read beyond a frame's end makes the kernel leave it.
    """
    to_payload: list[Line] = [
        (LOAD_BYTE_INDEXED, 26, None, None),  # TCP's header: its upper half, in words
        (AND, 0xF0, None, None),
        (SHIFT_RIGHT, 2, None, None),
        (ADD_INDEX, 0, None, None),
        (TO_INDEX, 0, None, None),
    ]
    return {
        "any": [
            (LOAD_WORD, PACKET_TYPE, None, None),
            (IF_EQUAL, PACKET_OUTGOING, False, None),
            (LOAD_HALF, 12, None, None),
            (IF_EQUAL, frames.RARP_TYPE, True, None),
            (IF_EQUAL, frames.ARP_TYPE, True, None),
            (IF_EQUAL, frames.IPV4_TYPE, None, False),
            (LOAD_BYTE, 23, None, None),
            (IF_EQUAL, frames.TCP, None, False),
            (LOAD_HALF, 20, None, None),
            (IF_BITS, 0x1FFF, False, None),  # a later fragment has no ports
            (INDEX_HEADER, 14, None, None),
            (LOAD_BYTE_INDEXED, 14 + connections.FLAGS_BYTE, None, None),
            (AND, connections.SYN | connections.ACK, None, None),
            (IF_EQUAL, connections.SYN, True, None),
            (LOAD_WORD, 30, None, None),
            (IF_EQUAL, int(storage), None, ELSEWHERE),
            (LOAD_HALF_INDEXED, 16, None, None),
            (IF_EQUAL, port, NFS, ELSEWHERE),
        ],
        ELSEWHERE: [
            *to_payload,
            (LOAD_WORD_INDEXED, 14, None, None),
            (AND, 0xFFFF0000, None, None),
            (IF_EQUAL, connections.HELLO_WORD, None, False),
            (LOAD_BYTE_INDEXED, 14 + connections.CLIENT_HELLO_BYTE, None, None),
            (IF_EQUAL, connections.CLIENT_HELLO, True, False),
        ],
        NFS: [
            *to_payload,
            (LOAD_HALF, 16, None, None),  # no longer than both headers: it carries nothing
            (IF_EQUALS_INDEX, 0, False, True),
        ],
    }


def program(storage: IPv4Address, port: int) -> bytes:
    """The program as the kernel wants it: a jump counts the instructions that it leaps over."""
    blocks = _lines(storage, port)
    places: dict[str, int] = {}
    lines: list[Line] = []
    for name, block in blocks.items():
        places[name] = len(lines)
        lines += block
    code = b""
    for following, (instruction, operand, met, otherwise) in enumerate(lines, start=1):
        leap: dict[bool | str | None, int] = {
            None: 0,
            True: len(lines) - following,
            False: len(lines) + 1 - following,
            **{name: place - following for name, place in places.items()},
        }
        code += INSTRUCTION.pack(instruction, leap[met], leap[otherwise], operand)
    return code + INSTRUCTION.pack(RETURN, 0, 0, HEAD_BYTES) + INSTRUCTION.pack(RETURN, 0, 0, 0)


def attach(channel: socket.socket, storage: IPv4Address, port: int) -> None:
    """``channel`` hears nothing else from here on."""
    code = program(storage, port)
    buffer = ctypes.create_string_buffer(code)
    count = len(code) // INSTRUCTION.size
    described = struct.pack("@HP", count, ctypes.addressof(buffer))  # struct sock_fprog
    channel.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, described)
