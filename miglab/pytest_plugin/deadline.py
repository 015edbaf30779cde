"""No test of a lab hangs: one that takes too long fails, and says where it stood.

SIGALRM breaks into the main thread wherever Python gets to run. Where it does not (a library
waits in C) or the clearing up hangs too, the process says where all threads stand, and ends.
"""

import faulthandler
import os
import signal
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from traceback import walk_stack
from types import FrameType
from typing import Any

import pytest

from miglab.pytest_plugin.options import DEADLINE, SETUP_DEADLINE
from miglab.pytest_plugin.session import patience, session, uses_lab

GRACE_SECONDS = 180.0
"""For clearing up after a deadline: a migration is cancelled, a node may be waited for."""
DEPTH = 3
STDERR = pytest.StashKey[int]()
LEFT = pytest.StashKey[float]()


def pytest_configure(config: pytest.Config) -> None:
    """Keeps the real standard error: pytest captures the other while tests run."""
    config.stash[STDERR] = os.dup(2)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Gives it back."""
    if STDERR in config.stash:
        os.close(config.stash[STDERR])
        del config.stash[STDERR]


def seconds_of(item: pytest.Item) -> float | None:
    """By its marker; or the usual ones, if it uses the lab."""
    marker = item.get_closest_marker("deadline")
    if not uses_lab(item):
        return float(marker.args[0]) if marker else None
    seconds = float(marker.args[0] if marker else item.config.getini(DEADLINE))
    return seconds * patience(item.config)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None]:
    """What the test alone needs is on its account."""
    item.stash[LEFT] = seconds_of(item) or 0.0
    with _on_account(item):
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    """So is the test itself."""
    with _on_account(item):
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None]:
    """Clearing up has the same time once more; after the last test the lab itself may end."""
    seconds = seconds_of(item)
    if seconds is None:
        yield
        return
    if nextitem is None:
        seconds = max(seconds, float(item.config.getini(SETUP_DEADLINE)))
    with bounded(item.config, seconds):
        yield


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(
    fixturedef: Any, request: pytest.FixtureRequest
) -> Generator[None, object, object]:
    """What outlives the test that comes first, such as the lab, is not on that test's account."""
    item = session(request.config).item
    if fixturedef.scope == "function" or item is None or seconds_of(item) is None:
        return (yield)
    seconds = float(request.config.getini(SETUP_DEADLINE))
    with bounded(request.config, seconds):
        return (yield)


@contextmanager
def _on_account(item: pytest.Item) -> Iterator[None]:
    """Set-up and call share one deadline."""
    seconds = seconds_of(item)
    if seconds is None:
        yield
        return
    with bounded(item.config, seconds, item.stash[LEFT]) as account:
        yield
    item.stash[LEFT] = max(0.001, account[0])


@contextmanager
def bounded(
    config: pytest.Config, seconds: float, left: float | None = None
) -> Iterator[list[float]]:
    """Fails where the block takes longer than what is ``left`` of ``seconds``.

    A block around it does not pay for the time. What it gives is a list that holds, afterwards,
    the seconds that were not used.
    """
    account = [seconds if left is None else left]
    if threading.current_thread() is not threading.main_thread():
        yield account  # a signal only ever comes to the main thread
        return

    def late(_: int, frame: FrameType | None) -> None:
        item = session(config).item
        stood = where(frame, item.path if item else None, config.rootpath)
        pytest.fail(f"deadline of {seconds:g} s passed; it stood at {stood}", pytrace=False)

    others = signal.signal(signal.SIGALRM, late)
    outer = _arm(config, account[0])
    try:
        yield account
    finally:
        account[0] = _arm(config, outer)
        signal.signal(signal.SIGALRM, others)


def _arm(config: pytest.Config, seconds: float) -> float:
    """Sets both alarms, or none for 0 seconds; what was left of those before."""
    left = signal.setitimer(signal.ITIMER_REAL, seconds)[0]
    if seconds:
        faulthandler.dump_traceback_later(
            seconds + GRACE_SECONDS, exit=True, file=config.stash[STDERR]
        )
    else:
        faulthandler.cancel_dump_traceback_later()
    return left


def where(frame: FrameType | None, test: Path | None, root: Path) -> str:
    """The innermost calls and the line of the test itself, innermost first."""
    stack = list(walk_stack(frame))
    own = [each for each in stack if each[0].f_code.co_filename == str(test)][:1]
    shown = [each for each in stack[:DEPTH] if each not in own]
    return " ← ".join(
        f"{_short(Path(each.f_code.co_filename), root)}:{line} {each.f_code.co_name}"
        for each, line in shown + own
    )


def _short(path: Path, root: Path) -> Path:
    return path.relative_to(root) if path.is_relative_to(root) else Path(*path.parts[-2:])
