"""One migration by libvirt, from the call to its end."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import libvirt

from miglab.deadline import Deadline
from miglab.errors import HypervisorError
from miglab.migration.hypervisor import Hypervisor
from miglab.migration.listener import Listener, job_of
from miglab.observe.events import Job, Outcome
from miglab.policy import MIB, Policy

POLL_SECONDS = 0.2
GRACE_SECONDS = 30.0  # for libvirt to end after it was told to


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
    values: dict[str, Any] = {libvirt.VIR_MIGRATE_PARAM_BANDWIDTH: policy.bandwidth // MIB}
    if policy.streams:
        values[libvirt.VIR_MIGRATE_PARAM_PARALLEL_CONNECTIONS] = policy.streams
    if policy.compression != "none":
        values[libvirt.VIR_MIGRATE_PARAM_COMPRESSION] = policy.compression
    return values


class Move:
    """Moves ``guest`` from ``source`` to ``target``; :meth:`run` blocks until it is over."""

    def __init__(
        self, source: Hypervisor, target: Hypervisor, guest: str, policy: Policy, listener: Listener
    ) -> None:
        self.source, self.target, self.guest, self.policy = source, target, guest, policy
        self._listener = listener
        self._error: str | None = "libvirt did not say how it ended"
        self._ended_ns: int | None = None
        self._limited = policy.downtime_ms_max is None
        self._switched = policy.mode != "postcopy"
        domain = source.domain(guest)
        if domain is None:
            raise HypervisorError(f"{source.name}: {guest} is not there any more")
        self._domain = domain

    def run(self, seconds: float) -> Outcome:
        """Migrates; after ``seconds`` (or Ctrl-C) the job is cancelled and the guest stays.

        A move that cannot be cancelled, as in post-copy, is waited for a while and then left
        alone; the outcome says so.
        """
        worker = threading.Thread(target=self._call, name="migrate", daemon=True)
        started_ns = time.time_ns()
        worker.start()
        try:
            self._attend(worker, Deadline(seconds))
            late = worker.is_alive()
            if late:
                self._give_up(worker)
        except BaseException:
            self._give_up(worker)
            raise
        error = self._error
        if late and error is not None:
            how = "it could not be cancelled and goes on" if worker.is_alive() else "cancelled"
            error = f"not done within {seconds:g} s, {how}: {error}"
        return Outcome(
            started_ns=started_ns,
            ended_ns=self._ended_ns or time.time_ns(),
            error=error,
            unmet=() if error is not None else tuple(self._unmet()),
            job=Job() if error is not None else self._job(),
        )

    def cancel(self) -> None:
        """Asks libvirt to give up; a job that is over, or in post-copy, cannot be."""
        with suppress(libvirt.libvirtError):
            self._domain.abortJob()

    def _call(self) -> None:
        try:
            if self.policy.peer_to_peer:
                peer = f"qemu+ssh://root@{self.target.name}/system?no_tty=1"
                self._domain.migrateToURI3(peer, parameters(self.policy), flags(self.policy))
            else:
                connection = self.target.connection
                self._domain.migrate3(connection, parameters(self.policy), flags(self.policy))
            self._error = None
        except libvirt.libvirtError as error:
            self._error = str(error)
        finally:
            self._ended_ns = time.time_ns()

    def _attend(self, worker: threading.Thread, deadline: Deadline) -> None:
        """While it runs and may: the downtime limit, the switch to post-copy."""
        while worker.is_alive() and not deadline.passed:
            self._listener.wait(min(POLL_SECONDS, deadline.remaining))
            if self._listener.iteration >= 1 and not self._limited:
                limit = self.policy.downtime_ms_max
                self._limited = self._try(self._domain.migrateSetMaxDowntime, limit)
            if self._listener.iteration >= 2 and not self._switched:
                self._switched = self._try(self._domain.migrateStartPostCopy)

    def _give_up(self, worker: threading.Thread) -> None:
        """Cancels until libvirt has ended: what has not begun yet cannot be cancelled at once."""
        grace = Deadline(GRACE_SECONDS)
        while worker.is_alive() and not grace.passed:
            self.cancel()
            worker.join(POLL_SECONDS)

    def _try(self, call: Callable[..., Any], *arguments: Any) -> bool:
        """Whether libvirt took it; it refuses once the job has ended in the meantime."""
        try:
            call(*arguments)
        except libvirt.libvirtError:
            return False
        return True

    def _unmet(self) -> Iterator[str]:
        """What the policy asked for and libvirt never took, because it was done before."""
        if not self._limited:
            yield f"no downtime limit of {self.policy.downtime_ms_max} ms was set in time"
        if not self._switched:
            yield "no post-copy: pre-copy was done before the switch"

    def _job(self) -> Job:
        """The completed job as the source announced it, or as the target remembers it."""
        if self._listener.job is not None:
            return self._listener.job
        try:
            domain = self.target.connection.lookupByName(self.guest)
            return job_of(domain.jobStats(libvirt.VIR_DOMAIN_JOB_STATS_COMPLETED))
        except libvirt.libvirtError:
            return Job()  # gone again, or the host is: no figures, and no reason to fail
