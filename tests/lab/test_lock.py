"""A lock that no crash can leave behind."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest

from miglab.errors import LockedError
from miglab.lab.lock import held, held_by_tests

HOLDER = """
import sys
from miglab.lab import lock
with getattr(lock, sys.argv[2])(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def another_holder(what: str, how: str = "held") -> Iterator[subprocess.Popen[str]]:
    """Another process, which holds the lock until it is ended."""
    command = [sys.executable, "-c", HOLDER, what, how]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        yield holder


@pytest.fixture
def what() -> str:
    """An object that only this test locks."""
    return f"test {uuid4()}"


def test_a_second_holder_is_told_who_the_first_is(what: str) -> None:
    """The error names the object, the holder and the way out."""
    with held(what), pytest.raises(LockedError) as refusal, held(what):
        pytest.fail("held twice")
    assert str(refusal.value) == (
        f"{what}: in use by process {os.getpid()}; wait for it, or end it"
    )


def test_a_lock_is_free_after_its_block(what: str) -> None:
    """One after the other is no conflict, whether the block ended well or not."""
    with pytest.raises(ZeroDivisionError), held(what):
        _ = 1 / 0
    with held(what), held(f"{what} of another object"):
        pass


def test_a_killed_holder_leaves_nothing(what: str) -> None:
    """The kernel frees the lock of a process that could not."""
    with another_holder(what) as holder:
        with pytest.raises(LockedError, match=f"in use by process {holder.pid};"), held(what):
            pytest.fail("held twice")
        holder.kill()
        holder.wait()
    with held(what):
        pass


def test_waiting_ends_when_the_holder_does(what: str) -> None:
    """Who is willing to wait gets the lock as soon as it is free."""
    with another_holder(what) as holder:
        holder.kill()
        with held(what, wait_seconds=30):
            pass


def test_children_do_not_inherit_a_lock(what: str) -> None:
    """A program started under a lock, and still there afterwards, does not hold it."""
    with held(what):
        child = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
    try:
        with held(what):
            pass
    finally:
        child.communicate()


def test_what_tests_hold_is_theirs_and_their_children_s(what: str) -> None:
    """One at a time, and free for all afterwards."""
    with held_by_tests(what):
        with another_holder(what), pytest.raises(LockedError), held(what):
            pytest.fail("held twice")
        with held(what):
            pass
    with held(what):
        pass


def test_what_tests_hold_is_nobody_else_s(what: str) -> None:
    """Also while nothing is done to it; the process is told."""
    line = f"{what}, tests: in use by process "
    with another_holder(what, "held_by_tests") as holder:
        with pytest.raises(LockedError, match=f"{line}{holder.pid};"), held(what):
            pytest.fail("held by another")
        holder.kill()
        holder.wait()
    with held(what):
        pass
