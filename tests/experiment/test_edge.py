"""The search as it is run: each trial is recorded first; what ends it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from miglab.errors import GuestError, LabError
from miglab.experiment import edge as module
from miglab.experiment.edge import EdgeExperiment, search_folder, timeout_seconds
from miglab.experiment.setting import Setting
from miglab.judge.edge import MIB, EdgeSearch
from miglab.judge.promise import Promise
from miglab.judge.trial import Trial, trial
from miglab.judge.verdict import judge
from miglab.observe.history import History
from miglab.scenario import Scenario
from miglab.workload import Load
from tests.edges import simulated, terms
from tests.histories import spoiled, write

Spoil = Callable[[Scenario], dict[str, object]]
LATE = "not done within 6 s, cancelled: operation aborted"
AT_HOME: dict[str, object] = {
    "domains.0": {"host": "source", "state": "running", "persistent": True},
    "domains.1": {"host": "target", "state": "absent"},
}


def by_the_model(scenario: Scenario) -> dict[str, object]:
    """How long it takes, or that it never ends."""
    assert isinstance(scenario.load, Load)
    total_ms = simulated(terms(), scenario.load).total_ms
    if total_ms is None:
        return AT_HOME | {"outcome.error": LATE}
    return {"outcome.job.total_ms": total_ms}


@dataclass
class Tried(EdgeExperiment):
    """An experiment, what it said, and how its migrations were set."""

    said: list[Trial] = field(default_factory=list)
    settings: list[Setting] = field(default_factory=list)


Make = Callable[..., Tried]


@pytest.fixture
def experiment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """A search whose migrations leave the record of tests/histories.py, spoiled by the load."""

    def make(spoil: Spoil = by_the_model, trials_max: int = 40) -> Tried:
        class Recorded:
            """In place of a migration: its record."""

            def __init__(self, _: object, scenario: Scenario, out: Path, setting: Setting) -> None:
                self.scenario, self.out = scenario, out
                made.settings.append(setting)

            def run(self) -> Path:
                plan: dict[str, Any] = {"plan.scenario": self.scenario.model_dump(mode="json")}
                name = f"{len(made.settings)}-{self.scenario.name}"
                return write(spoiled(plan | spoil(self.scenario)), self.out / name)

        monkeypatch.setattr(module, "Experiment", Recorded)
        nowhere: Any = None
        made = Tried(nowhere, EdgeSearch(terms(), Load()), tmp_path, trials_max)
        made.say = made.said.append
        return made

    return make


def test_it_tries_until_the_edge_is_known(experiment: Make) -> None:
    """Both axes; each trial is told as it comes."""
    made = experiment()
    made.run()
    found = made.search.answer
    assert found.state == "found"
    assert found.rates.broken is not None
    assert found.rates.broken.rate == 48 * MIB
    assert found.working_sets is not None
    assert found.working_sets.state == "found"
    assert made.said == list(found.trials)
    assert found.environment is not None


def test_each_record_can_be_judged_again(experiment: Make, tmp_path: Path) -> None:
    """To the very same trial: it lies there before anything is concluded."""
    made = experiment()
    made.run()
    for one in made.search.trials:
        history = History.read(tmp_path / one.record)
        assert trial(made.search.terms, one.load, history, judge(history), one.record) == one


def test_no_more_than_so_many(experiment: Make) -> None:
    """What is known then stays."""
    made = experiment(trials_max=3)
    made.run()
    assert len(made.search.trials) == 3
    assert made.search.answer.state == "unknown"


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"guest_after.load.mismatches": 1}, GuestError, "memory broken: "),
        (AT_HOME | {"outcome.error": "refused"}, LabError, "vm1 did not move: refused"),
    ],
)
def test_a_broken_guest_ends_the_search(
    experiment: Make,
    changes: dict[str, object],
    error: type[Exception],
    words: str,
) -> None:
    """In one line with the record; the trials before are kept."""

    def spoil(scenario: Scenario) -> dict[str, object]:
        fine = by_the_model(scenario)
        return changes if "12MiB" in scenario.name else fine

    made = experiment(spoil)
    with pytest.raises(error, match=words) as caught:
        made.run()
    assert type(caught.value) is error
    assert "2-precopy" in str(caught.value)
    assert str(caught.value).endswith("; the search ends here")
    assert len(made.search.trials) == 1


def test_ctrl_c_keeps_what_is_known(experiment: Make) -> None:
    """The trial that was interrupted is none."""

    def spoil(scenario: Scenario) -> dict[str, object]:
        if len(made.search.trials) == 2:
            raise KeyboardInterrupt
        return by_the_model(scenario)

    made = experiment(spoil)
    with pytest.raises(KeyboardInterrupt):
        made.run()
    assert len(made.search.trials) == 2


def test_the_promise_is_in_each_record_and_bounds_its_time(
    experiment: Make,
) -> None:
    """As a budget, and as the time after which the migration is given up."""
    made = experiment(trials_max=1)
    made.search.terms = terms(client_ms_max=250, total_ms_max=4000)
    made.run()
    history = History.read(made.folder / made.search.trials[0].record)
    assert history.plan.scenario.budget.client_ms_max == 250
    assert [setting.timeout_seconds for setting in made.settings] == [6]
    assert timeout_seconds(Promise(client_ms_max=250)) == 60


def test_a_search_has_a_folder_of_its_own(tmp_path: Path) -> None:
    """It is named and not made: what did not come about leaves nothing."""
    folder = search_folder(tmp_path, EdgeSearch(terms(), Load()))
    assert folder.parent == tmp_path
    assert folder.name.endswith("-edge-precopy+64MiBps-ws64MiB-sequential")
    assert not folder.exists()
