"""Vagrant as a process of ours, which is interrupted as by hand and ended if it does not heed."""

import signal
from collections.abc import Iterator
from contextlib import suppress

import psutil

from miglab.deadline import Deadline
from miglab.lab.command import end

CLEANING_SECONDS = 60


def interrupt(what: str) -> None:
    """As by hand, so that Vagrant takes away what it had half made."""
    for process in at_work(what):
        with suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGINT)
    let_clean_up(what)


def let_clean_up(what: str) -> None:
    """Until Vagrant, which was interrupted, has removed what it had half made, or never will.

    Who started it waits for it, so it is only looked at here.
    """
    deadline = Deadline(CLEANING_SECONDS)
    with suppress(TimeoutError):
        deadline.until(lambda: not list(at_work(what)), TimeoutError)
    for process in list(at_work(what)):
        with suppress(psutil.NoSuchProcess):
            for each in [process, *process.children(recursive=True)]:
                end(each)


def at_work(what: str) -> Iterator[psutil.Process]:
    """Vagrant, where it runs for us; it may end meanwhile."""
    for process in psutil.Process().children():
        with suppress(psutil.NoSuchProcess):
            if what in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE:
                yield process
