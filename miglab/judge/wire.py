"""What the network was told: who announced the guest, and when, after it was resumed."""

from typing import Literal

from miglab.judge.evidence import Evidence
from miglab.values import Value


class Announced(Value):
    """One announcement of the guest's MAC that entered the network through ``host``.

    ``after_resume_ms`` counts from the last RESUME before it; None when there was none.
    """

    host: str
    kind: Literal["rarp", "garp", "arp"]
    time_ns: int
    after_resume_ms: float | None


def announced(evidence: Evidence) -> tuple[Announced, ...]:
    """Since the run began; nothing where the wire was not recorded."""
    wire = evidence.history.wire
    resumed = [stop.until_ns for stop in evidence.stops if stop.until_ns is not None]

    def after_ms(time_ns: int) -> float | None:
        last = max((at for at in resumed if at <= time_ns), default=None)
        return None if last is None else (time_ns - last) / 1e6

    return tuple(
        Announced(
            host=seen.node,
            kind=seen.kind,
            time_ns=seen.time_ns,
            after_resume_ms=after_ms(seen.time_ns),
        )
        for seen in (wire.announcements if wire else ())
        if seen.time_ns >= evidence.started_ns
    )
