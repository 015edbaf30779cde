"""What was seen while the guest was moved, as values; times are CLOCK_REALTIME in nanoseconds."""

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


class Progress(Value):
    """The job while it ran: bytes, bytes per second, rounds of copying, throttle in percent."""

    time_ns: int
    elapsed_ms: int
    remaining: int
    rate: int
    iteration: int
    throttle: int = 0


class Job(Value):
    """libvirt's figures for the completed job; None where it gave none."""

    total_ms: int | None = None
    downtime_ms: int | None = None
    transferred_bytes: int | None = None
    rounds: int | None = None
    normal_pages: int | None = None
    zero_pages: int | None = None
    postcopy_requests: int | None = None


class Outcome(Value):
    """How libvirt ended: ``error`` is its own message, None when it said that all went well.

    ``unmet``: what the policy asked for and the migration went without, in words.
    """

    started_ns: int
    ended_ns: int
    error: str | None = None
    unmet: tuple[str, ...] = ()
    job: Job = Job()
