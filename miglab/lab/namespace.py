"""Doing one thing inside a network namespace without moving the process there.

Only the calling thread enters a namespace, and a socket stays in the one it was made in. So a
thread goes in, makes what is wanted, and ends; the process itself never leaves the machine's own.
"""

import ctypes
import os
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from miglab.errors import NodeError

T = TypeVar("T")
CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def inside(namespace: Path, action: Callable[[], T]) -> T:
    """The result of ``action`` run by a thread of its own inside ``namespace``."""

    def enter() -> T:
        _enter(namespace)
        return action()

    if not namespace.exists():
        raise NodeError(f"{namespace}: expected a namespace, found none; `miglab up` makes it")
    with ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(enter).result()


def _enter(namespace: Path) -> None:
    """setns(2) for the calling thread; ``os.setns`` is there from Python 3.12 on only."""
    with namespace.open("rb") as handle:
        if _libc.setns(handle.fileno(), CLONE_NEWNET):
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), str(namespace))


def open_socket(namespace: Path, family: int, kind: int, protocol: int = 0) -> socket.socket:
    """A socket that speaks from inside ``namespace``."""
    return inside(namespace, lambda: socket.socket(family, kind, protocol))
