"""The verdict on a run: a pure function of its history. Worst wins, and unknown never passes."""

from collections.abc import Callable, Iterable, Iterator
from typing import Literal

from pydantic import ConfigDict, Field

from miglab.judge.integrity import Integrity, State, guarded
from miglab.judge.integrity import judge as judge_integrity
from miglab.judge.measured import Grade, Measured
from miglab.judge.outage import client_outage
from miglab.observe.events import Event
from miglab.observe.history import Environment, History
from miglab.policy import Budget, Policy
from miglab.values import Value
from miglab.workload import Load

NOT_RECORDED = "not recorded in this run"
LIBVIRT_RESOLUTION_MS = 1.0  # libvirt counts whole milliseconds
QMP_RESOLUTION_MS = 0.001
GRADES: dict[State, Grade] = {"intact": "pass", "broken": "fail", "unknown": "unknown"}


class Downtime(Value):
    """Five quantities that are not the same, each from its own vantage."""

    client: Measured
    vcpu: Measured
    libvirt: Measured
    guest: Measured
    disk: Measured


class MigrationFigures(Value):
    """What was moved, by libvirt's account; None where it gave none."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    source: str = Field(alias="from")
    target: str = Field(alias="to")
    mode: str
    error: str | None
    total_ms: int | None
    transferred_bytes: int | None
    rounds: int | None


class Verdict(Value):
    """The contract of ``--json``; its schema lies in docs/schema."""

    schema_version: Literal[1] = 1
    verdict: Grade
    reasons: tuple[str, ...]
    downtime_ms: Downtime
    integrity: Integrity
    migration: MigrationFigures
    load: Load | Literal["off"] | None
    policy: Policy
    budget: Budget
    environment: Environment


def judge(history: History) -> Verdict:
    """Measures, then grades."""
    downtime, integrity = measure(history), judge_integrity(history)
    grades = list(_grades(history, downtime, integrity))
    verdict = worst(grade for grade, _ in grades)
    scenario = history.plan.scenario
    return Verdict(
        verdict=verdict,
        reasons=tuple(reason for grade, reason in grades if grade == verdict),
        downtime_ms=downtime,
        integrity=integrity,
        migration=_figures(history),
        load=scenario.load,
        policy=scenario.policy,
        budget=scenario.budget,
        environment=history.environment,
    )


def worst(grades: Iterable[Grade]) -> Grade:
    """fail over unknown over pass; nothing at all is unknown."""
    found = set(grades)
    if "fail" in found:
        return "fail"
    return "unknown" if "unknown" in found or not found else "pass"


def _grades(
    history: History, downtime: Downtime, integrity: Integrity
) -> Iterator[tuple[Grade, str]]:
    """Every claim with its grade and the reason for it."""
    if history.outcome.error is not None:
        yield "fail", f"the guest did not move: {history.outcome.error}"
    else:
        plan = history.plan
        yield "pass", f"{plan.guest} moved from {plan.source} to {plan.target}"
    for name, finding in integrity.by_name():
        yield GRADES[finding.state], f"{name} {finding.state}: {finding.detail}"
    yield from (("unknown", fault) for fault in history.faults)
    yield from (("unknown", f"not as asked for: {what}") for what in history.outcome.unmet)
    if history.outcome.error is None:
        yield _budget(history.plan.scenario.budget, downtime.client)


def _budget(budget: Budget, client: Measured) -> tuple[Grade, str]:
    """Without a budget the client's figure must still be known: what is not seen cannot pass."""
    if client.value is None or client.uncertainty is None:
        return "unknown", f"how long the network was dark is unknown: {client.note}"
    figure = f"dark for {client.value:.1f} ± {client.uncertainty:.1f} ms"
    if budget.client_ms_max is None:
        return "pass", f"{figure}; no budget was given"
    grade = client.within(budget.client_ms_max)
    word = {"pass": "within", "fail": "over", "unknown": "not surely within"}[grade]
    return grade, f"{figure}, {word} the budget of {budget.client_ms_max} ms"


def measure(history: History) -> Downtime:
    """One figure for each vantage that recorded; a measurement that crashes is unknown."""

    def by(measurement: Callable[[History], Measured]) -> Measured:
        return guarded(lambda: measurement(history), Measured.unknown)

    return Downtime(
        client=by(_client),
        vcpu=by(_vcpu),
        libvirt=by(_libvirt),
        guest=Measured.unknown(NOT_RECORDED),
        disk=Measured.unknown(NOT_RECORDED),
    )


def _client(history: History) -> Measured:
    outcome = history.outcome
    if history.ping is None:
        return Measured.unknown(NOT_RECORDED)
    return client_outage(history.ping, outcome.started_ns, outcome.ended_ns)


def _vcpu(history: History) -> Measured:
    return vcpu_stop(history.events, history.plan.source, history.plan.target)


def _libvirt(history: History) -> Measured:
    downtime_ms = history.outcome.job.downtime_ms
    if downtime_ms is None:
        return Measured.unknown("libvirt gave no figure")
    postcopy = history.plan.scenario.policy.mode == "postcopy"
    note = "after post-copy without the time until the target runs" if postcopy else ""
    return Measured(value=downtime_ms, uncertainty=LIBVIRT_RESOLUTION_MS, note=note)


def vcpu_stop(events: tuple[Event, ...], source: str, target: str) -> Measured:
    """From QEMU's last STOP on the source to its first RESUME after that on the target.

    Both stamps are QEMU's own, in microseconds; on one machine they come from one clock.
    """
    stops = [e.time_ns for e in events if (e.host, e.name) == (source, "STOP")]
    if not stops:
        return Measured.unknown(f"no STOP event from QEMU on {source}")
    stop = max(stops)
    resumes = [e.time_ns for e in events if (e.host, e.name) == (target, "RESUME")]
    after = [time_ns for time_ns in resumes if time_ns >= stop]
    if not after:
        return Measured.unknown(f"no RESUME event from QEMU on {target} after the stop on {source}")
    return Measured(value=(min(after) - stop) / 1e6, uncertainty=2 * QMP_RESOLUTION_MS)


def _figures(history: History) -> MigrationFigures:
    job = history.outcome.job
    return MigrationFigures(
        source=history.plan.source,
        target=history.plan.target,
        mode=history.plan.scenario.policy.name,
        error=history.outcome.error,
        total_ms=job.total_ms,
        transferred_bytes=job.transferred_bytes,
        rounds=job.rounds,
    )
