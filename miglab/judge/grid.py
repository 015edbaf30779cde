"""Loads in order of growing burden: what trials tell of each, and what the model says beside it."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean

from miglab.judge.bisection import Bisection, Kept, State
from miglab.judge.model import Precopy, predict
from miglab.judge.trial import Terms, Trial
from miglab.values import Value
from miglab.workload import Load


class Point(Value):
    """One point of a grid: how its trials went, and what the model says of it."""

    load: Load
    achieved_bytes_per_s: float | None
    held: int
    broken: int
    unknown: int
    predicted: Kept | None


class Edge(Value):
    """Where along ``points`` the promise begins to break.

    ``held`` is the highest point that held it, ``broken`` the lowest that broke it: for sure, or by
    what was tried so far if ``state`` is unknown. By the model they would be
    ``predicted_held`` and ``predicted_broken``. None where there is no such point.
    """

    state: State
    held: Load | None
    broken: Load | None
    predicted_held: Load | None
    predicted_broken: Load | None
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Grid:
    """Loads in order of growing burden, and the trials there were of them."""

    terms: Terms
    loads: tuple[Load, ...]
    trials: tuple[Trial, ...]

    @cached_property
    def bisection(self) -> Bisection:
        """What the trials tell of these loads, in the order in which they were made."""
        found = Bisection(len(self.loads))
        for trial in self.trials:
            if trial.load in self.loads:
                found.tell(self.loads.index(trial.load), trial.kept)
        return found

    @property
    def next(self) -> Load | None:
        """The load to try next."""
        return self._at(self.bisection.ask())

    @property
    def broken(self) -> Load | None:
        """The least load that broke the promise, as far as was tried."""
        return self._at(self.bisection.bracket[1])

    @property
    def edge(self) -> Edge:
        """What is known."""
        points = tuple(self._point(number) for number in range(len(self.loads)))
        foreseen = [point.predicted for point in points]
        first = foreseen.index("broken") if "broken" in foreseen else len(foreseen)
        known = None not in foreseen[: first + 1]
        return Edge(
            state=self.bisection.state,
            held=self._at(self.bisection.bracket[0]),
            broken=self.broken,
            predicted_held=self._at(first - 1) if known else None,
            predicted_broken=self._at(first) if known else None,
            points=points,
        )

    def _at(self, number: int | None) -> Load | None:
        inside = number is not None and 0 <= number < len(self.loads)
        return self.loads[number] if number is not None and inside else None

    def _point(self, number: int) -> Point:
        load, tally = self.loads[number], self.bisection.tally(number)
        supposed = suppose(load, self.trials)
        return Point(
            load=load,
            achieved_bytes_per_s=_mean(
                t.achieved_bytes_per_s for t in self.trials if t.load == load
            ),
            held=tally.held,
            broken=tally.broken,
            unknown=tally.unknown,
            predicted=self.terms.promise.foreseen(predict(supposed)) if supposed else None,
        )


def suppose(load: Load, trials: Iterable[Trial]) -> Precopy | None:
    """The model's numbers for ``load``, tried or not: those of the first trial, but for the load.

    Its rate is the one that trials of it reached, else the one asked for; so of ``max`` nothing can
    be said before it was tried.
    """
    known = [(trial, trial.modelled) for trial in trials if trial.modelled]
    asked = None if load.rate == "max" else float(load.rate)
    alike = [m.dirty_rate_bytes_per_s for trial, m in known if trial.load.rate == load.rate]
    rate = _mean(alike) if alike else asked
    if not known or rate is None:
        return None
    first = known[0][1]
    more = load.working_set - first.working_set_bytes
    return first.model_copy(
        update={
            "memory_bytes": first.memory_bytes + more,
            "working_set_bytes": float(load.working_set),
            "dirty_rate_bytes_per_s": rate,
        }
    )


def _mean(figures: Iterable[float | None]) -> float | None:
    known = [figure for figure in figures if figure is not None]
    return fmean(known) if known else None
