"""Clock: the guest's wall time made no step, and fell behind by no more than it was stopped for."""

from miglab.errors import EvidenceError
from miglab.judge.evidence import Evidence
from miglab.judge.oracles.finding import BLACK_BOX, Finding, broken, intact, unknown

STEP_MS_MAX = 10.0
"""A wall clock may be slewed by NTP; nothing sets it by this much without a step."""
LOST_MS_MAX = 100.0
"""By how much the clock may fall behind beyond the stops themselves."""


def clock(evidence: Evidence) -> Finding:
    """By the beacon, which carries both of the guest's clocks."""
    if evidence.history.guest_before is None:
        return unknown(BLACK_BOX)
    try:
        lag = evidence.lag
    except EvidenceError as error:
        return unknown(str(error))
    step_ms = lag.wall_step_ms()
    if step_ms > STEP_MS_MAX:
        return broken(f"the guest's wall clock stepped by {step_ms:.1f} ms, at most {STEP_MS_MAX}")
    lost_ms = lag.lost_ms
    stopped_ms = sum(stop.value_ms for stop in evidence.stops if stop.until_ns is not None)
    allowed_ms = LOST_MS_MAX + lag.uncertainty_ms + evidence.drain_ms_max
    if lost_ms - stopped_ms > allowed_ms:
        return broken(
            f"the guest's clock fell behind by {lost_ms:.1f} ms, stopped for {stopped_ms:.1f} ms"
        )
    return intact(
        f"no step of its wall clock beyond {step_ms:.1f} ms; it fell behind by {lost_ms:.1f} ms"
    )
