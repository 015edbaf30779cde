"""What runs share: connections that are opened once, and renewed when they were lost."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from miglab.errors import LabError
from miglab.experiment import session as session_module
from miglab.experiment.session import Session
from miglab.guest.acceleration import Acceleration
from miglab.lab.place import Place

NODES = [SimpleNamespace(name=name, os="debian-13", address=name) for name in ("source", "target")]


class Host:
    """A host with versions, which its updates change."""

    def __init__(self) -> None:
        self.libvirt = "11.3.0"

    def versions(self) -> dict[str, str]:
        """Of one thing."""
        return {"libvirt": self.libvirt}


class Fleet:
    """Hosts that are asked, and may be lost."""

    def __init__(self) -> None:
        self.hosts = {"source": Host(), "target": Host()}
        self.asked, self.closed, self.lost, self.kind = 0, 0, False, "qemu"

    def renew(self) -> bool:
        """Whether any was lost."""
        lost, self.lost = self.lost, False
        return lost

    def accelerations(self, _: object) -> dict[str, Acceleration]:
        """The same everywhere."""
        self.asked += 1
        return {name: Acceleration(kind="qemu", reason="no KVM") for name in self.hosts}

    def home(self) -> str:
        """Where the guest is."""
        return "source"

    def acceleration_of(self, _: str) -> str:
        """What it runs with now."""
        return self.kind

    def close(self) -> None:
        """Once is enough."""
        self.closed += 1


class Lab:
    """A lab that is up, until it is not."""

    def __init__(self) -> None:
        self.up, self.origin, self.place = True, "embedded", Place("unit")
        self.pace = 1
        self.topology = SimpleNamespace(hypervisors=NODES, nodes=NODES)

    def system(self, node: Any) -> Any:
        """As it was declared."""
        return node.os

    def require_up(self) -> None:
        """As the real one."""
        if not self.up:
            raise LabError("lab unit: expected up, found down")


class Stage:
    """A lab, what was opened to it, and how often."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.lab = Lab()
        self.real = cast(Any, self.lab)
        self.fleets: list[Fleet] = []
        self.lines: list[Fleet] = []
        monkeypatch.setattr(session_module, "fleet", lambda _: self._open(self.fleets))
        monkeypatch.setattr(session_module, "control", lambda _: self._open(self.lines))

    @staticmethod
    def _open(opened: list[Fleet]) -> Fleet:
        opened.append(Fleet())
        return opened[-1]

    @property
    def fleet(self) -> Fleet:
        """The one that is open."""
        (found,) = self.fleets
        return found


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    """One for each test."""
    return Stage(monkeypatch)


def test_a_run_by_itself_opens_and_closes_its_own(stage: Stage) -> None:
    """Also when it fails."""

    def interrupted() -> None:
        with Session.of(stage.real, None):
            assert (stage.fleet.closed, stage.lines[0].closed) == (0, 0)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert (stage.fleet.closed, stage.lines[0].closed) == (1, 1)


def test_runs_that_share_one_open_nothing(stage: Stage) -> None:
    """It is closed by whoever opened it."""
    with Session(stage.real) as shared:
        for _ in range(3):
            with Session.of(stage.real, shared) as session:
                assert session is shared
            assert stage.fleet.closed == 0
    assert (stage.fleet.closed, len(stage.lines)) == (1, 1)


@pytest.mark.parametrize("shares", [False, True])
def test_a_lab_that_is_down_is_refused(stage: Stage, shares: bool) -> None:
    """Before each run, also where connections are open still."""
    shared = Session(stage.real) if shares else None
    stage.lab.up = False
    with pytest.raises(LabError, match="expected up"), Session.of(stage.real, shared):
        pass
    assert len(stage.fleets) == shares


def test_the_environment_is_asked_for_once(stage: Stage) -> None:
    """What does not change is not asked for again; what a guest runs with is."""
    with Session(stage.real) as session:
        first = session.environment
        stage.fleet.kind = "kvm"
        second = session.environment
    assert (first.acceleration, second.acceleration) == ("qemu", "kvm")
    assert second == first.model_copy(update={"acceleration": "kvm"})
    assert first.hosts["source"] == {"os": "debian-13", "libvirt": "11.3.0"}
    assert first.addresses == {"source": "source", "target": "target"}
    assert first.acceleration_reason == "source, target: no KVM"
    assert stage.fleet.asked == 1


@pytest.mark.parametrize("lost", [False, True])
def test_a_host_that_was_lost_is_asked_anew(stage: Stage, lost: bool) -> None:
    """It may come back as another."""
    with Session(stage.real) as shared:
        assert shared.environment.hosts["target"]["libvirt"] == "11.3.0"
        stage.fleet.hosts["target"].libvirt = "11.4.0"
        stage.fleet.lost = lost
        with Session.of(stage.real, shared) as session:
            found = session.environment.hosts["target"]["libvirt"]
    assert found == ("11.4.0" if lost else "11.3.0")
