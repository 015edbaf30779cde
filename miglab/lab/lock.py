"""One lock per object, which no crash can leave behind.

An abstract UNIX socket holds it: the kernel frees the name when the process dies, nothing lies
in any file system, and the peer's credentials name the holder.
"""

import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager

from miglab.deadline import Deadline
from miglab.errors import LockedError


@contextmanager
def held(what: str, wait_seconds: float = 0.0) -> Iterator[None]:
    """Holds the lock on ``what`` for the block; raises LockedError with its holder's pid."""
    address = f"\0miglab/{what}"
    deadline = Deadline(wait_seconds)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as mine:
        while True:
            try:
                mine.bind(address)
                mine.listen()
                break
            except OSError:
                if deadline.passed:
                    raise LockedError(
                        f"{what}: in use by process {_holder(address)}; wait for it, or end it"
                    ) from None
                time.sleep(0.1)
        yield


def _holder(address: str) -> str:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(address)
            credentials = probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        except OSError:
            return "(just gone)"
    return str(struct.unpack("3i", credentials)[0])
