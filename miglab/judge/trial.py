"""One migration of a search: what it was to move, whether the promise was kept, what was foreseen.

The model's bandwidth is the policy's, its limit QEMU's own unless the policy sets one, its memory
what the guest has declared less what is free in it, and its dirty rate the one that the load
really reached while it was moved: an emulated guest that shares its cores with the migration is
slower then than before.
"""

from pydantic import PositiveInt

from miglab.judge.bisection import Kept
from miglab.judge.measured import NS_PER_MS, Measured
from miglab.judge.model import Precopy, Prediction, predict
from miglab.judge.oracles.alive import pace
from miglab.judge.promise import Promise, kept
from miglab.judge.verdict import Verdict
from miglab.observe.history import History
from miglab.policy import Policy
from miglab.values import Value
from miglab.workload import Load


class Terms(Value):
    """What is the same in all trials: the promise, the policy, the guest's memory."""

    promise: Promise
    policy: Policy
    memory_bytes: PositiveInt

    def foresees(self, load: Load) -> bool:
        """Whether the model knows this way of moving, and of writing."""
        return self.policy.mode == "precopy" and load.pattern != "hotspot"


class Trial(Value):
    """What is known of one migration; ``record`` is the name of its folder.

    ``lasted_ms`` is by our clock from the call to its end, also where libvirt has no figure.

    ``predicted`` is what plain pre-copy would cost by the model in ``modelled``; both are None
    where that has nothing to say: for post-copy and for hotspots.
    """

    load: Load
    kept: Kept
    client_ms: Measured
    total_ms: int | None
    lasted_ms: float
    rounds: int | None
    error: str | None
    achieved_bytes_per_s: float | None
    modelled: Precopy | None
    predicted: Prediction | None
    record: str


def trial(terms: Terms, load: Load, history: History, verdict: Verdict, record: str) -> Trial:
    """What the recorded migration says; raises as :func:`kept` does."""
    modelled = model(terms, load, history)
    return Trial(
        load=load,
        kept=kept(terms.promise, history, verdict),
        client_ms=verdict.downtime_ms.client,
        total_ms=verdict.migration.total_ms,
        lasted_ms=(history.outcome.ended_ns - history.outcome.started_ns) / NS_PER_MS,
        rounds=verdict.migration.rounds,
        error=verdict.migration.error,
        achieved_bytes_per_s=achieved(history),
        modelled=modelled,
        predicted=predict(modelled) if modelled else None,
        record=record,
    )


def achieved(history: History) -> float | None:
    """Bytes per second that the load rewrote while it was moved, by the guest's own clock."""
    before, after = history.guest_before, history.guest_settled
    if before is None or after is None or after.mono_ns <= before.mono_ns:
        return None
    return max(0.0, pace(before, after))


def model(terms: Terms, load: Load, history: History) -> Precopy | None:
    """The five numbers of that migration; None where the model has nothing to say of it."""
    before, rate = history.guest_before, achieved(history)
    if before is None or rate is None or not terms.foresees(load):
        return None
    return Precopy(
        memory_bytes=max(terms.memory_bytes - before.mem_free_kib * 1024, load.working_set),
        bandwidth_bytes_per_s=terms.policy.bandwidth,
        dirty_rate_bytes_per_s=rate,
        working_set_bytes=load.working_set,
        downtime_limit_ms=terms.policy.limit_ms,
        pattern="random" if load.pattern == "random" else "sequential",
    )
