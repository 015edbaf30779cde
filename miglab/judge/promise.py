"""What a migration is to keep, and whether one that was recorded kept it."""

from collections.abc import Iterator
from math import inf
from typing import Self

from pydantic import PositiveInt, model_validator

from miglab.errors import GuestError, LabError
from miglab.judge.bisection import Kept
from miglab.judge.measured import Grade, Measured
from miglab.judge.model import Prediction
from miglab.judge.oracles.alive import SLOW
from miglab.judge.oracles.finding import SILENT
from miglab.judge.verdict import Verdict, worst
from miglab.observe.history import History
from miglab.values import Value

TOTAL_RESOLUTION_MS = 1.0  # libvirt counts whole milliseconds
STARVED = (SLOW, SILENT)
LATE = ("not done within", "cancelled:")
KEPT: dict[Grade, Kept] = {"pass": "held", "fail": "broken", "unknown": "unknown"}


class Promise(Value):
    """The network is dark for ``client_ms_max`` at most, and all is done in ``total_ms_max``."""

    client_ms_max: PositiveInt | None = None
    total_ms_max: PositiveInt | None = None

    @model_validator(mode="after")
    def _promises(self) -> Self:
        if self.client_ms_max is None and self.total_ms_max is None:
            raise ValueError("expected client_ms_max, total_ms_max or both")
        return self

    def foreseen(self, prediction: Prediction) -> Kept:
        """Whether the model would have it kept: what never ends keeps nothing."""
        total_ms = inf if prediction.total_s is None else prediction.total_s * 1000
        dark = prediction.downtime_ms_min > (self.client_ms_max or inf)
        late = total_ms > (self.total_ms_max or inf)
        return "broken" if dark or late or not prediction.converges else "held"


def kept(promise: Promise, history: History, verdict: Verdict) -> Kept:
    """Whether the migration kept ``promise``: one broken part of it is enough.

    Raises GuestError when the guest was harmed, LabError when it did not move for another reason
    than time: nothing can be learnt then about the promise. On a busy machine a guest may be too
    starved to answer in time, or its load to get on: that makes for doubt. One that is dead is
    found out by the next trial.
    """
    for name, finding in verdict.integrity.by_name():
        if finding.state == "broken" and not finding.detail.startswith(STARVED):
            raise GuestError(f"{name} broken: {finding.detail}")
    if verdict.integrity.guest_alive.detail == SILENT:
        return "unknown"
    if error := history.outcome.error:
        if all(word in error for word in LATE):
            return "broken"
        raise LabError(f"{history.plan.guest} did not move: {error}")
    return KEPT[worst(_grades(promise, history, verdict))]


def _grades(promise: Promise, history: History, verdict: Verdict) -> Iterator[Grade]:
    """Each part by itself, and unknown for whatever is amiss that the figures do not show.

    Of vantages that contradict each other nobody knows which is right.
    """
    disputed = verdict.contradictions or (history.clocks and history.clocks.jumped)
    if promise.client_ms_max is not None:
        dark = verdict.downtime_ms.client.within(promise.client_ms_max)
        yield "unknown" if disputed else dark
    if promise.total_ms_max is not None:
        yield total(verdict).within(promise.total_ms_max)
    unsure = any(finding.state != "intact" for _, finding in verdict.integrity.by_name())
    if unsure or history.faults or disputed:
        yield "unknown"


def total(verdict: Verdict) -> Measured:
    """From the beginning of the job to its end, by libvirt's account."""
    total_ms = verdict.migration.total_ms
    if total_ms is None:
        return Measured.unknown("libvirt gave no figure")
    return Measured(value=total_ms, uncertainty=TOTAL_RESOLUTION_MS)
