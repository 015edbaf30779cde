"""How to run: nothing here changes what is claimed, only what is seen of it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, get_args

from miglab.errors import UsageError
from miglab.experiment.deeds import At
from miglab.observe.events import Progress

Vantage = Literal["client", "stream", "guest", "disk", "wire"]
VANTAGES: frozenset[str] = frozenset(get_args(Vantage))


@dataclass
class Setting:
    """``without`` names vantages that are not recorded; what they would have told is unknown.

    A post-copy that breaks off is tried to be recovered for ``recover_seconds``; the load may take
    ``rest_seconds_max`` to get on as before. ``at``: what is to be done to the lab in the middle of
    the migration, in the order given.
    """

    to: str | None = None
    without: frozenset[str] = frozenset()
    ping_interval_ms: int = 1
    beacon_hz: int = 1000
    stream_interval_ms: int = 10
    journal_hz: int = 100
    baseline_seconds: float = 1.0
    settle_seconds: float = 0.5
    timeout_seconds: float = 120.0
    recover_seconds: float = 0.0
    rest_seconds_max: float = 3.0
    at: tuple[At, ...] = ()
    say: Callable[[str], None] = lambda _: None
    show: Callable[[Progress], None] = lambda _: None

    def at_pace(self, pace: float) -> "Setting":
        """For a lab in which all goes ``pace`` times as slowly: seldomer, longer, more patient.

        An emulated guest in an emulated host would do nothing else than to be measured.
        """
        if pace == 1:
            return self
        return replace(
            self,
            ping_interval_ms=round(self.ping_interval_ms * pace),
            beacon_hz=round(self.beacon_hz / pace),
            stream_interval_ms=round(self.stream_interval_ms * pace),
            journal_hz=round(self.journal_hz / pace),
            baseline_seconds=self.baseline_seconds * pace / 5,
            settle_seconds=self.settle_seconds * pace / 5,
            timeout_seconds=self.timeout_seconds * pace,
            recover_seconds=self.recover_seconds * pace,
            rest_seconds_max=self.rest_seconds_max * pace / 5,
        )

    def records(self, vantage: Vantage) -> bool:
        """Whether that vantage is recorded."""
        return vantage not in self.without


def vantages(names: list[str]) -> frozenset[str]:
    """The vantages of those names; raises UsageError for one that does not exist."""
    if unknown := set(names) - VANTAGES:
        expected = ", ".join(sorted(VANTAGES))
        raise UsageError(f"--without: expected {expected}, found {', '.join(sorted(unknown))}")
    return frozenset(names)
