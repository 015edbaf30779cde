"""How to run: nothing here changes what is claimed, only what is seen of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

from miglab.errors import UsageError
from miglab.observe.events import Progress

Vantage = Literal["client", "stream", "guest", "disk", "wire"]
VANTAGES: frozenset[str] = frozenset(get_args(Vantage))


@dataclass
class Setting:
    """``without`` names vantages that are not recorded; what they would have told is unknown."""

    to: str | None = None
    without: frozenset[str] = frozenset()
    ping_interval_ms: int = 1
    beacon_hz: int = 1000
    stream_interval_ms: int = 10
    journal_hz: int = 100
    baseline_seconds: float = 1.0
    settle_seconds: float = 0.5
    timeout_seconds: float = 120.0
    say: Callable[[str], None] = lambda _: None
    show: Callable[[Progress], None] = lambda _: None

    def records(self, vantage: Vantage) -> bool:
        """Whether that vantage is recorded."""
        return vantage not in self.without


def vantages(names: list[str]) -> frozenset[str]:
    """The vantages of those names; raises UsageError for one that does not exist."""
    if unknown := set(names) - VANTAGES:
        expected = ", ".join(sorted(VANTAGES))
        raise UsageError(f"--without: expected {expected}, found {', '.join(sorted(unknown))}")
    return frozenset(names)
