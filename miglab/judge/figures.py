"""How long, by each vantage: one figure for each, and every outage that stands out."""

from collections.abc import Callable, Iterator
from typing import Literal

from miglab.errors import EvidenceError
from miglab.judge import gaps
from miglab.judge.evidence import NOT_RECORDED, Evidence
from miglab.judge.gaps import Stall
from miglab.judge.guard import guarded
from miglab.judge.measured import Measured
from miglab.judge.outage import client_outage
from miglab.judge.stops import longest, of_migration
from miglab.values import Value

LIBVIRT_RESOLUTION_MS = 1.0  # libvirt counts whole milliseconds

Vantage = Literal["client", "stream", "beacon", "vcpu", "guest", "disk"]


class Downtime(Value):
    """Five quantities that are not the same, each from its own vantage."""

    client: Measured
    vcpu: Measured
    libvirt: Measured
    guest: Measured
    disk: Measured


class Noticed(Value):
    """What else was noticed, the longest of each.

    ``stream``: an application waited for an answer over TCP. ``beacon``: nothing came from the
    guest. ``program``: the guest ran, but the program in it did not. ``write``: the guest waited
    for one write, by its own clock, which stands while it is stopped.
    """

    stream: Measured
    beacon: Measured
    program: Measured
    write: Measured


class Outage(Value):
    """One outage that unevenness alone does not explain: CLOCK_REALTIME ns, ms."""

    vantage: Vantage
    from_ns: int
    until_ns: int
    ms: Measured


def downtime(evidence: Evidence) -> Downtime:
    """One figure for each vantage that recorded; a measurement that crashes is unknown."""
    by = _asker(evidence)
    return Downtime(
        client=by(_client), vcpu=by(_vcpu), libvirt=by(_libvirt), guest=by(_guest), disk=by(_disk)
    )


def noticed(evidence: Evidence) -> Noticed:
    """As :func:`downtime`."""
    by = _asker(evidence)
    return Noticed(stream=by(_stream), beacon=by(_beacon), program=by(_program), write=by(_write))


def outages(evidence: Evidence) -> tuple[Outage, ...]:
    """All of them, in order of time; a vantage that says too little adds none."""
    found: list[Outage] = []
    for vantage in (_client_outages, _stops, _stalled):
        try:
            found += vantage(evidence)
        except EvidenceError:
            continue
    return tuple(sorted(found, key=lambda outage: (outage.from_ns, outage.vantage)))


def _asker(evidence: Evidence) -> Callable[[Callable[[Evidence], Measured]], Measured]:
    def ask(measurement: Callable[[Evidence], Measured]) -> Measured:
        def measure() -> Measured:
            try:
                return measurement(evidence)
            except EvidenceError as error:
                return Measured.unknown(str(error))

        return guarded(measure, Measured.unknown)

    return ask


def _client(evidence: Evidence) -> Measured:
    if evidence.history.ping is None:
        return Measured.unknown(NOT_RECORDED)
    return client_outage(evidence.history.ping, evidence.started_ns, evidence.ended_ns)


def _vcpu(evidence: Evidence) -> Measured:
    history, plan = evidence.history, evidence.history.plan
    if evidence.moves and history.clocks is None and history.environment.origin != "embedded":
        return Measured.unknown("the hosts' clocks were not held against ours")
    if plan.target is None:
        return longest(evidence.stops)
    return of_migration(evidence.stops, plan.source, plan.target)


def _libvirt(evidence: Evidence) -> Measured:
    outcome, policy = evidence.history.outcome, evidence.history.plan.scenario.policy
    if outcome.job.downtime_ms is None:
        return Measured.unknown("libvirt gave no figure")
    postcopy = (policy is not None and policy.mode == "postcopy") or bool(
        outcome.job.postcopy_requests
    )
    note = "after post-copy without the time until the target runs" if postcopy else ""
    return Measured(value=outcome.job.downtime_ms, uncertainty=LIBVIRT_RESOLUTION_MS, note=note)


def _guest(evidence: Evidence) -> Measured:
    steps, lag = evidence.lag.steps, evidence.lag
    if not steps:
        return Measured(value=0, uncertainty=lag.hidden_ms, note="its clock made no step")
    return max(steps, key=lambda step: step.value_ms).measured


def _disk(evidence: Evidence) -> Measured:
    return gaps.longest(evidence.disk_stalls, evidence.ended_ns, "write acknowledged")


def _stream(evidence: Evidence) -> Measured:
    return gaps.longest(evidence.stream_stalls, evidence.ended_ns, "answer over TCP")


def _beacon(evidence: Evidence) -> Measured:
    return gaps.longest(evidence.beacon_stalls, evidence.ended_ns, "datagram of the guest")


def _program(evidence: Evidence) -> Measured:
    lag = evidence.lag
    missing = [missing_ms for _, missing_ms in lag.stalls()]
    if not missing:
        return Measured.unknown("no datagram of the guest after it began")
    return Measured(value=max(0.0, *missing), uncertainty=lag.interval_ms + lag.unevenness_ms)


def _write(evidence: Evidence) -> Measured:
    """Also those of the baseline: the guest counts since its journal was started."""
    after = evidence.history.guest_after
    if after is None or after.journal.state == "none" or not any(after.journal.latency_log2_us):
        return Measured.unknown("no write of this run was timed by the guest")
    return Measured(value=after.journal.max_latency_us / 1000, uncertainty=0.001)


def _client_outages(evidence: Evidence) -> Iterator[Outage]:
    for outage in evidence.client_outages:
        yield Outage(
            vantage="client",
            from_ns=outage.last_before_ns,
            until_ns=outage.first_after_ns,
            ms=Measured(value=outage.value_ms, uncertainty=outage.uncertainty_ms),
        )


def _stops(evidence: Evidence) -> Iterator[Outage]:
    for stop in evidence.stops:
        until_ns = stop.until_ns or evidence.ended_ns
        yield Outage(vantage="vcpu", from_ns=stop.from_ns, until_ns=until_ns, ms=stop.measured)


def _stalled(evidence: Evidence) -> Iterator[Outage]:
    readings: dict[Vantage, Callable[[], tuple[Stall, ...]]] = {
        "stream": lambda: evidence.stream_stalls,
        "beacon": lambda: evidence.beacon_stalls,
        "guest": lambda: evidence.lag.steps,
        "disk": lambda: evidence.disk_stalls,
    }
    for vantage, read in readings.items():
        try:
            stalls = read()
        except EvidenceError:
            continue
        for stall in stalls:
            if stall.stands_out:
                yield Outage(
                    vantage=vantage,
                    from_ns=stall.from_ns,
                    until_ns=stall.until_ns,
                    ms=stall.measured,
                )
