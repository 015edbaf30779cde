"""Starting the guest: one that hangs while it boots is started again, one that runs never is."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import pytest

from miglab import guest_life
from miglab.errors import GuestError
from miglab.guest.status import GuestStatus
from miglab.lab.embedded import EmbeddedLab
from tests.histories import status


class Hosts:
    """Hypervisors that count what is asked of them."""

    guest = "vm1"
    name = "source"

    def __init__(self, running: bool = False) -> None:
        self.running, self.starts, self.stops = running, 0, 0

    def runs(self) -> bool:
        """Whether it was there before."""
        return self.running

    def home(self) -> "Hosts":
        """The one host there is."""
        return self

    def start_guest(self, _shell: object) -> str:
        """Counts."""
        self.starts += 1
        return self.name

    def stop_guest(self) -> None:
        """Counts."""
        self.stops += 1


class Guest:
    """Silent for so many boots, then well."""

    def __init__(self, silent: int) -> None:
        self.silent = silent

    def status(self, _seconds: float) -> GuestStatus:
        """Silence, or an answer."""
        self.silent -= 1
        if self.silent >= 0:
            raise GuestError("no answer")
        return status()


class Lab:
    """As much of a lab as is needed to start a guest in it."""

    class place:  # noqa: N801 - stands for an attribute
        """Where it is."""

        lock = "lab unit"

    def require_up(self) -> None:
        """It is."""


def start(monkeypatch: pytest.MonkeyPatch, hosts: Hosts, guest: Guest) -> tuple[str, GuestStatus]:
    """`start_guest` against those."""

    @contextmanager
    def given(thing: Any) -> Iterator[Any]:
        yield thing

    monkeypatch.setattr(guest_life, "fleet", lambda _: given(hosts))
    monkeypatch.setattr(guest_life, "control", lambda _: given(guest))
    return guest_life.start_guest(cast(EmbeddedLab, Lab()), lambda _: None)


def test_a_guest_that_answers_is_started_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """And is not stopped."""
    hosts = Hosts()
    assert start(monkeypatch, hosts, Guest(silent=0)) == ("source", status())
    assert (hosts.starts, hosts.stops) == (1, 0)


def test_a_guest_that_hangs_at_boot_is_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the one that hangs has been ended."""
    hosts = Hosts()
    start(monkeypatch, hosts, Guest(silent=2))
    assert (hosts.starts, hosts.stops) == (3, 2)


def test_a_guest_that_never_boots_is_not_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says where its console is."""
    hosts = Hosts()
    with pytest.raises(GuestError, match=r"did not boot on source; .*vm1\.console"):
        start(monkeypatch, hosts, Guest(silent=99))
    assert hosts.starts == hosts.stops == guest_life.BOOT_ATTEMPTS


def test_a_guest_that_runs_is_never_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even if it is silent: what it holds in memory is somebody's."""
    hosts = Hosts(running=True)
    with pytest.raises(GuestError, match="no answer"):
        start(monkeypatch, hosts, Guest(silent=99))
    assert (hosts.starts, hosts.stops) == (0, 0)
