"""With several workers, a test that claims milliseconds waits until it is alone, and is left so."""

import fcntl
import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from miglab.pytest_plugin.session import report_folder, worker

DOOR, ROOM = 0, 1
"""Bytes of the file that are locked."""


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Waiting is nobody's time: no deadline runs yet."""
    if worker(item.config) is None:
        return (yield)
    # A suite's own file: the suites that a suite's tests run do not wait for it.
    path = report_folder(item.config) / ".turn"
    with _turn(path, alone=item.get_closest_marker("measured") is not None):
        return (yield)


@contextmanager
def _turn(path: Path, *, alone: bool) -> Iterator[None]:
    """A room for many or for one; who waits at its door lets nobody else in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(path, os.O_RDWR | os.O_CREAT, mode=0o600)
    try:
        fcntl.lockf(file, fcntl.LOCK_EX, 1, DOOR)
        fcntl.lockf(file, fcntl.LOCK_EX if alone else fcntl.LOCK_SH, 1, ROOM)
        fcntl.lockf(file, fcntl.LOCK_UN, 1, DOOR)
        yield
    finally:
        os.close(file)
