"""Where on a grid a promise begins to break: asked point by point, told by trials with noise.

The points are in order of growing burden: what breaks at one is taken to break at all beyond.
One trial each leads to the edge, and the two points beside it are then tried again until the best
of three is known; one that is overturned moves the edge, and the search goes on from there. A trial
that could not tell counts as neither, and is repeated a few times.

What is to be tried next follows from the trials alone, so a search can be played again.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

Kept = Literal["held", "broken", "unknown"]
"""What one trial says of the promise."""
State = Literal["found", "never", "always", "unknown"]
"""Where it begins to break: somewhere on the grid, nowhere, at its first point, or nobody knows."""

VOTES = 2  # the best of three
TRIES_MAX = 5


class Tally(NamedTuple):
    """How often a point was tried, by what was said of it."""

    held: int = 0
    broken: int = 0
    unknown: int = 0

    def plus(self, kept: Kept) -> "Tally":
        """With one trial more."""
        return self._replace(**{kept: getattr(self, kept) + 1})

    @property
    def kept(self) -> Kept:
        """What most say; unknown while as many say the one as the other."""
        if self.held == self.broken:
            return "unknown"
        return "held" if self.held > self.broken else "broken"

    @property
    def sure(self) -> bool:
        """Whether a third trial could not overturn it."""
        return self.kept != "unknown" and max(self.held, self.broken) >= VOTES

    @property
    def spent(self) -> bool:
        """Whether it has been tried often enough."""
        return sum(self) >= TRIES_MAX


@dataclass
class Bisection:
    """The search on ``size`` points, 0 to ``size`` - 1, by what was told of each."""

    size: int
    tallies: dict[int, Tally] = field(default_factory=dict)

    def tell(self, point: int, kept: Kept) -> None:
        """One trial more at ``point``."""
        self.tallies[point] = self.tally(point).plus(kept)

    def tally(self, point: int) -> Tally:
        """What was told of ``point``."""
        return self.tallies.get(point, Tally())

    @property
    def bracket(self) -> tuple[int, int]:
        """The highest point that held below the lowest that broke: -1 and ``size`` for none."""
        high = min(self._kept("broken"), default=self.size)
        return max((point for point in self._kept("held") if point < high), default=-1), high

    def ask(self) -> int | None:
        """The point to try next; None when there is nothing more to learn."""
        low, high = self.bracket
        between = [point for point in range(low + 1, high) if not self.tally(point).spent]
        if between:
            middle = (low + high) // 2
            return min(between, key=lambda p: (p not in self.tallies, abs(p - middle)))
        return next((point for point in self._ends() if not self._settled(point)), None)

    @property
    def state(self) -> State:
        """What is known for sure; unknown as long as a trial more could overturn it."""
        low, high = self.bracket
        if not all(self.tally(point).sure for point in self._ends()):
            return "unknown"
        if low >= 0 and high < self.size:
            return "found"
        if low == self.size - 1:
            return "never"
        return "always" if high == 0 else "unknown"

    def _kept(self, kept: Kept) -> Iterator[int]:
        return (point for point, tally in self.tallies.items() if tally.kept == kept)

    def _ends(self) -> Iterator[int]:
        """The points on both sides of the edge, as far as there are any."""
        return (point for point in self.bracket if 0 <= point < self.size)

    def _settled(self, point: int) -> bool:
        return self.tally(point).sure or self.tally(point).spent
