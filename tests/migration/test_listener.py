"""Events of all hosts in one list, without a host."""

from collections.abc import Callable
from typing import Any

import libvirt
import pytest

from miglab.errors import HypervisorError
from miglab.migration import listener as listener_module
from miglab.migration.hypervisor import Hypervisor
from miglab.migration.listener import Listener
from miglab.observe.events import Job
from tests.fakes import refusal


class Connection:
    """A libvirt connection that only knows subscriptions."""

    def __init__(self) -> None:
        self.callbacks: dict[int, Callable[..., None]] = {}
        self.qemu: Callable[..., None] | None = None
        self.broken = False

    def domainEventRegisterAny(  # noqa: N802 - libvirt's name
        self, _domain: object, kind: int, callback: Callable[..., None], _host: str
    ) -> int:
        """Keeps the callback."""
        self.callbacks[kind] = callback
        return kind

    def domainEventDeregisterAny(self, handle: int) -> None:  # noqa: N802 - libvirt's name
        """Forgets the callback, unless the host is gone."""
        if self.broken:
            raise refusal("client socket is closed")
        del self.callbacks[handle]


class QemuModule:
    """The bindings that subscribe to QEMU's own events."""

    def qemuMonitorEventRegister(  # noqa: N802 - libvirt's name
        self, connection: Connection, _d: object, _e: object, callback: Any, _host: str
    ) -> int:
        """Keeps the callback, unless the host is gone."""
        if connection.broken:
            raise refusal("client socket is closed")
        connection.qemu = callback
        return 1

    def qemuMonitorEventDeregister(self, connection: Connection, _: int) -> None:  # noqa: N802
        """Forgets the callback."""
        connection.qemu = None


class Domain:
    """Whatever an event speaks of."""

    def __init__(self, name: str) -> None:
        self._name = name

    def name(self) -> str:
        """Its name."""
        return self._name


GUEST, OTHER = Domain("vm1"), Domain("vm2")


@pytest.fixture
def hosts(monkeypatch: pytest.MonkeyPatch) -> list[Hypervisor]:
    """Two hosts that are there."""
    monkeypatch.setattr(listener_module, "libvirt_qemu", QemuModule())
    made = []
    for name in ("source", "target"):
        host = Hypervisor.__new__(Hypervisor)
        host.name, host.connection = name, Connection()
        made.append(host)
    return made


def test_events_of_all_hosts_come_in_order_of_time(hosts: list[Hypervisor]) -> None:
    """QEMU's stamps are QEMU's, to the microsecond, whenever they arrive."""
    with Listener(hosts, "vm1") as watch:
        hosts[1].connection.qemu(None, GUEST, "RESUME", 7, 54, None, "target")
        hosts[0].connection.qemu(None, GUEST, "STOP", 7, 1, '{"a":1}', "source")
        found = [(event.host, event.name, event.time_ns, event.detail) for event in watch.events()]
    assert found == [
        ("source", "STOP", 7_000_001_000, '{"a":1}'),
        ("target", "RESUME", 7_000_054_000, ""),
    ]


def test_what_another_guest_does_is_no_event(hosts: list[Hypervisor]) -> None:
    """Nor its rounds, nor its figures, nor what QEMU says of other matters."""
    with Listener(hosts, "vm1") as watch:
        callbacks = hosts[0].connection.callbacks
        callbacks[libvirt.VIR_DOMAIN_EVENT_ID_MIGRATION_ITERATION](None, OTHER, 5, "source")
        callbacks[libvirt.VIR_DOMAIN_EVENT_ID_JOB_COMPLETED](None, OTHER, {"downtime": 1}, "source")
        hosts[0].connection.qemu(None, OTHER, "STOP", 7, 1, None, "source")
        hosts[0].connection.qemu(None, GUEST, "RTC_CHANGE", 7, 1, None, "source")
        assert (watch.events(), watch.iteration, watch.job) == ((), 0, None)


def test_rounds_and_figures_are_kept(hosts: list[Hypervisor]) -> None:
    """The highest round so far, and the completed job."""
    with Listener(hosts, "vm1") as watch:
        callbacks = hosts[0].connection.callbacks
        for number in (1, 2, 1):
            callbacks[libvirt.VIR_DOMAIN_EVENT_ID_MIGRATION_ITERATION](None, GUEST, number, "s")
        callbacks[libvirt.VIR_DOMAIN_EVENT_ID_JOB_COMPLETED](None, GUEST, {"downtime": 9}, "s")
        watch.wait(0)
        assert (watch.iteration, watch.job) == (2, Job(downtime_ms=9))
        assert [event.name for event in watch.events()].count("MIGRATION_ITERATION") == 3


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (libvirt.VIR_DOMAIN_EVENT_SUSPENDED, "SUSPENDED"),
        (libvirt.VIR_DOMAIN_EVENT_SHUTDOWN, "SHUTDOWN"),
        (libvirt.VIR_DOMAIN_EVENT_CRASHED, "CRASHED"),
        (99, "99"),
    ],
)
def test_a_life_cycle_has_words(hosts: list[Hypervisor], kind: int, name: str) -> None:
    """And a number where libvirt has learned a new one."""
    with Listener(hosts, "vm1") as watch:
        lifecycle = hosts[0].connection.callbacks[libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE]
        lifecycle(None, GUEST, kind, 3, "source")
        (event,) = watch.events()
    assert (event.name, event.detail, event.vantage) == (name, "3", "libvirt")


def test_nothing_stays_subscribed(hosts: list[Hypervisor]) -> None:
    """A host that went away in between does not matter."""
    with Listener(hosts, "vm1"):
        assert all(host.connection.qemu and host.connection.callbacks for host in hosts)
        hosts[1].connection.broken = True
    assert (hosts[0].connection.qemu, hosts[0].connection.callbacks) == (None, {})


def test_a_host_that_is_gone_is_named(hosts: list[Hypervisor]) -> None:
    """And the others are left as they were."""
    hosts[1].connection.broken = True
    with pytest.raises(HypervisorError, match="target: events cannot be subscribed to"):
        Listener(hosts, "vm1").__enter__()
    assert (hosts[0].connection.qemu, hosts[0].connection.callbacks) == (None, {})
