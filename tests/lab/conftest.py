"""What tests of the lab's parts have in common: a state directory of their own, a declared lab."""

from pathlib import Path

import pytest

from miglab.declaration import load
from miglab.lab.place import Place
from miglab.topology import Topology

SHIPPED = Path(__file__).parents[2] / "inventories" / "topology.yaml"


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state directory that only this test sees."""
    monkeypatch.setenv("MIGLAB_STATE", str(tmp_path))
    return tmp_path


@pytest.fixture
def place(state: Path) -> Place:
    """A lab's names and paths below the test's own state directory."""
    assert state.is_dir()
    return Place("unit")


@pytest.fixture(scope="session")
def topology() -> Topology:
    """The declaration that comes with the project."""
    return load(SHIPPED)
