"""Fixtures of this repository's own scenarios; those for everybody come from the plugin."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from miglab.lab.lab import Lab

pytest_plugins = ["pytester"]  # for tests of our own plugin

MACHINES = "test_vagrant.py"
FOR: dict[str, set[str]] = {"vagrant": {"test_tutorial.py", MACHINES}, "site": set()}
"""Scenarios by the origin of the lab they are for, besides those marked ``anywhere``: all others do
to hosts what may be done to a lab's own containers alone."""

Cli = Callable[..., subprocess.CompletedProcess[str]]


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """What only virtual machines can show is for them alone."""
    others = config.getoption("--lab") != "vagrant" and collection_path.name == MACHINES
    return True if others and collection_path.parent.name == "scenarios" else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On somebody's own hosts nothing runs but what only moves a guest."""
    wanted = FOR.get(config.getoption("--lab"))
    if wanted is None:
        return
    others = [item for item in items if not (_is_anywhere(item) or item.path.name in wanted)]
    config.hook.pytest_deselected(items=others)
    items[:] = [item for item in items if item not in others]


def _is_anywhere(item: pytest.Item) -> bool:
    """Or no scenario of this repository's at all."""
    return item.path.parent.name != "scenarios" or bool(item.get_closest_marker("anywhere"))


@pytest.fixture(scope="session")
def project(request: pytest.FixtureRequest) -> Path:
    """The checkout."""
    return request.config.rootpath


@pytest.fixture(scope="session")
def miglab(project: Path) -> Cli:
    """The command as a user types it: ``miglab("status", "--json")``."""

    def run(
        *words: str, seconds: float = 300, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(Path(sys.executable).with_name("miglab")), *words],
            cwd=project,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    return run


@pytest.fixture(scope="session")
def on_lab(miglab: Cli, lab: Lab) -> Cli:
    """The command on the session's lab."""

    def run(*words: str, **options: str) -> subprocess.CompletedProcess[str]:
        command, *rest = words
        return miglab(command, "--lab", lab.place.name, *rest, **options)

    return run
