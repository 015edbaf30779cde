"""One monotonic clock for everything that waits."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Deadline:
    """A moment ``seconds`` from now after which waiting is over."""

    seconds: float
    start: float = field(default_factory=time.monotonic)

    @property
    def remaining(self) -> float:
        """Seconds left, never negative."""
        return max(0.0, self.start + self.seconds - time.monotonic())

    @property
    def passed(self) -> bool:
        """Whether the moment has come."""
        return self.remaining == 0.0

    def until(self, probe: Callable[[], T | None], error: Callable[[], Exception]) -> T:
        """The first truthy answer of ``probe``, asked every 50 ms; raises ``error()`` when late.

        For conditions that announce themselves by no event; an event is waited for instead
        wherever there is one.
        """
        while True:
            if answer := probe():
                return answer
            if self.passed:
                raise error()
            time.sleep(min(0.05, self.remaining))
