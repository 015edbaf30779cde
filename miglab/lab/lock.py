"""One lock per object, which no crash can leave behind.

An abstract UNIX socket holds it: the kernel frees the name when the process dies, nothing lies
in any file system, and the peer's credentials name the holder.
"""

import os
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager

from miglab.deadline import Deadline
from miglab.errors import LockedError

TESTS = "MIGLAB_TESTS_HOLD"
"""In the environment: what is held by the tests that this process belongs to."""


@contextmanager
def held_by_tests(what: str) -> Iterator[None]:
    """Keeps ``what`` for this process and those it starts, which still hold it one at a time."""
    with held(_by_tests(what)):
        before = os.environ.get(TESTS)
        os.environ[TESTS] = what
        try:
            yield
        finally:
            os.environ.pop(TESTS)
            if before is not None:
                os.environ[TESTS] = before


def _by_tests(what: str) -> str:
    return f"{what}, tests"


@contextmanager
def held(what: str, wait_seconds: float = 0.0) -> Iterator[None]:
    """Holds the lock on ``what`` for the block; raises LockedError with its holder's pid."""
    if os.environ.get(TESTS) != what:
        _require_no_tests(_by_tests(what))
    address = _address(what)
    deadline = Deadline(wait_seconds)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as mine:
        while True:
            try:
                mine.bind(address)
                mine.listen()
                break
            except OSError:
                if deadline.passed:
                    raise _in_use(what, _holder(address) or "(just gone)") from None
                time.sleep(0.1)
        yield


def _require_no_tests(what: str) -> None:
    if holder := _holder(_address(what)):
        raise _in_use(what, holder)


def _in_use(what: str, holder: str) -> LockedError:
    return LockedError(f"{what}: in use by process {holder}; wait for it, or end it")


def _address(what: str) -> str:
    return f"\0miglab/{what}"


def _holder(address: str) -> str | None:
    """The process that holds it, if any does."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)  # so many may have asked that no more can
        try:
            probe.connect(address)
            credentials = probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        except (TimeoutError, BlockingIOError):
            return "(unknown)"
        except OSError:
            return None
    return str(struct.unpack("3i", credentials)[0])
