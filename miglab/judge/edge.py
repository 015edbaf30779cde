"""The convergence edge: the dirty rate above which a promise is broken, and how wide it must write.

First the rates, at the full working set; then, at the lowest rate that broke the promise, the
working sets. Both are searched by :mod:`miglab.judge.bisection`; what is asked next, and what is
known, follows from the trials alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from pydantic import ByteSize

from miglab.judge.bisection import State
from miglab.judge.grid import Edge, Grid
from miglab.judge.promise import Promise
from miglab.judge.trial import Terms, Trial
from miglab.observe.history import Environment
from miglab.policy import Policy
from miglab.values import Size, Value
from miglab.workload import Load, Pace, Pattern

MIB = 1 << 20
STEPS = (4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)
"""MiB, or MiB/s: a half or a third more each time."""
RATES: tuple[Pace, ...] = (*(ByteSize(step * MIB) for step in STEPS), "max")


def working_sets(largest: int) -> tuple[ByteSize, ...]:
    """From 4 MiB up to ``largest``, which is always among them."""
    smaller = (step * MIB for step in STEPS if step * MIB < largest)
    return (*map(ByteSize, smaller), ByteSize(largest))


class Answer(Value):
    """The contract of ``miglab edge --json``; its schema lies in docs/schema.

    ``rates`` are tried at ``working_set``; ``working_sets`` at the lowest rate that broke the
    promise, and not at all (None) as long as none is known.
    """

    schema_version: Literal[1] = 1
    state: State
    promise: Promise
    policy: Policy
    pattern: Pattern
    working_set: Size
    rates: Edge
    working_sets: Edge | None
    trials: tuple[Trial, ...]
    environment: Environment | None


@dataclass
class EdgeSearch:
    """Asked for the next load, told of each trial; ``load`` is what is common to all of them."""

    terms: Terms
    load: Load
    rates: Sequence[Pace] = RATES
    sizes: Sequence[ByteSize] = ()
    trials: list[Trial] = field(default_factory=list)
    environment: Environment | None = None

    def __post_init__(self) -> None:
        self.sizes = self.sizes or working_sets(self.load.working_set)

    def ask(self) -> Load | None:
        """The load to try next; None when there is nothing more to learn."""
        wider = self._working_sets()
        return self._rates().next or (wider.next if wider else None)

    def tell(self, trial: Trial, environment: Environment | None = None) -> None:
        """One trial more."""
        self.trials.append(trial)
        self.environment = environment or self.environment

    @property
    def answer(self) -> Answer:
        """What is known so far."""
        rates, wider = self._rates().edge, self._working_sets()
        return Answer(
            state=rates.state,
            promise=self.terms.promise,
            policy=self.terms.policy,
            pattern=self.load.pattern,
            working_set=self.load.working_set,
            rates=rates,
            working_sets=wider.edge if wider else None,
            trials=tuple(self.trials),
            environment=self.environment,
        )

    def _rates(self) -> Grid:
        loads = (self.load.model_copy(update={"rate": rate}) for rate in self.rates)
        return Grid(self.terms, tuple(loads), tuple(self.trials))

    def _working_sets(self) -> Grid | None:
        """At the lowest rate that broke, whose own trials count here too."""
        rates = self._rates()
        if rates.broken is None or rates.bisection.state == "unknown":
            return None
        loads = [rates.broken.model_copy(update={"working_set": size}) for size in self.sizes]
        return Grid(self.terms, tuple(loads), tuple(self.trials))
