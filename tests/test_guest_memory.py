"""A guest's saved memory: made once for what the guest is, and not half."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from miglab import guest_memory
from miglab.declaration import load
from miglab.errors import GuestError
from miglab.guest.domain import Platform
from miglab.lab.lab import NESTED_PACE
from miglab.topology import Topology
from tests.machines import SHIPPED

PLATFORM = Platform(acceleration="qemu", machine="pc-q35-10.0", pace=NESTED_PACE)
TOPOLOGY = load(SHIPPED)


class Containers:
    """A lab that only counts."""

    made = ended = 0

    def __init__(self, place: Any, _topology: Topology) -> None:
        place.directory.mkdir(parents=True, exist_ok=True)

    def up(self, _say: object) -> None:
        """Counts."""
        Containers.made += 1

    def down(self, _say: object) -> None:
        """Counts."""
        Containers.ended += 1


@pytest.fixture
def saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was fetched, with all that makes a lab taken away."""
    fetched: list[str] = []

    def fetch(node: str, path: str, to: Path) -> None:
        to.write_bytes(b"memory")
        fetched.append(f"{node}:{path}")

    monkeypatch.setenv("MIGLAB_STATE", str(tmp_path))
    monkeypatch.setattr(guest_memory, "Containers", Containers)
    monkeypatch.setattr(guest_memory, "deploy", lambda *_: None)
    monkeypatch.setattr(guest_memory, "on_node", lambda *_, **__: "")
    monkeypatch.setattr(guest_memory, "_fetch", fetch)
    Containers.made = Containers.ended = 0
    return fetched


def silent(_: str) -> None:
    """Nobody listens."""


def test_it_is_made_once(saved: list[str]) -> None:
    """Of the host's memory and the storage node's disk; the containers are gone."""
    first = guest_memory.ensure(TOPOLOGY, PLATFORM, silent, lambda *_: None)
    assert guest_memory.ensure(TOPOLOGY, PLATFORM, silent, lambda *_: None) == first
    assert saved == [f"source:{guest_memory.SAVED}", "nfs:/opt/kvmshare/vm1.img"]
    assert {path.name for path in first.iterdir()} == {"memory.gz", "disk.gz"}
    assert (Containers.made, Containers.ended) == (1, 1)


@pytest.mark.usefixtures("saved")
def test_another_machine_is_another_memory() -> None:
    """So is another guest."""
    other = PLATFORM.model_copy(update={"machine": "pc-q35-7.2"})
    guest = TOPOLOGY.guest.model_copy(update={"vcpus": 1})
    smaller = TOPOLOGY.model_copy(update={"guest": guest})
    made = {
        guest_memory.ensure(topology, platform, silent, lambda *_: None)
        for topology, platform in ((TOPOLOGY, PLATFORM), (TOPOLOGY, other), (smaller, PLATFORM))
    }
    assert len(made) == 3


@pytest.mark.usefixtures("saved")
def test_what_does_not_boot_leaves_nothing(tmp_path: Path) -> None:
    """No containers, and no memory that is half there."""

    def never(*_: object) -> None:
        raise GuestError("vm1: did not boot")

    with pytest.raises(GuestError, match="did not boot"):
        guest_memory.ensure(TOPOLOGY, PLATFORM, silent, never)
    assert Containers.ended == 1
    assert not [*(tmp_path / "guests").iterdir()]


def test_another_s_image_is_not_replaced(tmp_path: Path) -> None:
    """One of ours is, and where there is none."""
    path, mine = tmp_path / "vm1.img", os.getuid()

    def code(owner: int, size: int) -> int:
        command = guest_memory.free_command(str(path), owner, size)
        return subprocess.run(["sh", "-c", command], capture_output=True, check=False).returncode

    assert code(mine, 4) == 0
    path.write_text("1234")
    assert code(mine, 9) == 0
    assert code(mine + 1, 9) == 1
    assert code(mine + 1, 4) == int(mine != 0)
