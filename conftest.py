"""Fixtures of this repository's own scenarios; those for everybody come from the plugin."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from miglab.lab.lab import Lab
from miglab.strategies import register_profiles

register_profiles()
pytest_plugins = ["pytester"]  # for tests of our own plugin

ONLY = {"vagrant": {"test_tutorial.py", "test_vagrant.py"}}
"""Scenarios by the origin of the lab they are for; others make labs of containers themselves."""
MACHINES = {"test_vagrant.py"}

Cli = Callable[..., subprocess.CompletedProcess[str]]


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """With ``--lab vagrant`` what can be shown there, and that only there."""
    if collection_path.parent.name != "scenarios" or not collection_path.name.startswith("test_"):
        return None
    name, wanted = collection_path.name, ONLY.get(config.getoption("--lab"))
    return True if (name not in wanted if wanted else name in MACHINES) else None


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
