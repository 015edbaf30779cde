"""libvirt's and QEMU's events about one guest, from every host, in one list."""

import threading
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from typing import Any

import libvirt
import libvirt_qemu

from miglab.migration.hypervisor import Hypervisor
from miglab.observe.events import Event, Job

QEMU_EVENTS = frozenset({"STOP", "RESUME", "MIGRATION"})
LIFECYCLE = {
    libvirt.VIR_DOMAIN_EVENT_DEFINED: "DEFINED",
    libvirt.VIR_DOMAIN_EVENT_UNDEFINED: "UNDEFINED",
    libvirt.VIR_DOMAIN_EVENT_STARTED: "STARTED",
    libvirt.VIR_DOMAIN_EVENT_SUSPENDED: "SUSPENDED",
    libvirt.VIR_DOMAIN_EVENT_RESUMED: "RESUMED",
    libvirt.VIR_DOMAIN_EVENT_STOPPED: "STOPPED",
    libvirt.VIR_DOMAIN_EVENT_SHUTDOWN: "SHUTDOWN",
    libvirt.VIR_DOMAIN_EVENT_PMSUSPENDED: "PMSUSPENDED",
    libvirt.VIR_DOMAIN_EVENT_CRASHED: "CRASHED",
}


class Listener:
    """Collects events while the block runs; rounds of copying can be waited for.

    ``sender`` is the host that announced the last round, ``iteration`` the highest one so far.
    """

    def __init__(self, hosts: Iterable[Hypervisor], guest: str) -> None:
        self._hosts = list(hosts)
        self.guest = guest
        self._changed = threading.Condition()
        self._events: list[Event] = []
        self._rounds = 0
        self.iteration = 0
        self.sender = ""
        self.job: Job | None = None

    def __enter__(self) -> "Listener":
        with ExitStack() as stack:
            for host in self._hosts:
                with host.speaking("events cannot be subscribed to"):
                    self._subscribe(host, stack)
            self._subscriptions = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._subscriptions.close()

    def events(self) -> tuple[Event, ...]:
        """All so far, in order of time."""
        with self._changed:
            return tuple(sorted(self._events, key=lambda event: event.time_ns))

    def wait(self, seconds: float) -> None:
        """Returns at the next event, or after ``seconds``."""
        with self._changed:
            self._changed.wait(seconds)

    def await_round(self, known: int, seconds: float, ended: Callable[[], bool]) -> int:
        """How many rounds of copying were announced: once more than ``known``, late, or ended."""
        with self._changed:
            self._changed.wait_for(lambda: self._rounds > known or ended(), seconds)
            return self._rounds

    def wake(self) -> None:
        """Lets whoever waits look again."""
        with self._changed:
            self._changed.notify_all()

    def _subscribe(self, host: Hypervisor, stack: ExitStack) -> None:
        connection = host.connection
        qemu = libvirt_qemu.qemuMonitorEventRegister(
            connection, None, None, self._on_qemu, host.name
        )
        stack.callback(_quietly, libvirt_qemu.qemuMonitorEventDeregister, connection, qemu)
        callbacks = {
            libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE: self._on_lifecycle,
            libvirt.VIR_DOMAIN_EVENT_ID_MIGRATION_ITERATION: self._on_iteration,
            libvirt.VIR_DOMAIN_EVENT_ID_JOB_COMPLETED: self._on_completed,
        }
        for kind, callback in callbacks.items():
            handle = connection.domainEventRegisterAny(None, kind, callback, host.name)
            stack.callback(_quietly, connection.domainEventDeregisterAny, handle)

    def _add(self, domain: Any, event: Event) -> None:
        if domain.name() == self.guest:
            with self._changed:
                self._events.append(event)
                self._changed.notify_all()

    def _on_qemu(
        self, _c: Any, domain: Any, name: str, seconds: int, micros: int, detail: str, host: str
    ) -> None:
        if name in QEMU_EVENTS:
            stamp = (seconds * 1_000_000 + micros) * 1000
            event = Event(host=host, vantage="qemu", name=name, time_ns=stamp, detail=detail or "")
            self._add(domain, event)

    def _on_lifecycle(self, _c: Any, domain: Any, kind: int, detail: int, host: str) -> None:
        self._add(domain, _libvirt_event(host, LIFECYCLE.get(kind, str(kind)), str(detail)))

    def _on_iteration(self, _c: Any, domain: Any, iteration: int, host: str) -> None:
        if domain.name() == self.guest:
            self._rounds += 1
            self.iteration, self.sender = max(self.iteration, iteration), host
        self._add(domain, _libvirt_event(host, "MIGRATION_ITERATION", str(iteration)))

    def _on_completed(self, _c: Any, domain: Any, figures: dict[str, Any], host: str) -> None:
        if domain.name() == self.guest:
            self.job = job_of(figures)
        self._add(domain, _libvirt_event(host, "JOB_COMPLETED"))


def _quietly(unsubscribe: Callable[..., object], *arguments: object) -> None:
    """A host that is gone has taken its subscriptions with it."""
    with suppress(libvirt.libvirtError):
        unsubscribe(*arguments)


def _libvirt_event(host: str, name: str, detail: str = "") -> Event:
    return Event(host=host, vantage="libvirt", name=name, time_ns=time.time_ns(), detail=detail)


def job_of(figures: dict[str, Any]) -> Job:
    """libvirt's typed parameters of a completed job under our names."""
    return Job(
        total_ms=figures.get("time_elapsed"),
        downtime_ms=figures.get("downtime"),
        transferred_bytes=figures.get("data_processed", figures.get("memory_processed")),
        rounds=figures.get("memory_iteration"),
        normal_pages=figures.get("memory_normal"),
        zero_pages=figures.get("memory_constant"),
        normal_bytes=figures.get("memory_normal_bytes"),
        compression_pages=figures.get("compression_pages"),
        compression_cache_misses=figures.get("compression_cache_misses"),
        throttle_pct=figures.get("auto_converge_throttle"),
        disk_bytes=figures.get("disk_processed"),
        postcopy_requests=figures.get("memory_postcopy_requests"),
    )
