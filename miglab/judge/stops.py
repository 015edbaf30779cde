"""When the vCPUs stood, by QEMU's own events, on our clock; and how the guest moved meanwhile."""

from collections.abc import Iterable, Iterator

from miglab.judge.measured import NS_PER_MS, Measured
from miglab.observe.clocks import Clocks
from miglab.observe.events import Event
from miglab.values import Value

QMP_RESOLUTION_MS = 0.001


class Stop(Value):
    """From QEMU's STOP on ``source`` to the next RESUME, on ``target``; they may be one host.

    Times are CLOCK_REALTIME in nanoseconds of our clock; ``until_ns`` is None if none followed.
    """

    source: str
    target: str | None
    from_ns: int
    until_ns: int | None
    uncertainty_ms: float

    @property
    def moved(self) -> bool:
        """Whether the guest went on elsewhere."""
        return self.target is not None and self.target != self.source

    @property
    def value_ms(self) -> float:
        """How long; raises ValueError for a stop without an end."""
        if self.until_ns is None:
            raise ValueError("expected a stop that ended")
        return (self.until_ns - self.from_ns) / NS_PER_MS

    @property
    def measured(self) -> Measured:
        """The same with its uncertainty."""
        if self.until_ns is None:
            return Measured.unknown(f"stopped on {self.source}, and no RESUME event followed")
        return Measured(value=self.value_ms, uncertainty=self.uncertainty_ms)


def stops(events: Iterable[Event], clocks: Clocks | None = None) -> tuple[Stop, ...]:
    """Every stop, in order of time. A STOP while stopped, or a RESUME while not, adds none."""
    clocks = clocks or Clocks()
    found: list[Stop] = []
    begun: Event | None = None
    for event in sorted(_qemu(events, clocks), key=lambda event: event.time_ns):
        if event.name == "STOP":
            begun = begun or event
        elif begun is not None:
            found.append(_stop(begun, event, clocks))
            begun = None
    if begun is not None:
        found.append(_stop(begun, None, clocks))
    return tuple(found)


def _qemu(events: Iterable[Event], clocks: Clocks) -> Iterator[Event]:
    for event in events:
        if event.vantage == "qemu" and event.name in ("STOP", "RESUME"):
            ours_ns = clocks.ours_ns(event.host, event.time_ns)
            yield event.model_copy(update={"time_ns": ours_ns})


def _stop(begun: Event, ended: Event | None, clocks: Clocks) -> Stop:
    hosts = [begun.host, ended.host if ended else begun.host]
    return Stop(
        source=begun.host,
        target=ended.host if ended else None,
        from_ns=begun.time_ns,
        until_ns=ended.time_ns if ended else None,
        uncertainty_ms=2 * QMP_RESOLUTION_MS + clocks.uncertainty_ns(*hosts) / NS_PER_MS,
    )


def longest(found: tuple[Stop, ...]) -> Measured:
    """The longest stop; one that never ended is unknown, and none at all is nought."""
    if open_ends := [stop for stop in found if stop.until_ns is None]:
        return open_ends[0].measured
    if not found:
        return Measured(value=0, uncertainty=2 * QMP_RESOLUTION_MS, note="QEMU stopped no vCPU")
    return max(found, key=lambda stop: stop.value_ms).measured


def of_migration(found: tuple[Stop, ...], source: str, target: str) -> Measured:
    """The stop in which the guest went from ``source`` to ``target``, the last of several."""
    across = [stop for stop in found if (stop.source, stop.target) == (source, target)]
    if across:
        return across[-1].measured
    if not any(stop.source == source for stop in found):
        return Measured.unknown(f"no STOP event from QEMU on {source}")
    return Measured.unknown(f"no RESUME event from QEMU on {target} after the stop on {source}")
