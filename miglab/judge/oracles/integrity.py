"""All oracles together, by the names of the contract."""

from collections.abc import Callable, Iterator

from miglab.judge.evidence import Evidence
from miglab.judge.guard import guarded
from miglab.judge.oracles.alive import guest_alive
from miglab.judge.oracles.clock import clock
from miglab.judge.oracles.disk import disk
from miglab.judge.oracles.finding import Finding, unknown
from miglab.judge.oracles.identity import identity
from miglab.judge.oracles.memory import memory
from miglab.values import Value


class Integrity(Value):
    """What became of the guest's parts."""

    memory: Finding
    disk: Finding
    identity: Finding
    guest_alive: Finding
    clock: Finding

    def by_name(self) -> Iterator[tuple[str, Finding]]:
        """Name and finding, in the order of the contract."""
        yield from ((name, getattr(self, name)) for name in type(self).model_fields)


def integrity(evidence: Evidence) -> Integrity:
    """Every oracle's answer; one that itself fails is unknown, never intact."""

    def ask(oracle: Callable[[Evidence], Finding]) -> Finding:
        return guarded(lambda: oracle(evidence), unknown)

    return Integrity(
        memory=ask(memory),
        disk=ask(disk),
        identity=ask(identity),
        guest_alive=ask(guest_alive),
        clock=ask(clock),
    )
