"""One migration by libvirt, from the call to its end."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import libvirt

from miglab.deadline import Deadline
from miglab.errors import HypervisorError
from miglab.migration.hypervisor import SPLIT, Hypervisor
from miglab.migration.listener import Listener, job_of
from miglab.observe.events import POSTCOPY_PAUSED, Job, Outcome, last_status
from miglab.policy import MIB, Policy

POLL_SECONDS = 0.2
GRACE_SECONDS = 30.0  # for libvirt to end after it was told to
FIGURES_SECONDS = 1.0  # for the figures of a job that is done
HELD_MS = 1
"""QEMU's downtime limit until post-copy: by its own, pre-copy would often be done before that."""

UNSUPPORTED = (
    libvirt.VIR_ERR_NO_SUPPORT,
    libvirt.VIR_ERR_ARGUMENT_UNSUPPORTED,
    libvirt.VIR_ERR_CONFIG_UNSUPPORTED,
    libvirt.VIR_ERR_OPERATION_UNSUPPORTED,
)
UNSUPPORTED_WORDS = ("cannot limit locked memory", "Postcopy is not supported")


def flags(policy: Policy) -> int:
    """libvirt's flags."""
    wanted = {
        libvirt.VIR_MIGRATE_LIVE: policy.mode != "offline",
        libvirt.VIR_MIGRATE_OFFLINE: policy.mode == "offline",
        libvirt.VIR_MIGRATE_PERSIST_DEST: policy.persist_target,
        libvirt.VIR_MIGRATE_UNDEFINE_SOURCE: policy.undefine_source,
        libvirt.VIR_MIGRATE_POSTCOPY: policy.mode == "postcopy",
        libvirt.VIR_MIGRATE_AUTO_CONVERGE: policy.auto_converge,
        libvirt.VIR_MIGRATE_PARALLEL: policy.streams > 0,
        libvirt.VIR_MIGRATE_ZEROCOPY: policy.zero_copy,
        libvirt.VIR_MIGRATE_COMPRESSED: policy.compression != "none",
        libvirt.VIR_MIGRATE_TLS: policy.tls,
        libvirt.VIR_MIGRATE_PEER2PEER: policy.peer_to_peer,
        libvirt.VIR_MIGRATE_TUNNELLED: policy.tunnelled,
        libvirt.VIR_MIGRATE_NON_SHARED_DISK: policy.copy_storage == "full",
        libvirt.VIR_MIGRATE_NON_SHARED_INC: policy.copy_storage == "incremental",
    }
    return sum(flag for flag, on in wanted.items() if on)


def parameters(policy: Policy, target: str) -> dict[str, Any]:
    """libvirt's typed parameters for a move to the host ``target``; no others than are needed.

    ``target`` is the name that its certificate has to carry.
    """
    if policy.mode == "offline":
        return {}
    postcopy, compressed = policy.bandwidth_postcopy, policy.compression != "none"
    values = {
        libvirt.VIR_MIGRATE_PARAM_BANDWIDTH: policy.bandwidth // MIB,
        libvirt.VIR_MIGRATE_PARAM_BANDWIDTH_POSTCOPY: postcopy // MIB if postcopy else None,
        libvirt.VIR_MIGRATE_PARAM_PARALLEL_CONNECTIONS: policy.streams or None,
        libvirt.VIR_MIGRATE_PARAM_COMPRESSION: policy.compression if compressed else None,
        libvirt.VIR_MIGRATE_PARAM_COMPRESSION_XBZRLE_CACHE: policy.xbzrle_cache,
        libvirt.VIR_MIGRATE_PARAM_AUTO_CONVERGE_INITIAL: policy.auto_converge_initial_pct,
        libvirt.VIR_MIGRATE_PARAM_AUTO_CONVERGE_INCREMENT: policy.auto_converge_increment_pct,
        libvirt.VIR_MIGRATE_PARAM_TLS_DESTINATION: target if policy.tls else None,
    }
    return {name: value for name, value in values.items() if value is not None}


class Move:
    """Moves ``guest`` from ``source`` to ``target``; :meth:`run` blocks until it is over."""

    def __init__(
        self, source: Hypervisor, target: Hypervisor, guest: str, policy: Policy, listener: Listener
    ) -> None:
        self.source, self.target, self.guest, self.policy = source, target, guest, policy
        self._listener = listener
        self._error: str | None = "libvirt did not say how it ended"
        self._ended_ns: int | None = None
        self._unsupported, self._recovered = False, 0
        self._switched = policy.mode != "postcopy"
        self._limit_ms = policy.downtime_ms_max or (None if self._switched else HELD_MS)
        self._limited = self._limit_ms is None
        domain = source.domain(guest)
        if domain is None:
            raise HypervisorError(f"{source.name}: {guest} is not there any more")
        if policy.mode == "offline" and source.state(guest).alive:  # libvirt would call it done
            raise HypervisorError(f"{source.name}: {guest}: expected a guest that does not run")
        self._domain = domain

    def run(self, seconds: float, recover_seconds: float = 0) -> Outcome:
        """Migrates; after ``seconds`` (or Ctrl-C) the job is cancelled and the guest stays.

        A move that cannot be cancelled, as in post-copy, is waited for a while and then left
        alone; the outcome says so. A post-copy whose connection breaks leaves the guest paused, one
        half on each host: for ``recover_seconds`` it is tried to go on from there.
        """
        self._recovery = Deadline(seconds + recover_seconds) if recover_seconds else Deadline(0)
        worker = threading.Thread(target=self._call, name="migrate", daemon=True)
        started_ns = self._started_ns = time.time_ns()
        worker.start()
        try:
            self._attend(worker, Deadline(seconds + recover_seconds))
            late, hopeless = worker.is_alive(), self._is_hopeless()
            if late:
                self._give_up(worker, POLL_SECONDS if hopeless else GRACE_SECONDS)
        except BaseException:
            self._give_up(worker, GRACE_SECONDS)
            raise
        error = self._error
        if hopeless and error is not None:
            error = f"post-copy broke off, and the source has nothing left of the guest: {error}"
        elif late and error is not None:
            how = "it could not be cancelled and goes on" if worker.is_alive() else "cancelled"
            error = f"not done within {seconds:g} s, {how}: {error}"
        return Outcome(
            started_ns=started_ns,
            ended_ns=self._ended_ns or time.time_ns(),
            error=error,
            unsupported=self._unsupported,
            recovered=self._recovered,
            unmet=() if error is not None else tuple(self._unmet()),
            job=Job() if error is not None else self._job(),
        )

    def cancel(self) -> None:
        """Asks libvirt to give up; a job that is over, or in post-copy, cannot be."""
        with suppress(libvirt.libvirtError):
            self._domain.abortJob()

    def _call(self) -> None:
        self._attempt(flags(self.policy))
        while self._error is not None and self._is_split() and not self._recovery.passed:
            self._listener.wait(POLL_SECONDS)  # a link needs time to come back
            self._recovered += 1
            self._attempt(flags(self.policy) | libvirt.VIR_MIGRATE_POSTCOPY_RESUME)
        self._ended_ns = time.time_ns()

    def _attempt(self, how: int) -> None:
        try:
            if self.policy.dirty_limit:
                self.source.set_capability(self.guest, "dirty-limit")
            self._migrate(how)
            self._error = None
        except libvirt.libvirtError as error:
            self._error, self._unsupported = str(error), _is_unsupported(error)
        except HypervisorError as error:  # what QEMU itself was asked for and has not
            self._error, self._unsupported = str(error), True

    def _migrate(self, how: int) -> None:
        told = parameters(self.policy, self.target.name)
        if self.policy.peer_to_peer:
            peer = f"qemu+ssh://root@{self.target.name}/system?no_tty=1"
            self._domain.migrateToURI3(peer, told, how)
        else:
            self._domain.migrate3(self.target.connection, told, how)

    def _is_split(self) -> bool:
        """Whether post-copy broke off and both halves wait to be asked to go on."""
        try:
            halves = [self._domain, self.target.connection.lookupByName(self.guest)]
            return all(tuple(half.state()) in SPLIT for half in halves)
        except libvirt.libvirtError:
            return False

    def _attend(self, worker: threading.Thread, deadline: Deadline) -> None:
        """While it runs and may: the downtime limit, the switch to post-copy."""
        while worker.is_alive() and not deadline.passed and not self._is_hopeless():
            self._listener.wait(min(POLL_SECONDS, deadline.remaining))
            if self._listener.iteration >= 1 and not self._limited:
                self._limited = self._try(self._domain.migrateSetMaxDowntime, self._limit_ms)
            if not self._switched and self._may_switch():
                self._switched = self._try(self._domain.migrateStartPostCopy)

    def _may_switch(self) -> bool:
        """Whether so many passes were made, or so much time has gone by, as the policy says."""
        after_ms = self.policy.postcopy_after_ms
        if after_ms is None:
            return self._listener.iteration > self.policy.postcopy_after_rounds
        begun = self._listener.iteration >= 1
        return begun and time.time_ns() - self._started_ns >= after_ms * 1_000_000

    def _is_hopeless(self) -> bool:
        """Whether the target waits for pages that died with the source; libvirt would wait on."""
        events = self._listener.events()
        stopped = any((e.host, e.name) == (self.source.name, "STOPPED") for e in events)
        return stopped and last_status(events, self.target.name) == POSTCOPY_PAUSED

    def _give_up(self, worker: threading.Thread, seconds: float) -> None:
        """Cancels until libvirt has ended: what has not begun yet cannot be cancelled at once."""
        grace = Deadline(seconds)
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
        if not self._limited and self.policy.downtime_ms_max:
            yield f"no downtime limit of {self.policy.downtime_ms_max} ms was set in time"
        if self.policy.mode == "postcopy" and not self._is_postcopy():
            yield "no post-copy: pre-copy was done before the switch"

    def _is_postcopy(self) -> bool:
        """Whether QEMU said so: libvirt may be told to switch when all has been sent already."""
        return any(event.status == "postcopy-active" for event in self._listener.events())

    def _job(self) -> Job:
        """The completed job as the source announced it, or as the target remembers it.

        Either may come a moment after libvirt's call has returned.
        """
        late = Deadline(FIGURES_SECONDS)
        while self._listener.job is None and not late.passed:
            if (remembered := self._remembered()) != Job():
                return remembered
            self._listener.wait(min(POLL_SECONDS, late.remaining))
        return self._listener.job or Job()

    def _remembered(self) -> Job:
        """Without figures if the guest is gone again, or its host is: no reason to fail."""
        try:
            domain = self.target.connection.lookupByName(self.guest)
            return job_of(domain.jobStats(libvirt.VIR_DOMAIN_JOB_STATS_COMPLETED))
        except libvirt.libvirtError:
            return Job()


def _is_unsupported(error: libvirt.libvirtError) -> bool:
    """Whether this libvirt, this QEMU or this machine cannot do it at all."""
    said = any(words in str(error) for words in UNSUPPORTED_WORDS)
    return error.get_error_code() in UNSUPPORTED or said
