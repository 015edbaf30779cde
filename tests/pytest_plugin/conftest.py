"""Suites inside our tests, with a lab and a guest that are none."""

from pathlib import Path

import pytest

# What suites in this process import is forgotten after each, unless it was there before.
import tests.histories
import tests.pytest_plugin.fakes  # noqa: F401

ROOT = Path(__file__).parents[2]
CONFTEST = """
import pytest
from miglab.pytest_plugin.session import session
from tests.histories import spoiled, write
from tests.pytest_plugin.fakes import FakeGuest, FakeLab

@pytest.fixture(scope="session")
def lab():
    return FakeLab()

@pytest.fixture(scope="session")
def guest(lab, request):
    session(request.config).guest = FakeGuest()
    return session(request.config).guest

@pytest.fixture
def run(records, recorded):
    def run(name, changes={}, where=records):
        folder = where / name
        folder.mkdir(parents=True)
        return recorded(write(spoiled(changes), folder))
    return run
"""


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A suite with fakes; ``run(name)`` records a good run there, which is really judged."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # others take their time
    monkeypatch.setenv("PYTEST_PLUGINS", "miglab.pytest_plugin")
    pytester.makeconftest(CONFTEST)
    pytester.makeini("[pytest]\njunit_family = xunit1\n")
    return pytester
