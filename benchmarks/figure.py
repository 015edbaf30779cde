"""A figure: what was measured how often, what it should be, and what it is made of."""

from statistics import median

from miglab.values import Value


class Figure(Value):
    """Values in ``unit``, one for each run; ``parts`` are of the same unit and the same runs."""

    name: str
    what: str
    unit: str
    target: float
    values: tuple[float, ...]
    parts: dict[str, tuple[float, ...]]

    @property
    def median(self) -> float:
        """What is compared with the target."""
        return median(self.values)

    @property
    def met(self) -> bool:
        """Whether the median is within the target."""
        return self.median <= self.target

    def shares(self) -> list[tuple[str, float, float]]:
        """Parts with their median and its share of the whole, the largest first."""
        middle = {name: median(values) for name, values in self.parts.items()}
        order = sorted(middle, key=lambda name: -middle[name])
        whole = self.median or 1.0
        return [(name, middle[name], middle[name] / whole) for name in order]


def collect(runs: list[dict[str, float]]) -> dict[str, tuple[float, ...]]:
    """Parts by name from parts by run; a part that a run did not have is 0 there."""
    names = dict.fromkeys(name for run in runs for name in run)
    return {name: tuple(run.get(name, 0.0) for run in runs) for name in names}
