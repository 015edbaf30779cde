"""What the parts of the plugin know of one session."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from miglab.lab.lab import Lab
    from miglab.pytest_plugin.line import Line


@dataclass
class Session:
    """``lab`` and ``guest`` once a test has asked for them; ``cause`` once the lab is lost."""

    lab: "Lab | None" = None
    guest: "Line | None" = None
    cause: str | None = None
    item: pytest.Item | None = None


KEY = pytest.StashKey[Session]()


def session(config: pytest.Config) -> Session:
    """The one of this process."""
    return config.stash.setdefault(KEY, Session())


def uses_lab(item: pytest.Item) -> bool:
    """Whether the test asks for the lab, itself or by another fixture."""
    return "lab" in getattr(item, "fixturenames", ())


def deselect(config: pytest.Config, items: list[pytest.Item], others: list[pytest.Item]) -> None:
    """Takes ``others`` out of what is to run, and says so."""
    if others:
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if item not in others]


def worker(config: pytest.Config) -> str | None:
    """``gw0``, … in a worker of pytest-xdist, which need not be installed."""
    known: dict[str, Any] = getattr(config, "workerinput", {})
    return known.get("workerid")


def lab_name(config: pytest.Config) -> str:
    """The session's lab; each worker has one of its own, and a name says where nodes come from."""
    origin, given = config.getoption("--lab"), config.getoption("--lab-name")
    name = (
        (given or "scenarios") if origin == "embedded" else origin + (f"-{given}" if given else "")
    )
    mine = worker(config)
    return f"{name}-{mine}" if mine else name


def patience(config: pytest.Config) -> float:
    """How many times as long as with containers things may take in the session's lab."""
    from miglab.lab.place import PATIENCE

    return PATIENCE[config.getoption("--lab")]


def report_folder(config: pytest.Config) -> Path:
    """Where the page of the whole run lies, and below it what was recorded."""
    folder: Path = config.rootpath / config.getoption("--lab-report")
    return folder
