"""What must hold between vantages, whatever happened; where it does not, one of them is wrong.

* The network is dark at least as long as the vCPUs stand (stopped processors answer nothing), and
  so is the disk; an application waits at least as long as the network is dark.
* The guest's clock stands while its vCPUs do, but for the moments QEMU needs on either side,
  and longer by what lies between clock and STOP: QEMU stops the clock, waits until the thread of
  each vCPU had its turn to stop and, where a disk is copied along, for what is under way to the
  disk, and then says so.
* libvirt's figure, but after post-copy, begins when libvirt has heard of the STOP, on a busy host
  some ms late, and ends no sooner than the RESUME. How late it hears is seen by how long after
  QEMU's RESUME it says so itself.
* No host announces the guest before it was stopped elsewhere, and none but the one it runs on.
"""

from collections.abc import Iterator, Sequence
from itertools import chain

from miglab.errors import EvidenceError
from miglab.judge.evidence import Evidence
from miglab.judge.figures import Downtime, Noticed
from miglab.judge.measured import NS_PER_MS, Measured
from miglab.judge.stops import longest
from miglab.observe.events import Event

CLOCK_SLACK_MS = 5.0
"""Between QEMU's events and what it does then, on an idle host: a few ms when emulated."""

TURN_MS = 50.0
"""An emulated vCPU stops once its thread gets a core: beside others at work, slices later; 34 ms
were seen on two cores that six threads wanted."""

LIBVIRT_SLACK_MS = 50.0
"""libvirt's own clock begins with its handling of the event; beside an emulated guest, ms later."""


def contradictions(evidence: Evidence, downtime: Downtime, noticed: Noticed) -> Iterator[str]:
    """One line for each pair of vantages that cannot both be right."""
    stopped, pace = longest(evidence.stops), evidence.history.environment.pace
    yield from _at_least("client", downtime.client, "vcpu", stopped)
    yield from _at_least("disk", downtime.disk, "vcpu", stopped)
    yield from _at_least("stream", noticed.stream, "client", downtime.client)
    if not downtime.libvirt.note and len(evidence.moves) == 1:  # it speaks of the last job only
        late_ms = max(LIBVIRT_SLACK_MS * pace, _lateness_ms(evidence.history.events))
        yield from _at_least("libvirt", downtime.libvirt, "vcpu", stopped, late_ms)
    yield from _as_long(
        "guest", downtime.guest, "vcpu", stopped, TURN_MS * pace + evidence.drain_ms_max
    )
    try:
        yield from chain(_announced_by_others(evidence), _written_too_soon(evidence))
    except EvidenceError:
        return  # nothing was recorded on the wire that could contradict


def _lateness_ms(events: Sequence[Event]) -> float:
    """By how much libvirt was late to say of a guest what QEMU had said, at most."""
    resumed = {e.host: e.time_ns for e in events if (e.vantage, e.name) == ("qemu", "RESUME")}
    heard = [e for e in events if (e.vantage, e.name) == ("libvirt", "RESUMED")]
    late_ns = (e.time_ns - resumed[e.host] for e in heard if e.host in resumed)
    return max((ns / NS_PER_MS for ns in late_ns), default=0.0)


def _figure(name: str, measured: Measured) -> str:
    return f"{name} ({measured.value:.1f} ± {measured.uncertainty:.1f} ms)"


def _at_least(
    longer: str, more: Measured, shorter: str, less: Measured, slack_ms: float = 0
) -> Iterator[str]:
    if more.value is None or less.value is None:
        return
    if more.value + (more.uncertainty or 0) + slack_ms < less.value - (less.uncertainty or 0):
        yield (
            f"{_figure(longer, more)} and {_figure(shorter, less)} contradict each other:"
            f" the first cannot be shorter"
        )


def _as_long(
    one: str, first: Measured, other: str, second: Measured, longer_ms: float
) -> Iterator[str]:
    """As long as the other, or by ``longer_ms`` longer at most."""
    if first.value is None or second.value is None:
        return
    unsure = (first.uncertainty or 0) + (second.uncertainty or 0) + CLOCK_SLACK_MS
    if not -unsure <= first.value - second.value <= unsure + longer_ms:
        yield (
            f"{_figure(one, first)} and {_figure(other, second)} contradict each other:"
            f" they must be equal"
        )


def _announced_by_others(evidence: Evidence) -> Iterator[str]:
    """By RARP, which QEMU alone sends, and only where it takes the guest in."""
    wire = evidence.history.wire
    hosts = {evidence.history.plan.source, *(move.target for move in evidence.moves)}
    for seen in wire.announcements if wire else ():
        if seen.kind == "rarp" and seen.node not in hosts and seen.time_ns >= evidence.started_ns:
            yield f"wire and vcpu contradict each other: {seen.node} announced the guest by RARP"


def _written_too_soon(evidence: Evidence) -> Iterator[str]:
    """A target that writes to the image while the source still runs."""
    for move in evidence.moves:
        since_ns = _last_arrival_ns(evidence, move.target, move.from_ns)
        until_ns = move.from_ns - int(move.uncertainty_ms * 1e6)
        written = evidence.writes(move.target or "")
        early = [write for write in written if since_ns <= write.time_ns < until_ns]
        if early:
            yield (
                f"wire and vcpu contradict each other: {len(early)} writes from {move.target}"
                f" before the guest was stopped on {move.source}"
            )


def _last_arrival_ns(evidence: Evidence, host: str | None, before_ns: int) -> int:
    """When the guest last left ``host`` before then; what it wrote earlier was its right."""
    left = [move.until_ns or 0 for move in evidence.moves if move.source == host]
    return max((at for at in left if at < before_ns), default=evidence.started_ns)
