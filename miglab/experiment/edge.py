"""The search for the convergence edge, each trial one measured migration."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from miglab.errors import GuestError, LabError
from miglab.experiment.migrate import Experiment
from miglab.experiment.setting import Setting
from miglab.judge.edge import EdgeSearch
from miglab.judge.promise import Promise
from miglab.judge.trial import Trial, trial
from miglab.judge.verdict import judge
from miglab.lab.lab import Lab
from miglab.observe.history import History
from miglab.policy import Budget
from miglab.scenario import Scenario
from miglab.values import size_text
from miglab.workload import Load

PATIENCE = 1.5
"""Times the time promised: what is late by less shows by how much; nobody waits for the rest."""
TIMEOUT_SECONDS = 60.0  # of a trial, where no time was promised


@dataclass
class EdgeExperiment:
    """Tries what ``search`` asks for, ``trials_max`` times at most; records lie in ``folder``."""

    lab: Lab
    search: EdgeSearch
    folder: Path
    trials_max: int = 40
    setting: Setting = field(default_factory=Setting)
    say: Callable[[Trial], None] = lambda _: None

    def run(self) -> None:
        """Until there is nothing more to learn; what is known is in ``search``, also after errors.

        Raises GuestError when a trial harmed the guest, LabError when it did not move for another
        reason than time: nothing is to be learnt from a broken guest.
        """
        while len(self.search.trials) < self.trials_max:
            load = self.search.ask()
            if load is None:
                return
            self._try(load)

    def _try(self, load: Load) -> None:
        terms = self.search.terms
        budget = Budget(client_ms_max=terms.promise.client_ms_max)
        scenario = Scenario(load=load, policy=terms.policy, budget=budget)
        setting = replace(self.setting, timeout_seconds=timeout_seconds(terms.promise))
        record = Experiment(self.lab, scenario, self.folder, setting).run()
        history = History.read(record)
        try:
            found = trial(terms, load, history, judge(history), record.name)
        except (GuestError, LabError) as error:
            raise type(error)(f"{record}: {error}; the search ends here") from None
        self.search.tell(found, history.environment)
        self.say(found)


def timeout_seconds(promise: Promise) -> float:
    """When a trial is given up."""
    total_ms = promise.total_ms_max
    return TIMEOUT_SECONDS if total_ms is None else PATIENCE * total_ms / 1000


def search_folder(out: Path, search: EdgeSearch) -> Path:
    """Where below ``out`` the records of ``search`` belong: a name that tells when and what."""
    load = search.load
    what = f"ws{size_text(load.working_set)}-{load.pattern}"
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    policy = search.terms.policy.name.replace("/s", "ps").replace("%", "pct")
    return out / f"{stamp}-edge-{policy}-{what}"
