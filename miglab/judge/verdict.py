"""The verdict on a run: a pure function of its history. Worst wins, and unknown never passes."""

from collections.abc import Iterable, Iterator
from typing import Literal

from pydantic import ConfigDict, Field

from miglab.judge.account import DirtyRates, MigrationFigures, dirty_rates, migration_figures
from miglab.judge.bounds import contradictions
from miglab.judge.evidence import Evidence
from miglab.judge.fate import Fate, fate
from miglab.judge.figures import Downtime, Noticed, Outage, downtime, noticed, outages
from miglab.judge.guard import guarded
from miglab.judge.manner import Shown, shown
from miglab.judge.measured import Grade, Measured
from miglab.judge.oracles.finding import State
from miglab.judge.oracles.integrity import Integrity, integrity
from miglab.judge.wire import Announced, announced
from miglab.observe.clocks import HostClock
from miglab.observe.history import Environment, History
from miglab.policy import Budget, Policy
from miglab.values import Value
from miglab.workload import Load

GRADES: dict[State, Grade] = {"intact": "pass", "broken": "fail", "unknown": "unknown"}
SINCE_FORMAT_2 = frozenset({"clock"})
"""Oracles that a record of format 1 has nothing for: it made no claim about them."""


class Moved(Value):
    """The guest changed hosts: stopped on one, resumed on the other (CLOCK_REALTIME, ns)."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    source: str = Field(alias="from")
    target: str = Field(alias="to")
    stopped_ns: int
    resumed_ns: int


class Verdict(Value):
    """The contract of ``--json``; its schema lies in docs/schema."""

    schema_version: Literal[3] = 3
    kind: Literal["migrate", "watch"]
    verdict: Grade
    reasons: tuple[str, ...]
    fate: Fate
    unsupported: bool
    downtime_ms: Downtime
    noticed_ms: Noticed
    outages: tuple[Outage, ...]
    moves: tuple[Moved, ...]
    announced: tuple[Announced, ...]
    integrity: Integrity
    contradictions: tuple[str, ...]
    migration: MigrationFigures
    manner: tuple[Shown, ...]
    dirty_bytes_per_s: DirtyRates
    command: tuple[str, ...] | None
    load: Load | Literal["off"] | None
    policy: Policy | None
    budget: Budget
    clocks: tuple[HostClock, ...]
    environment: Environment


def judge(history: History) -> Verdict:
    """Measures, then grades."""
    evidence = Evidence(history)
    figures, others, oracles = downtime(evidence), noticed(evidence), integrity(evidence)
    disputes = guarded(lambda: tuple(contradictions(evidence, figures, others)), lambda why: (why,))
    ways = _manner(evidence)
    grades = list(_grades(history, figures, oracles, disputes, ways))
    verdict = worst(grade for grade, _ in grades)
    scenario = history.plan.scenario
    return Verdict(
        kind=history.plan.kind,
        verdict=verdict,
        reasons=tuple(reason for grade, reason in grades if grade == verdict),
        fate=fate(history),
        unsupported=history.outcome.unsupported,
        downtime_ms=figures,
        noticed_ms=others,
        outages=outages(evidence),
        moves=_moves(evidence),
        announced=announced(evidence),
        integrity=oracles,
        contradictions=disputes,
        migration=migration_figures(evidence),
        manner=ways,
        dirty_bytes_per_s=dirty_rates(evidence),
        command=history.command.argv if history.command else None,
        load=scenario.load,
        policy=scenario.policy,
        budget=scenario.budget,
        clocks=history.clocks.hosts if history.clocks else (),
        environment=history.environment,
    )


def worst(grades: Iterable[Grade]) -> Grade:
    """fail over unknown over pass; nothing at all is unknown."""
    found = set(grades)
    if "fail" in found:
        return "fail"
    return "unknown" if "unknown" in found or not found else "pass"


def _manner(evidence: Evidence) -> tuple[Shown, ...]:
    """Of a migration of ours that came about: another's is not held to anything.

    Nor is an old record, which has nothing to show it by.
    """
    plan = evidence.history.plan
    policy = plan.scenario.policy
    if policy is None or evidence.history.outcome.error is not None or plan.format < 3:
        return ()
    return guarded(
        lambda: shown(evidence, policy),
        lambda why: (Shown(asked=policy.name, state="unknown", detail=why),),
    )


def _grades(
    history: History,
    figures: Downtime,
    oracles: Integrity,
    disputes: tuple[str, ...],
    ways: tuple[Shown, ...],
) -> Iterator[tuple[Grade, str]]:
    """Every claim with its grade and the reason for it."""
    yield from _act(history)
    yield from ((GRADES[way.state], f"{way.asked}: {way.detail}") for way in ways)
    for name, finding in oracles.by_name():
        if history.plan.format > 1 or name not in SINCE_FORMAT_2:
            yield GRADES[finding.state], f"{name} {finding.state}: {finding.detail}"
    if history.clocks and history.clocks.jumped:
        jump_ms = history.clocks.jump_ns / 1e6
        yield "unknown", f"the clock of the recording machine was set by {jump_ms:.1f} ms meanwhile"
    yield from (("unknown", dispute) for dispute in disputes)
    yield from (("unknown", fault) for fault in history.faults)
    yield from (("unknown", f"not as asked for: {what}") for what in history.outcome.unmet)
    if history.outcome.error is None:
        yield _budget(history.plan.scenario.budget, figures.client)


def _act(history: History) -> Iterator[tuple[Grade, str]]:
    """Whether what was to be done was done."""
    plan, command, error = history.plan, history.command, history.outcome.error
    if command is not None and command.exit_code:
        words = f": {command.last_words}" if command.last_words else ""
        yield "fail", f"{command.argv[0]} ended with exit code {command.exit_code}{words}"
    if error is not None:
        what = "the guest did not move" if plan.kind == "migrate" else "not all was watched"
        yield "fail", f"{what}: {error}"
    elif plan.kind == "migrate":
        yield "pass", f"{plan.guest} moved from {plan.source} to {plan.target}"


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


def _moves(evidence: Evidence) -> tuple[Moved, ...]:
    return tuple(
        Moved(
            source=stop.source,
            target=stop.target or stop.source,
            stopped_ns=stop.from_ns,
            resumed_ns=stop.until_ns or stop.from_ns,
        )
        for stop in evidence.moves
    )
