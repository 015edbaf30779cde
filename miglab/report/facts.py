"""What a run was made of, in words: what was asked for, where it ran, what is missing."""

import shlex
from collections.abc import Iterator
from datetime import UTC, datetime

from miglab.judge.verdict import Verdict
from miglab.observe.clocks import HostClock
from miglab.observe.history import History
from miglab.report.words import acceleration, given, load, mib
from miglab.values import size_text

PARTS = {
    "ping": "ping",
    "stream": "TCP stream",
    "beacon": "the guest's beacon",
    "wire": "the wire",
    "journal": "the guest's journal",
    "clocks": "the hosts' clocks",
    "guest_before": "the guest's status before",
    "guest_settled": "the guest's status at once after the move",
    "guest_rested": "the guest's status once it had its pace again",
    "guest_after": "the guest's status at the end",
}

Fact = tuple[str, str]
"""What, and how it was."""


def moment(time_ns: int) -> str:
    """CLOCK_REALTIME as a date and time of day, UTC."""
    try:
        return f"{datetime.fromtimestamp(time_ns // 10**9, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (OverflowError, ValueError, OSError):
        return f"{time_ns} ns"


def asked(history: History, verdict: Verdict) -> Iterator[Fact]:
    """The inputs."""
    policy, budget = verdict.policy, verdict.budget.client_ms_max
    yield "guest", history.plan.guest
    yield "command", shlex.join(verdict.command) if verdict.command else "none"
    yield "load", load(verdict)
    if policy is not None:
        yield "policy", f"{policy.name}, at most {size_text(policy.bandwidth)}/s"
        limit = policy.downtime_ms_max
        yield "limit of the last stop", f"{limit} ms" if limit else "QEMU's own"
    yield "budget", f"dark for at most {budget} ms" if budget else "none"


def moved(verdict: Verdict) -> Iterator[Fact]:
    """libvirt's account of the job."""
    move = verdict.migration
    yield "total", f"{given(move.total_ms)} ms"
    yield "sent", f"{mib(move.transferred_bytes)} MiB"
    yield "rounds", given(move.rounds)
    if move.error is not None:
        yield "error", move.error


def surroundings(verdict: Verdict) -> Iterator[Fact]:
    """Where it ran."""
    environment = verdict.environment
    yield "miglab", environment.miglab
    yield "lab", f"{environment.lab} ({environment.origin})"
    yield "processors", f"{acceleration(environment)}: {environment.acceleration_reason}"


def hosts(verdict: Verdict) -> tuple[list[str], list[list[str]]]:
    """Head and lines of a table: each host's versions, and its clock against the recorder's."""
    versions, clocks = verdict.environment.hosts, {one.host: one for one in verdict.clocks}
    keys = list(dict.fromkeys(key for version in versions.values() for key in version))
    names = dict.fromkeys([*versions, *clocks])
    lines = [
        [name, *(versions.get(name, {}).get(key, "?") for key in keys), _clock(clocks.get(name))]
        for name in names
    ]
    return ["host", *keys, "clock"], lines


def missing(history: History) -> Iterator[str]:
    """What was not recorded, or not to the end."""
    for name, part in PARTS.items():
        if getattr(history, name) is None:
            yield f"{part}: not recorded"
    for name in ("ping", "stream", "beacon", "wire"):
        record = getattr(history, name)
        if record is not None and not record.complete:
            yield f"{PARTS[name]}: the recording is cut off"
    if history.wire is not None and history.wire.dropped:
        yield f"{PARTS['wire']}: {history.wire.dropped} frames came too fast to be kept"


def _clock(clock: HostClock | None) -> str:
    if clock is None:
        return "not compared"
    if clock.shared:
        return "the recorder's own"
    offset, unsure, drift = (
        ns / 1e6 for ns in (clock.offset_ns, clock.uncertainty_ns, clock.drift_ns)
    )
    return f"{offset:+.3f} ± {unsure:.3f} ms, drifted by {drift:+.3f} ms"
