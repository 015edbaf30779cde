"""One migration by libvirt, from the call to its end, with what it said on the way."""

import threading
import time
from collections.abc import Callable
from typing import Any

import libvirt

from miglab.deadline import Deadline
from miglab.errors import HypervisorError
from miglab.migration.hypervisor import Hypervisor
from miglab.migration.watch import Watch, job_of
from miglab.observe.events import Job, Outcome, Progress
from miglab.policy import Policy

POLL_SECONDS = 0.2
MIB = 1 << 20
Show = Callable[[Progress], None]


def flags(policy: Policy) -> int:
    """libvirt's flags: the guest lives on the target alone afterwards, definition and all."""
    wanted = {
        libvirt.VIR_MIGRATE_LIVE: True,
        libvirt.VIR_MIGRATE_PERSIST_DEST: True,
        libvirt.VIR_MIGRATE_UNDEFINE_SOURCE: True,
        libvirt.VIR_MIGRATE_POSTCOPY: policy.mode == "postcopy",
        libvirt.VIR_MIGRATE_AUTO_CONVERGE: policy.auto_converge,
        libvirt.VIR_MIGRATE_PARALLEL: policy.streams > 0,
        libvirt.VIR_MIGRATE_COMPRESSED: policy.compression != "none",
        libvirt.VIR_MIGRATE_PEER2PEER: policy.peer_to_peer,
    }
    return sum(flag for flag, on in wanted.items() if on)


def parameters(policy: Policy) -> dict[str, Any]:
    """libvirt's typed parameters; newer ones by their string names."""
    values: dict[str, Any] = {libvirt.VIR_MIGRATE_PARAM_BANDWIDTH: max(1, policy.bandwidth // MIB)}
    if policy.streams:
        values[libvirt.VIR_MIGRATE_PARAM_PARALLEL_CONNECTIONS] = policy.streams
    if policy.compression != "none":
        values[libvirt.VIR_MIGRATE_PARAM_COMPRESSION] = policy.compression
    return values


class Move:
    """Moves ``guest`` from ``source`` to ``target``; :meth:`run` blocks until it is over."""

    def __init__(
        self, source: Hypervisor, target: Hypervisor, guest: str, policy: Policy, watch: Watch
    ) -> None:
        self.source, self.target, self.guest, self.policy = source, target, guest, policy
        self.progress: list[Progress] = []
        self._watch = watch
        self._error: str | None = None
        domain = source.domain(guest)
        if domain is None:
            raise HypervisorError(f"{source.name}: {guest} is not there any more")
        self._domain = domain

    def run(self, seconds: float, show: Show) -> Outcome:
        """Migrates; after ``seconds`` (or Ctrl-C) the job is cancelled and the guest stays."""
        worker = threading.Thread(target=self._call, name="migrate", daemon=True)
        started_ns = time.time_ns()
        worker.start()
        try:
            self._attend(worker, Deadline(seconds), show)
        except KeyboardInterrupt:
            self.cancel()
            worker.join(30)
            raise
        ended_ns = time.time_ns()
        return Outcome(started_ns=started_ns, ended_ns=ended_ns, error=self._error, job=self._job())

    def cancel(self) -> None:
        """Asks libvirt to give up; a job that is over, or in post-copy, cannot be."""
        try:
            self._domain.abortJob()
        except libvirt.libvirtError:
            pass

    def _call(self) -> None:
        try:
            if self.policy.peer_to_peer:
                peer = f"qemu+ssh://root@{self.target.name}/system?no_tty=1"
                self._domain.migrateToURI3(peer, parameters(self.policy), flags(self.policy))
            else:
                connection = self.target.connection
                self._domain.migrate3(connection, parameters(self.policy), flags(self.policy))
        except libvirt.libvirtError as error:
            self._error = str(error)

    def _attend(self, worker: threading.Thread, deadline: Deadline, show: Show) -> None:
        """While it runs: progress, the downtime limit, the switch to post-copy, the deadline."""
        limited = switched = cancelled = False
        while worker.is_alive():
            self._watch.wait(POLL_SECONDS)
            if self._watch.iteration >= 1 and self.policy.downtime_ms_max and not limited:
                limited = self._try(self._domain.migrateSetMaxDowntime, self.policy.downtime_ms_max)
            if self.policy.mode == "postcopy" and self._watch.iteration >= 2 and not switched:
                switched = self._try(self._domain.migrateStartPostCopy)
            if deadline.passed and not cancelled:
                cancelled = True
                self.cancel()
            self._note_progress(show)
            worker.join(0)

    def _try(self, call: Callable[..., Any], *arguments: Any) -> bool:
        """Whether libvirt took it; it refuses once the job has ended in the meantime."""
        try:
            call(*arguments)
        except libvirt.libvirtError:
            return False
        return True

    def _note_progress(self, show: Show) -> None:
        if self.progress and time.time_ns() - self.progress[-1].time_ns < POLL_SECONDS * 1e9:
            return
        try:
            figures = self._domain.jobStats()
        except libvirt.libvirtError:
            return
        if figures.get("type") in (
            libvirt.VIR_DOMAIN_JOB_BOUNDED,
            libvirt.VIR_DOMAIN_JOB_UNBOUNDED,
        ):
            self.progress.append(_progress(figures))
            show(self.progress[-1])

    def _job(self) -> Job:
        """The completed job as the source announced it, or as the target remembers it."""
        if self._watch.job is not None:
            return self._watch.job
        domain = self.target.domain(self.guest)
        if self._error is not None or domain is None:
            return Job()
        return job_of(domain.jobStats(libvirt.VIR_DOMAIN_JOB_STATS_COMPLETED))


def _progress(figures: dict[str, Any]) -> Progress:
    return Progress(
        time_ns=time.time_ns(),
        elapsed_ms=figures.get("time_elapsed", 0),
        remaining=figures.get("data_remaining", 0),
        rate=figures.get("memory_bps", 0),
        iteration=figures.get("memory_iteration", 0),
        throttle=figures.get("auto_converge_throttle", 0),
    )
