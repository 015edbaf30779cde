"""Fixtures of this repository's own scenarios; those for everybody come from the plugin."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from miglab.lab.embedded import EmbeddedLab

Cli = Callable[..., subprocess.CompletedProcess[str]]


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
def on_lab(miglab: Cli, lab: EmbeddedLab) -> Cli:
    """The command on the session's lab."""

    def run(*words: str, **options: str) -> subprocess.CompletedProcess[str]:
        command, *rest = words
        return miglab(command, "--lab", lab.place.name, *rest, **options)

    return run
