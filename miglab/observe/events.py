"""What was seen while the guest was moved, as values; times are CLOCK_REALTIME in nanoseconds."""

import json
from collections.abc import Iterable
from typing import Literal

from miglab.values import Value


class Event(Value):
    """Something a host said.

    ``vantage`` is ``qemu`` for QMP events, whose stamp is QEMU's own to the microsecond on its
    host, and ``libvirt`` for libvirt's events, stamped when they reached us.
    """

    host: str
    vantage: Literal["qemu", "libvirt"]
    name: str
    time_ns: int
    detail: str = ""

    @property
    def status(self) -> str | None:
        """QEMU's word in its MIGRATION event for how far it has come; None for other events."""
        if self.name != "MIGRATION":
            return None
        try:
            found = json.loads(self.detail)
        except ValueError:
            return None
        return str(found.get("status")) if isinstance(found, dict) else None


POSTCOPY_PAUSED = "postcopy-paused"
"""QEMU's word for a post-copy whose connection broke."""


def last_status(events: Iterable[Event], host: str) -> str | None:
    """What QEMU on ``host`` said last of its migration; ``events`` are in order of time."""
    said = [event.status for event in events if event.host == host and event.status]
    return said[-1] if said else None


class Progress(Value):
    """The job while it ran: bytes, bytes per second, rounds of copying, throttle in percent."""

    time_ns: int
    elapsed_ms: int
    remaining: int
    rate: int
    iteration: int
    throttle: int = 0
    dirty_pages_per_s: int | None = None
    postcopy_requests: int | None = None


class DirtyRate(Value):
    """How fast the guest dirtied its memory, by libvirt, over so many seconds."""

    bytes_per_s: int
    period_s: int


class Job(Value):
    """libvirt's figures for the completed job; None where it gave none."""

    total_ms: int | None = None
    downtime_ms: int | None = None
    transferred_bytes: int | None = None
    rounds: int | None = None
    normal_pages: int | None = None
    zero_pages: int | None = None
    normal_bytes: int | None = None
    compression_pages: int | None = None
    compression_cache_misses: int | None = None
    throttle_pct: int | None = None
    disk_bytes: int | None = None
    postcopy_requests: int | None = None


class Outcome(Value):
    """How libvirt ended: ``error`` is its own message, None when it said that all went well.

    ``unsupported``: it cannot do such a thing here at all. ``recovered``: how often a
    post-copy that broke off was asked to go on. ``unmet``: what the policy asked for and the
    migration went without, in words.
    """

    started_ns: int
    ended_ns: int
    error: str | None = None
    unsupported: bool = False
    recovered: int = 0
    unmet: tuple[str, ...] = ()
    job: Job = Job()
