"""What pre-copy must cost, from five numbers: a prediction to hold measurements against.

After Clark et al., "Live Migration of Virtual Machines", NSDI'05 (rounds, the writable working
set, the stop), with the amount dirtied in a round written out for two ways of writing::

    V(0)   = M                           the first round sends all used memory
    t(i)   = V(i) / B                    a round lasts as long as sending takes
    V(i+1) = U(t(i))                     the next sends what was dirtied meanwhile
    U(t)   = min(W, D·t)                 sequential: a page once, until the set wraps
    U(t)   = W·(1 - exp(-D·t / W))       uniform random: some pages more than once
    the source stops as soon as V < S = B·L

V falls towards the largest fixed point of ``V = U(V/B)``; migration converges if and only if that
lies below S. "Converges if D < B" is not exact: a working set below S converges at any rate.
While a sequential load is unsaturated (r = D/B < 1, V < W) the closed form is
``n = ceil(ln(S/M) / ln r)`` rounds in ``(M/B)·(1 - r^n)/(1 - r)``.

The model knows neither zero pages, compression, throttling nor the guest's slowing down, and its
downtime is a lower bound: device state, disk flush, half a round trip and relearning come on top.
"""

from math import expm1
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from miglab.values import Value

ROUNDS_MAX = 10_000
"""A migration that converges only after more is given no rounds and no time."""

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Precopy(Value):
    """M, B, D, W and L of the model, in bytes, bytes per second and milliseconds."""

    memory_bytes: Positive
    bandwidth_bytes_per_s: Positive
    dirty_rate_bytes_per_s: NotNegative
    working_set_bytes: NotNegative
    downtime_limit_ms: Positive
    pattern: Literal["sequential", "random"] = "sequential"

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.working_set_bytes > self.memory_bytes:
            raise ValueError("expected a working set no larger than the memory")
        return self

    @property
    def switch_over_bytes(self) -> float:
        """S = B·L: what can be sent within the downtime limit."""
        return self.bandwidth_bytes_per_s * self.downtime_limit_ms / 1000

    def dirtied_bytes(self, seconds: float) -> float:
        """U(t): how much is dirty after ``seconds`` of writing."""
        written, working_set = self.dirty_rate_bytes_per_s * seconds, self.working_set_bytes
        if self.pattern == "sequential" or working_set == 0:
            return min(working_set, written)
        return -working_set * expm1(-written / working_set)

    def next_bytes(self, volume_bytes: float) -> float:
        """V(i+1) from V(i)."""
        return self.dirtied_bytes(volume_bytes / self.bandwidth_bytes_per_s)


class Prediction(Value):
    """What the model says; times without device state, flush and relearning.

    ``rounds`` counts the rounds before the stop: 0 when all memory fits into the downtime limit.
    Without convergence ``rounds`` and the three sums are None, and residual and downtime are those
    of a stop forced at the fixed point.
    """

    converges: bool
    rounds: int | None
    live_s: float | None
    total_s: float | None
    traffic_bytes: float | None
    residual_bytes: float
    downtime_ms_min: float


def predict(load: Precopy) -> Prediction:
    """Rounds, times, traffic and the least downtime of ``load``."""
    floor_bytes = fixed_point_bytes(load)
    converges = floor_bytes < load.switch_over_bytes
    volumes = _volumes(load) if converges else None
    residual = volumes[-1] if volumes else floor_bytes
    bandwidth = load.bandwidth_bytes_per_s
    return Prediction(
        converges=converges,
        rounds=len(volumes) - 1 if volumes else None,
        live_s=sum(volumes[:-1]) / bandwidth if volumes else None,
        total_s=sum(volumes) / bandwidth if volumes else None,
        traffic_bytes=sum(volumes) if volumes else None,
        residual_bytes=residual,
        downtime_ms_min=residual / bandwidth * 1000,
    )


def fixed_point_bytes(load: Precopy) -> float:
    """The largest V with V = U(V/B): the residual that no further round can lower.

    Sequential: 0 for D < B, else W. Random: x = V/W solves x = 1 - exp(-r·x), which has a root
    above 0 only for r > 1; it lies between (r - 1)/r² and 1.
    """
    ratio = load.dirty_rate_bytes_per_s / load.bandwidth_bytes_per_s
    if ratio < 1 or (ratio == 1 and load.pattern == "random"):
        return 0.0
    if load.pattern == "sequential":
        return load.working_set_bytes
    low, high = (ratio - 1) / ratio**2, 1.0
    while low < (middle := (low + high) / 2) < high:
        low, high = (middle, high) if -expm1(-ratio * middle) > middle else (low, middle)
    return load.working_set_bytes * high


def _volumes(load: Precopy) -> list[float] | None:
    """V(0) … V(n), the last below S; None when that takes more than ``ROUNDS_MAX`` rounds."""
    volumes = [load.memory_bytes]
    while volumes[-1] >= load.switch_over_bytes:
        if len(volumes) > ROUNDS_MAX:
            return None
        volumes.append(load.next_bytes(volumes[-1]))
    return volumes
