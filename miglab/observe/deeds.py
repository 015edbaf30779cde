"""What was done to the lab, on purpose, while the guest was moved."""

from miglab.values import Value


class Deed(Value):
    """``name`` was done because ``moment`` had come; times are CLOCK_REALTIME in nanoseconds.

    ``error`` is what went wrong in doing it.
    """

    name: str
    moment: str
    began_ns: int
    ended_ns: int
    error: str | None = None
