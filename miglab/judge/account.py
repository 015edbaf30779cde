"""What was moved, by libvirt's account and by the wire's, and how fast memory was dirtied."""

from collections.abc import Iterable
from typing import Literal

from pydantic import ConfigDict, Field

from miglab.errors import EvidenceError
from miglab.judge import manner
from miglab.judge.evidence import Evidence
from miglab.values import Value
from miglab.workload import Load


class MigrationFigures(Value):
    """By libvirt's account; ``connections`` and ``wire_bytes_per_s`` by the wire's.

    None where it gave none. ``wire_bytes_per_s`` is the source's mean rate until the guest stopped.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    source: str = Field(alias="from")
    target: str = Field(alias="to")
    mode: str
    error: str | None
    total_ms: int | None
    transferred_bytes: int | None
    rounds: int | None
    normal_bytes: int | None
    zero_pages: int | None
    disk_bytes: int | None
    compression_pages: int | None
    compression_cache_misses: int | None
    postcopy_requests: int | None
    throttle_pct_max: int | None
    connections: int | None
    wire_bytes_per_s: float | None


class DirtyRates(Value):
    """Bytes per second: as asked for, as the guest reached it, and as libvirt sampled it."""

    asked: int | Literal["max"] | None
    guest: int | None
    libvirt: int | None


def migration_figures(evidence: Evidence) -> MigrationFigures:
    """Of one run."""
    history = evidence.history
    job, policy = history.outcome.job, history.plan.scenario.policy
    connections, rate = _wire(evidence)
    progress = history.progress
    return MigrationFigures(
        source=evidence.source,
        target=evidence.target,
        mode=policy.name if policy else "watched",
        error=history.outcome.error,
        total_ms=job.total_ms,
        transferred_bytes=job.transferred_bytes,
        rounds=job.rounds,
        normal_bytes=job.normal_bytes,
        zero_pages=job.zero_pages,
        disk_bytes=job.disk_bytes,
        compression_pages=job.compression_pages,
        compression_cache_misses=job.compression_cache_misses,
        postcopy_requests=_most(
            [job.postcopy_requests, *(now.postcopy_requests for now in progress)]
        ),
        throttle_pct_max=_most([job.throttle_pct, *(now.throttle for now in progress)]),
        connections=connections,
        wire_bytes_per_s=rate,
    )


def _most(values: Iterable[int | None]) -> int | None:
    return max((value for value in values if value is not None), default=None)


def _wire(evidence: Evidence) -> tuple[int | None, float | None]:
    try:
        rate = manner.rate(evidence)
        return manner.connections(evidence, "begun"), rate.bytes_per_s if rate.seconds else None
    except EvidenceError:
        return None, None


def dirty_rates(evidence: Evidence) -> DirtyRates:
    """Right before the move."""
    history = evidence.history
    load, before = history.plan.scenario.load, history.guest_before
    measured = history.dirty_rate
    return DirtyRates(
        asked=load.rate if isinstance(load, Load) else None,
        guest=before.load.achieved_bps if before and before.load.state == "running" else None,
        libvirt=measured.bytes_per_s if measured else None,
    )
