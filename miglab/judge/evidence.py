"""What several judges need of a history, read once: stops, moves, the guest's clock."""

from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cached_property

from miglab.errors import EvidenceError
from miglab.guest.status import GuestStatus
from miglab.judge import gaps
from miglab.judge.gaps import Stall
from miglab.judge.lag import Lag
from miglab.judge.outage import Outage, outages
from miglab.judge.stops import Stop, stops
from miglab.observe.history import History
from miglab.observe.passages import Write

NOT_RECORDED = "not recorded in this run"


class Evidence:
    """One history. Each reading raises EvidenceError when too little was recorded for it."""

    def __init__(self, history: History) -> None:
        self.history = history
        self.started_ns = history.outcome.started_ns
        self.ended_ns = history.outcome.ended_ns

    @cached_property
    def stops(self) -> tuple[Stop, ...]:
        """When the vCPUs stood, as far as it concerns the run."""
        found = stops(self.history.events, self.history.clocks)
        return tuple(stop for stop in found if (stop.until_ns or self.ended_ns) >= self.started_ns)

    @property
    def moves(self) -> tuple[Stop, ...]:
        """The stops in which the guest changed hosts."""
        return tuple(stop for stop in self.stops if stop.moved)

    @property
    def source(self) -> str:
        """Where the guest was to be moved from."""
        return self.history.plan.source

    @property
    def target(self) -> str:
        """Where it was to be moved to, or where it went."""
        return self.history.plan.target or self.home

    @property
    def home(self) -> str:
        """Where the guest has to be in the end: where it was resumed last, or a move was to end."""
        plan = self.history.plan
        if plan.target is not None:
            return plan.target if self.history.outcome.error is None else plan.source
        resumed = [stop.target for stop in self.stops if stop.target is not None]
        return resumed[-1] if resumed else plan.source

    @property
    def drain_ms_max(self) -> float:
        """How long QEMU may have waited for the disk before it said that the guest stands.

        Its clock stands then already. It matters where the disk is copied along, and is told by
        the longest write that the guest saw.
        """
        policy, after = self.history.plan.scenario.policy, self.history.guest_after
        if policy is None or policy.copy_storage == "none" or after is None:
            return 0.0
        return after.journal.max_latency_us / 1000

    @cached_property
    def lag(self) -> Lag:
        """The guest's clock against ours."""
        if self.history.beacon is None:
            raise EvidenceError(NOT_RECORDED)
        return Lag(self.history.beacon, self.started_ns)

    @cached_property
    def client_outages(self) -> tuple[Outage, ...]:
        """Every darkness that a client saw."""
        if self.history.ping is None:
            raise EvidenceError(NOT_RECORDED)
        return outages(self.history.ping, self.started_ns)

    @cached_property
    def stream_stalls(self) -> tuple[Stall, ...]:
        """How long an application waited for answers, each time."""
        stream = self.history.stream
        if stream is None:
            raise EvidenceError(NOT_RECORDED)
        if not stream.complete:
            raise EvidenceError(f"the recording is cut off after {len(stream.answers)} answers")
        answered = [answered_ns for _, answered_ns in stream.answers]
        return gaps.stalls(answered, stream.interval_ms, self.started_ns)

    @cached_property
    def beacon_stalls(self) -> tuple[Stall, ...]:
        """How long nothing came from the guest, each time."""
        return gaps.stalls(sorted(self.lag.received), self.lag.interval_ms, self.started_ns)

    @cached_property
    def disk_stalls(self) -> tuple[Stall, ...]:
        """How long no write was acknowledged, each time, by our clock."""
        hz = max((status.journal.hz for status in self._statuses()), default=0)
        if not hz:
            raise EvidenceError("the guest kept no journal")
        return gaps.stalls(sorted(self._acknowledged_ns()), 1000 / hz, self.started_ns)

    def _statuses(self) -> Iterator[GuestStatus]:
        history = self.history
        for status in (history.guest_before, history.guest_settled, history.guest_after):
            if status is not None:
                yield status

    def _acknowledged_ns(self) -> Iterator[int]:
        """When each write but the last was acknowledged, by our clock."""
        reading = self.history.journal
        if reading is None:
            raise EvidenceError("no write of this run was read back")
        records = {record.sequence: record for record in reading.records if record.whole}
        for _, record in sorted(records.items()):
            if record.previous_acked_ns:
                yield self.lag.ours_ns(record.previous_acked_ns)

    def writes(self, host: str) -> tuple[Write, ...]:
        """The writes to the guest's image that ``host`` sent to the share's server."""
        wire = self.history.wire
        if wire is None:
            raise EvidenceError(NOT_RECORDED)
        if wire.dropped or not wire.complete:
            raise EvidenceError("the recording of the wire has gaps")
        address = self.history.environment.addresses.get(host)
        image = _commonest(write.handle for write in wire.writes)
        return tuple(
            write for write in wire.writes if str(write.client) == address and write.handle == image
        )


def _commonest(handles: Iterable[str]) -> str | None:
    """The file that most writes went to: the guest's journal does not pause."""
    found = Counter(handles).most_common(1)
    return found[0][0] if found else None
