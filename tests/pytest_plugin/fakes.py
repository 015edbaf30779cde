"""A lab and a guest for suites inside our tests: they are broken, and heal, as they are told."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from miglab.errors import LabError


class FakeLab:
    """``heals``: whether `up` helps; ``ups`` counts how often it was asked to."""

    def __init__(self, *, heals: bool = True) -> None:
        self.is_up, self.heals, self.ups = True, heals, 0
        self.place, self.origin = SimpleNamespace(name="fake"), "embedded"

    def status(self) -> Any:
        """As far as the plugin looks at it."""
        node = SimpleNamespace(name="source", reachable=self.is_up)
        return SimpleNamespace(up=self.is_up, nodes=[node])

    def up(self, say: Callable[[str], None]) -> list[str]:
        """Nothing is new afterwards, so that nothing has to be provisioned."""
        say("making sure of the network")
        self.ups += 1
        if not self.heals:
            raise LabError("source: no answer over ssh within 60 s")
        self.is_up = True
        return []


class FakeGuest:
    """The line to a guest that answers, or not."""

    def __init__(self) -> None:
        self.is_silent, self.starts = False, 0

    def answers(self) -> bool:
        """Whether it does."""
        return not self.is_silent

    def ensure_running(self) -> None:
        """Counts the starts."""
        if self.is_silent:
            self.is_silent, self.starts = False, self.starts + 1
