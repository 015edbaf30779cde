"""Starting the guest: one that hangs while it boots is started again, one that runs never is."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, cast

import pytest

from miglab import guest_life
from miglab.declaration import load
from miglab.errors import GuestError, UsageError
from miglab.guest.status import GuestStatus
from miglab.lab import guest_disk
from miglab.lab.embedded import EmbeddedLab
from miglab.observe import echo
from tests.histories import status

TOPOLOGY = load(Path(__file__).parents[1] / "inventories" / "topology.yaml")


class Hosts:
    """Hypervisors that count what is asked of them."""

    guest = "vm1"
    name = "source"

    def __init__(self, running: bool = False) -> None:
        self.running, self.starts, self.stops = running, 0, 0
        self.disks: list[int] = []
        self.others: list[str] = []
        self.settled = 0

    def namesakes(self) -> list[str]:
        """Hosts with another guest of that name."""
        return self.others

    def settle_autostart(self) -> None:
        """Whether it starts with its host."""
        self.settled += 1

    def runs(self) -> bool:
        """Whether it was there before."""
        return self.running

    def home(self) -> "Hosts":
        """The one host there is."""
        if not self.running and Lab.topology.guest.foreign:
            raise GuestError("vm1: runs nowhere; it is not ours to start")
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

    topology = TOPOLOGY
    patience = 1
    nested = False
    origin = "embedded"

    def socket(self, *_: int) -> Any:
        """Nothing is sent."""
        return nullcontext()

    def require_up(self) -> None:
        """It is."""


def start(
    monkeypatch: pytest.MonkeyPatch, hosts: Hosts, guest: Guest
) -> tuple[str, GuestStatus | None]:
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
    assert (hosts.starts, hosts.stops, hosts.settled) == (1, 0, 1)


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


def foreign(
    monkeypatch: pytest.MonkeyPatch, hosts: Hosts, answered: list[bool]
) -> tuple[str, GuestStatus | None]:
    """`start_guest` for a guest without our program, that answers so to each ping."""
    guest = TOPOLOGY.guest.model_copy(update={"system": "debian-13"})
    monkeypatch.setattr(Lab, "topology", TOPOLOGY.model_copy(update={"guest": guest}))
    monkeypatch.setattr(guest_disk, "ensure", lambda *_: hosts.disks.append(hosts.starts))
    monkeypatch.setattr(echo, "answers", lambda *_: answered.pop(0))
    monkeypatch.setitem(guest_life.BOOT_SECONDS, "debian-13", 0.0)
    return start(monkeypatch, hosts, Guest(silent=99))


def test_a_guest_without_our_program_answers_ping(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its disk is seen to before its first start, and once."""
    hosts = Hosts()
    assert foreign(monkeypatch, hosts, [False, True]) == ("source", None)
    assert (hosts.starts, hosts.stops, hosts.disks) == (2, 1, [0])


def test_the_disk_of_a_guest_that_runs_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is in use."""
    hosts = Hosts(running=True)
    assert foreign(monkeypatch, hosts, [True]) == ("source", None)
    assert (hosts.starts, hosts.disks) == (0, [])


def test_a_guest_without_our_program_cannot_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which is said at once, and not after a wait."""
    guest = TOPOLOGY.guest.model_copy(update={"system": "debian-13"})
    monkeypatch.setattr(Lab, "topology", TOPOLOGY.model_copy(update={"guest": guest}))
    with pytest.raises(GuestError, match="vm1: debian-13 has no program of ours in it to ask"):
        guest_life.ask_guest(cast(EmbeddedLab, Lab()))


def somebodys(monkeypatch: pytest.MonkeyPatch) -> None:
    """The declared guest is there already, and not ours."""
    guest = TOPOLOGY.guest.model_copy(update={"system": "foreign"})
    monkeypatch.setattr(Lab, "topology", TOPOLOGY.model_copy(update={"guest": guest}))
    monkeypatch.setattr(echo, "answers", lambda *_: True)


def test_a_guest_that_is_somebody_s_own_is_neither_started_nor_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One that runs is well as it is."""
    somebodys(monkeypatch)
    hosts = Hosts()
    with pytest.raises(GuestError, match="vm1: runs nowhere; it is not ours to start"):
        start(monkeypatch, hosts, Guest(silent=0))
    with pytest.raises(UsageError, match="vm1: is not ours to end"):
        guest_life.stop_guest(cast(EmbeddedLab, Lab()))
    assert (hosts.starts, hosts.stops) == (0, 0)
    assert start(monkeypatch, Hosts(running=True), Guest(silent=99)) == ("source", None)


def test_on_own_hosts_a_namesake_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Starting ours would take its definition away; on hosts that we made there is no other's."""
    monkeypatch.setattr(Lab, "origin", "site")
    hosts = Hosts()
    hosts.others = ["target"]
    with pytest.raises(GuestError, match=r"no other guest of that name, .* on target"):
        start(monkeypatch, hosts, Guest(silent=0))
    with pytest.raises(GuestError, match="vm1: expected no other guest"):
        guest_life.stop_guest(cast(EmbeddedLab, Lab()))
    assert (hosts.starts, hosts.stops) == (0, 0)
    monkeypatch.setattr(Lab, "origin", "embedded")
    start(monkeypatch, hosts, Guest(silent=0))
    assert hosts.starts == 1


def test_a_guest_that_runs_is_never_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even if it is silent: what it holds in memory is somebody's."""
    hosts = Hosts(running=True)
    with pytest.raises(GuestError, match="no answer"):
        start(monkeypatch, hosts, Guest(silent=99))
    assert (hosts.starts, hosts.stops) == (0, 0)
