"""pytest's side of a lab: options, and fixtures that are nouns, such as `lab` and `guest`.

The lab of a session is its own (``--lab-name``), so a lab that somebody works with stays as it is.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from miglab.guest.control import GuestControl
    from miglab.judge.verdict import Verdict
    from miglab.lab.embedded import EmbeddedLab
    from miglab.scenario import Scenario

Migrate = Callable[..., "Verdict"]
Watch = Callable[..., "Verdict"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of a lab."""
    group = parser.getgroup("miglab", "live-migration lab")
    group.addoption("--lab", choices=["embedded"], default="embedded", help="where nodes come from")
    group.addoption("--lab-name", default="scenarios", help="which lab (default: scenarios)")
    group.addoption(
        "--lab-topology",
        type=Path,
        default=Path("inventories/topology.yaml"),
        help="the declaration (default: inventories/topology.yaml)",
    )
    group.addoption("--lab-keep", action="store_true", help="leave the lab up at the end")
    group.addoption(
        "--lab-report",
        type=Path,
        default=Path("runs"),
        help="where runs are recorded (default: runs)",
    )


@pytest.fixture(scope="session")
def lab(request: pytest.FixtureRequest) -> Iterator["EmbeddedLab"]:
    """The session's lab: up, provisioned, and taken down at the end unless it is to be kept."""
    from miglab.declaration import load
    from miglab.lab.deployment import deploy
    from miglab.lab.embedded import EmbeddedLab, machine_memory
    from miglab.lab.place import Place

    root = request.config.rootpath
    path = root / request.config.getoption("--lab-topology")
    place = Place(request.config.getoption("--lab-name"))
    opened = EmbeddedLab(place, load(path, machine_memory()))
    try:
        opened.up()
        deploy(place, path, root)
        yield opened
    finally:
        if not request.config.getoption("--lab-keep"):
            opened.down()


@pytest.fixture(scope="session")
def nodes(lab: "EmbeddedLab") -> dict[str, Any]:
    """testinfra's hosts by node name, over the lab's ssh_config."""
    import testinfra

    config = str(lab.place.ssh_config)
    return {
        node.name: testinfra.get_host(f"ssh://{node.name}", ssh_config=config)
        for node in lab.topology.nodes
    }


@pytest.fixture
def guest(lab: "EmbeddedLab") -> Iterator["GuestControl"]:
    """A line to the running guest; one that an earlier test left dead is started again."""
    from miglab.guest_life import control, start_guest

    start_guest(lab, lambda _: None)
    with control(lab) as line:
        yield line


@pytest.fixture
def recorded(
    record_property: Callable[[str, object], None],
) -> Callable[[Path], "Verdict"]:
    """Judges a recorded run, and says in the JUnit report what was found and where it lies."""
    from miglab.judge.verdict import judge
    from miglab.observe.history import History

    def judged(folder: Path) -> "Verdict":
        verdict = judge(History.read(folder))
        record_property("verdict", verdict.verdict)
        record_property("record", str(folder))
        for name, figure in verdict.downtime_ms:
            record_property(f"downtime_ms_{name}", figure.value)
        return verdict

    return judged


@pytest.fixture(scope="session")
def records(request: pytest.FixtureRequest) -> Path:
    """The folder that runs are recorded in."""
    out: Path = request.config.rootpath / request.config.getoption("--lab-report")
    return out


@pytest.fixture
def migrate(
    lab: "EmbeddedLab",
    guest: "GuestControl",  # noqa: ARG001 - it has to run before it can be moved
    records: Path,
    recorded: Callable[[Path], "Verdict"],
) -> Migrate:
    """Runs, records and judges one scenario: ``migrate(scenario, **settings) -> Verdict``."""
    from miglab.experiment.migrate import Experiment
    from miglab.experiment.setting import Setting

    def run(scenario: "Scenario", **settings: Any) -> "Verdict":
        return recorded(Experiment(lab, scenario, records, Setting(**settings)).run())

    return run


@pytest.fixture
def watch(
    lab: "EmbeddedLab",
    guest: "GuestControl",  # noqa: ARG001 - it has to run before it can be watched
    records: Path,
    recorded: Callable[[Path], "Verdict"],
) -> Watch:
    """Records and judges what a deed does to the guest: ``watch(deed, **settings) -> Verdict``."""
    from miglab.experiment.setting import Setting
    from miglab.experiment.watch import Watching

    def run(deed: Callable[[], None], **settings: Any) -> "Verdict":
        return recorded(Watching(lab, deed, records, setting=Setting(**settings)).run())

    return run
