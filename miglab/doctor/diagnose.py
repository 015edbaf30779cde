"""From facts to a diagnosis: every check, causes before what comes of them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

from miglab.doctor.checks import CHECKS
from miglab.doctor.facts import Facts, HostFacts
from miglab.doctor.finding import SEVERITIES, Check, Finding, Untold
from miglab.doctor.follows import CAUSES, ONE_WAY
from miglab.errors import MiglabError
from miglab.values import Value

State = Literal["healthy", "findings", "unknown", "unreachable"]
EXIT_CODES: dict[State, int] = {"healthy": 0, "findings": 1, "unknown": 3, "unreachable": 4}


class Unreached(Value):
    """A host that could not be asked, and why."""

    host: str
    why: str


class Diagnosis(Value):
    """What was found; ``untold`` is what could not be told, which is no health.

    ``state`` in a word: advice alone is health. ``acceleration``: what works, by host, and why no
    more does.
    """

    schema_version: int = 1
    state: State
    findings: tuple[Finding, ...]
    untold: tuple[Untold, ...]
    unreached: tuple[Unreached, ...]
    hosts: tuple[str, ...]
    acceleration: Mapping[str, str]

    @property
    def exit_code(self) -> int:
        """Of the command."""
        return EXIT_CODES[self.state]


def diagnose(facts: Facts, only: Iterable[str] = (), checks: Sequence[Check] = CHECKS) -> Diagnosis:
    """Judges; ``only`` are identifiers, and none means all."""
    chosen = set(only) or {check.id for check in checks}
    told = [each for check in checks if check.id in chosen for each in _examine(check, facts)]
    findings = [each for each in told if isinstance(each, Finding)]
    untold = [each for each in told if isinstance(each, Untold)]
    unreached = tuple(Unreached(host=h.name, why=h.problem) for h in facts.hosts if h.problem)
    return Diagnosis(
        state=_state(findings, untold, unreached),
        findings=tuple(sorted(_linked(findings), key=_order)),
        untold=tuple(dict.fromkeys(untold)),
        unreached=unreached,
        hosts=tuple(host.name for host in facts.reached),
        acceleration={host.name: acceleration(host) for host in facts.hypervisors},
    )


def _state(
    findings: Sequence[Finding], untold: Sequence[Untold], unreached: Sequence[Unreached]
) -> State:
    if unreached:
        return "unreachable"
    if any(finding.severity != "advice" for finding in findings):
        return "findings"
    return "unknown" if untold else "healthy"


def acceleration(host: HostFacts) -> str:
    """Which one works there, by what came of booting firmware with it."""
    told = host.answers.get("acceleration")
    if told is None or told.code:
        return "unknown: nothing could be booted to find out"
    word, _, why = " ".join(host.lines("acceleration", "kvm")).partition(" ")
    return "kvm: firmware booted with it" if word == "works" else f"tcg: {why or word}"


def _examine(check: Check, facts: Facts) -> Iterator[Finding | Untold]:
    """Each call by itself: what one host does not tell does not hide what another does."""
    for call in _calls(check, facts):
        if isinstance(call, Untold):
            yield call
            continue
        hosts = tuple(each.name for each in call if isinstance(each, HostFacts))
        try:
            yield from check.examine(facts, *call)
        except MiglabError as error:
            yield Untold(id=check.id, hosts=hosts, why=str(error))
        except Exception as error:  # noqa: BLE001 - a check that crashes must not hide the others
            yield Untold(id=check.id, hosts=hosts, why=f"the check failed: {error!r}"[:200])


def _calls(check: Check, facts: Facts) -> Iterable[tuple[Any, ...] | Untold]:
    if check.scope == "host":
        return ((host,) for host in facts.reached)
    if check.scope == "hypervisor":
        return ((host,) for host in facts.hypervisors)
    if check.scope == "couple":
        return facts.couples()
    return facts.pairs() if check.scope == "pair" else _guests(check, facts)


def _guests(check: Check, facts: Facts) -> Iterator[tuple[Any, ...] | Untold]:
    """Host by host: one that does not tell of its guests hides none of the others'."""
    for source in facts.hypervisors:
        try:
            yield from facts.moves(source)
        except MiglabError as error:
            yield Untold(id=check.id, hosts=(source.name,), why=str(error))


def _linked(findings: list[Finding]) -> Iterator[Finding]:
    """What comes of another finding on the same hosts says so; advice stops nothing."""
    for finding in findings:
        causes = CAUSES.get(finding.id, ())
        cause = next(
            (
                other.id
                for wanted in causes
                for other in findings
                if other.id == wanted and other.severity != "advice" and _touches(other, finding)
            ),
            None,
        )
        yield finding.model_copy(update={"follows": cause})


def _touches(cause: Finding, effect: Finding) -> bool:
    """One host in common is not enough: what is between two hosts comes of nothing with a third."""
    back = len(cause.hosts) > 1 and cause.hosts == effect.hosts[::-1]
    return set(cause.hosts) <= set(effect.hosts) and not (back and cause.id in ONE_WAY)


def _order(finding: Finding) -> tuple[bool, int, str, tuple[str, ...]]:
    severity = SEVERITIES.index(finding.severity)
    return finding.follows is not None, severity, finding.id, finding.hosts
