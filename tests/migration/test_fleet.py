"""All hosts together: where the guest is, where it may go, what it may rely on."""

from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

from miglab.declaration import load
from miglab.errors import GuestError, HypervisorError, UsageError
from miglab.guest.domain import Cpu, guest_uuid
from miglab.migration import fleet as fleet_module
from miglab.migration.fleet import Fleet
from miglab.observe.states import DomainState
from miglab.topology import Topology
from tests.fakes import FakeHypervisor

SHIPPED = load(Path(__file__).parents[2] / "inventories" / "topology.yaml")
Open = Callable[..., Fleet]
NAMES = ("source", "target", "third")
ABSENT = "qemu there is no /dev/kvm"


def wider() -> Topology:
    """The declared machines and a third host."""
    third = SHIPPED.source.model_copy(update={"name": "third"})
    nodes = [node.model_dump() for node in (*SHIPPED.nodes, third)]
    return Topology.model_validate(SHIPPED.model_dump() | {"nodes": nodes})


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Open:
    """Opens a fleet of fake hosts on which the guest is in the states given."""

    def open_fleet(**words: str) -> Fleet:
        made = {name: FakeHypervisor(name, words.get(name, "absent")) for name in NAMES}
        monkeypatch.setattr(fleet_module, "Hypervisor", lambda name, _uri: made[name])
        return Fleet(wider(), Path("/ssh"))

    return open_fleet


def fakes(fleet: Fleet) -> dict[str, FakeHypervisor]:
    """Its hosts as what they are."""
    return cast(dict[str, FakeHypervisor], fleet.hosts)


def lose(host: FakeHypervisor) -> None:
    """Makes a host unreachable."""

    def silent(_: str) -> DomainState:
        raise HypervisorError(f"{host.name}: connection lost")

    host.state = silent  # type: ignore[method-assign]


@pytest.mark.parametrize("home", NAMES)
def test_the_guest_s_home(opened: Open, home: str) -> None:
    """The one host where it runs."""
    assert opened(**{home: "running"}).home().name == home


def test_a_definition_alone_is_no_home(opened: Open) -> None:
    """It runs where it runs."""
    assert opened(source="shut off", target="running").home().name == "target"


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ({}, "vm1: runs nowhere; start it with `miglab guest start`"),
        ({"source": "shut off"}, "vm1: runs nowhere; start it with `miglab guest start`"),
        ({"source": "paused"}, "vm1: expected running, found source (paused)"),
        (
            {"source": "running", "third": "paused"},
            "vm1: expected on one host, found on source (running), third (paused)",
        ),
    ],
)
def test_a_guest_without_one_home(opened: Open, words: dict[str, str], line: str) -> None:
    """Nowhere, twice, or not running: the lab is not fit for an experiment, and why."""
    with pytest.raises(GuestError) as refused:
        opened(**words).home()
    assert str(refused.value) == line


def test_a_guest_that_is_somebody_s_own_is_not_ours_to_start(opened: Open) -> None:
    """So nobody is told to."""
    fleet = opened()
    guest = fleet.topology.guest.model_copy(update={"system": "foreign"})
    fleet.topology = fleet.topology.model_copy(update={"guest": guest})
    with pytest.raises(GuestError, match="vm1: runs nowhere; it is not ours to start"):
        fleet.home()


def test_a_namesake_is_known_by_its_uuid(opened: Open) -> None:
    """Ours follows from name and MAC."""
    fleet = opened(source="running")
    assert fleet.namesakes() == []
    fakes(fleet)["source"].identity = guest_uuid(fleet.topology)
    fakes(fleet)["third"].identity = "11111111-2222-3333-4444-555555555555"
    assert fleet.namesakes() == ["third"]


def test_a_silent_host_could_have_the_guest(opened: Open) -> None:
    """So nothing is begun, least of all a second copy."""
    fleet = opened(source="running")
    lose(fakes(fleet)["third"])
    with pytest.raises(HypervisorError, match="third: connection lost"):
        fleet.home()
    with pytest.raises(HypervisorError, match="third: connection lost"):
        fleet.start_guest(lambda *_: ABSENT)
    assert not any(host.started or host.removed for host in fakes(fleet).values())


def test_after_the_move_a_silent_host_is_recorded(opened: Open) -> None:
    """The record is written whatever became of the hosts."""
    fleet = opened(source="running")
    lose(fakes(fleet)["target"])
    states = {state.host: state.state for state in fleet.states()}
    assert states == {"source": "running", "target": "unreachable", "third": "absent"}


def test_a_host_whose_libvirt_died_is_asked_again(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guest may still be there, and systemd has another daemon running soon."""
    fleet = opened(source="absent", target="running")
    target = fakes(fleet)["target"]
    lose(target)
    again = DomainState(host="target", state="running")
    monkeypatch.setattr(target, "state_anew", lambda _: again)
    assert fleet.states()[1] == again


@pytest.mark.parametrize("lost", [(), ("source",), ("target", "third"), NAMES])
def test_lost_connections_are_opened_again(
    opened: Open, monkeypatch: pytest.MonkeyPatch, lost: tuple[str, ...]
) -> None:
    """All of them; whether there was any is told."""
    fleet = opened(source="running")
    monkeypatch.setattr(fleet_module, "Hypervisor", FakeHypervisor)
    for name in lost:
        fakes(fleet)[name].lost = True
    assert fleet.renew() == bool(lost)
    assert not any(host.lost for host in fakes(fleet).values())
    assert not fleet.renew()


@pytest.mark.parametrize(
    ("home", "wanted", "found"),
    [
        ("source", None, "target"),
        ("target", None, "third"),
        ("third", None, "source"),
        ("source", "third", "third"),
        ("target", "source", "source"),
    ],
)
def test_the_target(opened: Open, home: str, wanted: str | None, found: str) -> None:
    """The one named, or the next in the order declared."""
    fleet = opened(**{home: "running"})
    assert fleet.target(fleet.home(), wanted).name == found


@pytest.mark.parametrize(
    ("wanted", "line"),
    [
        ("source", "--to: vm1 is on source already"),
        ("nfs", "--to: expected one of target, third, found 'nfs'"),
        ("", "--to: expected one of target, third, found ''"),
    ],
)
def test_a_wrong_target_is_refused(opened: Open, wanted: str, line: str) -> None:
    """In one line with those that would do."""
    fleet = opened(source="running")
    with pytest.raises(UsageError) as refused:
        fleet.target(fleet.home(), wanted)
    assert str(refused.value) == line


def test_the_guest_starts_on_the_first_host(opened: Open) -> None:
    """What is left of it elsewhere is removed before."""
    fleet = opened(target="shut off")
    assert fleet.start_guest(lambda *_: ABSENT) == "source"
    assert [host.removed for host in fakes(fleet).values()] == [1, 1, 1]
    (xml,) = fakes(fleet)["source"].started
    assert '<domain type="qemu">' in xml
    assert 'machine="pc-q35-10.0"' in xml


def test_a_disk_that_is_local_is_made_where_the_guest_starts(opened: Open) -> None:
    """What it lies over is made on every host, and nothing at all for a guest on the share."""
    fleet, told = opened(), list[tuple[str, str]]()

    def shell(node: str, script: str) -> str:
        told.append((node, script))
        return ABSENT

    def disks() -> list[str]:
        return [node for node, script in told if "qemu-img create" in script]

    fleet.start_guest(shell)
    assert disks() == []
    assert not any("truncate" in script for _, script in told)
    fleet.stop_guest()
    guest = fleet.topology.guest.model_copy(update={"storage": "local"})
    fleet.topology = fleet.topology.model_copy(update={"guest": guest})
    fleet.start_guest(shell)
    assert disks() == ["source"]
    assert [node for node, script in told if "truncate" in script] == list(NAMES)
    assert 'type="qcow2"' in fakes(fleet)["source"].started[-1]


def test_a_guest_that_runs_is_not_started_again(opened: Open) -> None:
    """Wherever it is."""
    fleet = opened(third="running")
    assert fleet.start_guest(lambda *_: ABSENT) == "third"
    assert not any(host.started or host.removed for host in fakes(fleet).values())


def test_the_guest_is_ended_everywhere(opened: Open) -> None:
    """No host keeps anything."""
    fleet = opened(source="running", target="shut off")
    fleet.stop_guest()
    assert [host.word for host in fakes(fleet).values()] == ["absent"] * 3


def test_the_platform_is_what_all_have(opened: Open) -> None:
    """One host without the pool, and the disk is a network disk for all."""
    fleet = opened()
    found = fleet.accelerations(lambda node, _: "kvm it works" if node == "target" else ABSENT)
    assert [found[name].kind for name in NAMES] == ["qemu", "kvm", "qemu"]
    assert fleet.platform(found["source"]).pooled
    fakes(fleet)["third"].pooled = False
    platform = fleet.platform(found["source"])
    assert (platform.pooled, platform.acceleration, platform.cpu) == (False, "qemu", Cpu())


def test_hosts_without_a_common_machine_are_named(opened: Open) -> None:
    """Releases that lie too far apart."""
    fleet = opened()
    third = fakes(fleet)["third"]
    third.capabilities = lambda: "<capabilities/>"  # type: ignore[method-assign]
    with pytest.raises(HypervisorError, match="no machine type"):
        fleet.start_guest(lambda *_: ABSENT)


def test_every_connection_is_closed(opened: Open) -> None:
    """At the end of the block."""
    with opened() as fleet:
        assert not any(host.closed for host in fakes(fleet).values())
    assert all(host.closed for host in fakes(fleet).values())


@pytest.mark.parametrize(
    ("states", "flags"),
    [
        ({"target": "running"}, {"source": False, "target": True, "third": False}),
        ({}, {"source": False, "target": False, "third": False}),
        ({"source": "paused", "target": "running"}, dict.fromkeys(NAMES, False)),
    ],
)
def test_a_guest_starts_with_the_host_that_it_is_on(
    opened: Open, states: dict[str, str], flags: dict[str, bool]
) -> None:
    """And with no other: none at all while it is not known which of two it is."""
    fleet = opened(**states)
    guest = fleet.topology.guest.model_copy(update={"autostart": True})
    fleet.topology = fleet.topology.model_copy(update={"guest": guest})
    fleet.settle_autostart()
    assert {name: host.autostart for name, host in fakes(fleet).items()} == flags


def test_nobody_is_asked_about_a_guest_that_does_not_start_by_itself(opened: Open) -> None:
    """As it is declared."""
    fleet = opened(source="running")
    fleet.settle_autostart()
    assert {host.autostart for host in fakes(fleet).values()} == {None}
