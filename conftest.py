"""Fixtures of this repository's own scenarios; those for everybody come from the plugin."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from miglab.lab.lab import Lab
from miglab.pytest_plugin.session import deselect

pytest_plugins = ["pytester"]  # for tests of our own plugin

MACHINES = "test_vagrant.py"
"""What only virtual machines can show."""

Cli = Callable[..., subprocess.CompletedProcess[str]]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On somebody's own hosts nothing runs but what only moves a guest."""
    origin = config.getoption("--lab")
    deselect(config, items, [item for item in items if not _is_for(item, origin)])


def _is_for(item: pytest.Item, origin: str) -> bool:
    """Most scenarios do to hosts what may be done to a lab's own containers alone."""
    if item.path.parent.name != "scenarios" or item.get_closest_marker("anywhere"):
        return True
    if item.path.name == MACHINES:
        return origin == "vagrant"
    return origin == "embedded" or (origin, item.path.name) == ("vagrant", "test_tutorial.py")


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
