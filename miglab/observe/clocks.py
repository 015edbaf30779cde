"""Whose clock stamped what: how far the hosts' clocks are from ours, and whether ours jumped."""

import time

from miglab.values import Value

READINGS = 5
JUMP_NS_MAX = 500_000  # readings differ by microseconds, and a clock is not set by so little


class HostClock(Value):
    """One host's CLOCK_REALTIME less ours, in nanoseconds; the truth lies within ``±``.

    ``shared``: the host runs on the very kernel that we run on, so there is one clock and no
    offset. ``drift_ns`` is how much the offset changed from the start of the run to its end.
    """

    host: str
    shared: bool
    offset_ns: int = 0
    uncertainty_ns: int = 0
    drift_ns: int = 0


class Clocks(Value):
    """``jump_ns``: by how much our own clock was set (against CLOCK_MONOTONIC) during the run."""

    jump_ns: int = 0
    hosts: tuple[HostClock, ...] = ()

    @property
    def jumped(self) -> bool:
        """Whether our own clock was set: no stamp of ours can then be held against another."""
        return abs(self.jump_ns) > JUMP_NS_MAX

    def ours_ns(self, host: str, time_ns: int) -> int:
        """A moment by the clock of ``host``, by ours; a host that is not known is taken for us."""
        return time_ns - next((c.offset_ns for c in self.hosts if c.host == host), 0)

    def uncertainty_ns(self, *hosts: str) -> int:
        """How unsure a span is that begins and ends on ``hosts``: nothing on one and the same."""
        if len(set(hosts)) < 2:
            return 0
        return sum(c.uncertainty_ns + abs(c.drift_ns) for c in self.hosts if c.host in hosts)


class Exchange(Value):
    """One question for the time: asked and answered by our clock, ``theirs_ns`` by the host's."""

    asked_ns: int
    theirs_ns: int
    answered_ns: int

    @property
    def offset_ns(self) -> int:
        """As if both ways took equally long."""
        return self.theirs_ns - (self.asked_ns + self.answered_ns) // 2

    @property
    def uncertainty_ns(self) -> int:
        """Half the round trip: the ways may be as unequal as can be (RFC 5905, section 8)."""
        return (self.answered_ns - self.asked_ns + 1) // 2


def offset(host: str, exchanges: list[Exchange], resolution_ns: int) -> HostClock:
    """By the exchange with the shortest round trip; at least one is needed."""
    best = min(exchanges, key=lambda one: one.uncertainty_ns)
    return HostClock(
        host=host,
        shared=False,
        offset_ns=best.offset_ns,
        uncertainty_ns=best.uncertainty_ns + resolution_ns,
    )


def drifted(before: HostClock, after: HostClock) -> HostClock:
    """What held during the run, from what was measured before and after it."""
    unsure = max(before.uncertainty_ns, after.uncertainty_ns)
    change = after.offset_ns - before.offset_ns
    return before.model_copy(
        update={
            "shared": before.shared and after.shared,
            "offset_ns": before.offset_ns + change // 2,
            "uncertainty_ns": unsure,
            "drift_ns": change,
        }
    )


def setting_ns() -> int:
    """CLOCK_REALTIME less CLOCK_MONOTONIC: it changes only when somebody sets the clock.

    The reading that took least time counts: between its parts the process may be held up.
    """

    def read() -> tuple[int, int]:
        before, now, after = time.monotonic_ns(), time.time_ns(), time.monotonic_ns()
        return after - before, now - (before + after) // 2

    return min(read() for _ in range(READINGS))[1]
