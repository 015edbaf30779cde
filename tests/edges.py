"""Trials of a search that nobody has to wait for: what the model says is what comes about."""

from collections.abc import Callable

from pydantic import ByteSize

from miglab.judge.bisection import Kept
from miglab.judge.edge import MIB, EdgeSearch
from miglab.judge.measured import Measured
from miglab.judge.model import Precopy, predict
from miglab.judge.promise import Promise
from miglab.judge.trial import Terms, Trial
from miglab.policy import Policy
from miglab.workload import Load
from tests.histories import history

MAX_MIB_PER_S = 150.0  # what ``max`` comes to
Tell = Callable[[Trial], Kept]


def terms(**promise: int) -> Terms:
    """64 MiB/s, and done within 4 s unless another promise is given."""
    return Terms(
        promise=Promise(**(promise or {"total_ms_max": 4000})),
        policy=Policy(bandwidth=ByteSize(64 * MIB)),
        memory_bytes=256 * MIB,
    )


def simulated(terms: Terms, load: Load) -> Trial:
    """What the model makes of it."""
    rate = MAX_MIB_PER_S * MIB if load.rate == "max" else min(load.rate, MAX_MIB_PER_S * MIB)
    modelled = Precopy(
        memory_bytes=64 * MIB + load.working_set,
        bandwidth_bytes_per_s=terms.policy.bandwidth,
        dirty_rate_bytes_per_s=rate,
        working_set_bytes=load.working_set,
        downtime_limit_ms=300,
    )
    said = predict(modelled)
    done = said.total_s is not None
    unknown = Measured.unknown("it was given up")
    return Trial(
        load=load,
        kept=terms.promise.foreseen(said),
        client_ms=Measured(value=said.downtime_ms_min, uncertainty=20) if done else unknown,
        total_ms=round((said.total_s or 0) * 1000) if done else None,
        lasted_ms=(said.total_s or 6) * 1000,
        rounds=said.rounds,
        error=None if done else "not done within 6 s, cancelled: operation aborted",
        achieved_bytes_per_s=rate,
        modelled=modelled,
        predicted=said,
        record=f"20261125-{load.name}".replace("/s", "ps"),
    )


def searched(
    search: EdgeSearch, trials_max: int = 100, tell: Tell = lambda t: t.kept
) -> EdgeSearch:
    """Until it asks no more; ``tell`` may say something else of a trial than what came about."""
    while len(search.trials) < trials_max and (load := search.ask()):
        trial = simulated(search.terms, load)
        search.tell(trial.model_copy(update={"kept": tell(trial)}), history().environment)
    return search
