"""The job while it runs: asked for whenever libvirt announces a new round of copying."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import libvirt

from miglab.errors import HypervisorError
from miglab.migration.attendant import Attendant
from miglab.migration.hypervisor import Hypervisor
from miglab.migration.listener import Listener
from miglab.observe.events import Progress

Show = Callable[[Progress], None]
HEARTBEAT_SECONDS = 1.0  # a first round may take minutes, and somebody may be waiting
ACTIVE = (libvirt.VIR_DOMAIN_JOB_BOUNDED, libvirt.VIR_DOMAIN_JOB_UNBOUNDED)


class ProgressReader(Attendant):
    """Reads while the block runs; what it read is in ``progress``, in order of time.

    ``also`` is called at the same moments.
    """

    def __init__(
        self,
        listener: Listener,
        hosts: Mapping[str, Hypervisor],
        show: Show,
        also: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(listener, "job-progress")
        self.progress: list[Progress] = []
        self._hosts, self._show, self._also = hosts, show, also

    def _attend(self) -> None:
        rounds, active = 0, False
        while not self._ended.is_set():
            now = self._listener.await_round(rounds, HEARTBEAT_SECONDS, self._ended.is_set)
            if now > rounds or active:
                active = self._note()
            rounds = now

    def _note(self) -> bool:
        """Whether there was a job to read."""
        host = self._hosts.get(self._listener.sender)
        try:
            domain = host.domain(self._listener.guest) if host else None
            figures = domain.jobStats() if domain else {}
        except (libvirt.libvirtError, HypervisorError):
            return False
        if figures.get("type") not in ACTIVE:
            return False
        self._also()
        self.progress.append(progress_of(figures))
        self._show(self.progress[-1])
        return True


def progress_of(figures: dict[str, Any]) -> Progress:
    """libvirt's typed parameters of a running job under our names, as of now."""
    return Progress(
        time_ns=time.time_ns(),
        elapsed_ms=figures.get("time_elapsed", 0),
        remaining=figures.get("data_remaining", 0),
        rate=figures.get("memory_bps", 0),
        iteration=figures.get("memory_iteration", 0),
        throttle=figures.get("auto_converge_throttle", 0),
        dirty_pages_per_s=figures.get("memory_dirty_rate"),
        postcopy_requests=figures.get("memory_postcopy_requests"),
    )
