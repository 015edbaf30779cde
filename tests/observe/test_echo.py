"""One ping, asked of a stand-in for the network."""

import socket
from ipaddress import IPv4Address
from typing import cast

import pytest

from miglab.observe import echo
from miglab.observe.ping import ECHO_REPLY, PACKET, Identity, checksum

ADDRESS = IPv4Address("192.168.80.51")
IP_HEADER = b"\x45" + bytes(19)


def reply_to(request: bytes) -> bytes:
    """What comes back over a raw socket: an IPv4 header before it."""
    words = [ECHO_REPLY, 0, 0, *PACKET.unpack(request)[3:]]
    words[2] = checksum(PACKET.pack(*words))
    return IP_HEADER + PACKET.pack(*words)


class Channel:
    """Answers with what is given; ``None`` stands for a reply to the request."""

    def __init__(self, *incoming: bytes | OSError | None) -> None:
        self.incoming, self.request = list(incoming), b""

    def settimeout(self, seconds: float) -> None:
        """Never without end, and never without waiting."""
        assert seconds > 0

    def sendto(self, request: bytes, to: tuple[str, int]) -> None:
        """To the guest and nobody else."""
        assert to == (str(ADDRESS), 0)
        self.request = request

    def recv(self, _size: int) -> bytes:
        """The next one, or silence."""
        following = self.incoming.pop(0) if self.incoming else TimeoutError()
        if isinstance(following, OSError):
            raise following
        return reply_to(self.request) if following is None else following


OTHERS = reply_to(Identity.random().request(0))


@pytest.mark.parametrize(
    ("incoming", "there"),
    [
        ([None], True),
        ([OTHERS, b"", None], True),
        ([OTHERS], False),
        ([], False),
        ([OSError("no route to host")], False),
    ],
)
def test_only_a_reply_to_the_request_counts(
    incoming: list[bytes | OSError | None], there: bool
) -> None:
    """Among what others are told, and errors for earlier requests."""
    channel = cast(socket.socket, Channel(*incoming))
    assert echo.answers(channel, ADDRESS) is there
