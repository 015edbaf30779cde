"""The guest, and what is done to it under observation; each verdict is noted for its test."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from miglab.errors import MiglabError
from miglab.pytest_plugin.kinds import Migrate, Recorded, Watch
from miglab.pytest_plugin.notes import note
from miglab.pytest_plugin.session import report_folder, session, worker

if TYPE_CHECKING:
    from miglab.experiment.session import Session
    from miglab.judge.verdict import Verdict
    from miglab.lab.lab import Lab
    from miglab.policy import Budget
    from miglab.pytest_plugin.line import Line
    from miglab.scenario import Scenario

T = TypeVar("T")


@pytest.fixture(scope="session")
def guest(lab: "Lab", request: pytest.FixtureRequest) -> Iterator["Line"]:
    """A line to the running guest; one that an earlier test left dead is started again."""
    from miglab.pytest_plugin.line import Line

    line = Line(lab)
    with line:
        line.ensure_running()
        session(request.config).guest = line
        yield line
    session(request.config).guest = None


@pytest.fixture(scope="session")
def records(request: pytest.FixtureRequest) -> Path:
    """The folder that runs are recorded in; each worker of pytest-xdist has one of its own."""
    return report_folder(request.config) / (worker(request.config) or "")


@pytest.fixture(scope="session")
def recorded(request: pytest.FixtureRequest) -> Recorded:
    """Judges a recorded run, writes its page, and notes both for the test that runs now."""

    def judged(folder: Path) -> "Verdict":
        from miglab.report.suite import keep

        verdict, page = keep(folder, report_folder(request.config))
        note(session(request.config).item, (verdict, folder, page))
        return verdict

    return judged


@pytest.fixture(scope="session")
def connections(guest: "Line", lab: "Lab") -> Iterator["Session"]:
    """What all runs of a session share, so that each begins at once."""
    from miglab.experiment.session import Session

    plainly(guest.ensure_running)
    with plainly(lambda: Session(lab)) as opened:
        yield opened


@pytest.fixture(scope="session")
def migrate(
    lab: "Lab",
    guest: "Line",
    connections: "Session",
    records: Path,
    recorded: Recorded,
) -> Migrate:
    """Runs, records and judges one scenario: ``migrate(scenario, **settings) -> Verdict``."""
    from miglab.experiment.migrate import Experiment
    from miglab.experiment.setting import Setting

    def run(scenario: "Scenario", **settings: Any) -> "Verdict":
        __tracebackhide__ = True
        experiment = Experiment(lab, scenario, records, Setting(**settings), connections)
        plainly(guest.ensure_running)
        return plainly(lambda: recorded(experiment.run()))

    return run


@pytest.fixture(scope="session")
def watch(
    lab: "Lab",
    guest: "Line",
    connections: "Session",
    records: Path,
    recorded: Recorded,
) -> Watch:
    """Records and judges what a deed does to the guest: ``watch(deed, **settings) -> Verdict``.

    A deed is a function without arguments, or a command as a list of words.
    """
    from miglab.experiment.setting import Setting
    from miglab.experiment.watch import Watching, running
    from miglab.policy import Budget

    def run(
        deed: Callable[[], Any] | Sequence[str], *, budget: "Budget | None" = None, **settings: Any
    ) -> "Verdict":
        __tracebackhide__ = True
        act = deed if callable(deed) else plainly(lambda: running([*deed], None, quiet=True))
        setting = Setting(**settings)
        watching = Watching(lab, act, records, budget or Budget(), setting, connections)
        plainly(guest.ensure_running)
        return plainly(lambda: recorded(watching.run()))

    return run


def plainly(action: Callable[[], T]) -> T:
    """What ``action`` gives. An error of ours shows its line and where the test stood, no more."""
    __tracebackhide__ = True
    try:
        return action()
    except MiglabError as error:
        raise error.with_traceback(None) from None
