"""What has to be there before a guest's disk can be taken along, and what is refused."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from miglab.declaration import load
from miglab.errors import UsageError
from miglab.experiment import migrate
from miglab.experiment.migrate import Experiment
from miglab.lab.place import Place
from miglab.policy import Policy
from miglab.scenario import Scenario

SHIPPED = load(Path(__file__).parents[2] / "inventories" / "topology.yaml")


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What is run on which node."""
    scripts: list[tuple[str, str]] = []
    monkeypatch.setattr(migrate, "on_node", lambda _, node, text: scripts.append((node, text)))
    return scripts


def prepare(name: str, storage: str) -> None:
    """Prepares the move by that policy of a guest whose disk lies there."""
    guest = SHIPPED.guest.model_copy(update={"storage": storage})
    topology = SHIPPED.model_copy(update={"guest": guest})
    lab = cast(Any, SimpleNamespace(topology=topology, place=Place("unit"), pace=1))
    policy = Policy.named(name)
    experiment = Experiment(lab, Scenario(policy=policy), Path("runs"))
    experiment._prepare_storage(policy, "target")


@pytest.mark.parametrize("name", ["precopy", "postcopy", "multifd-2+zstd", "tls", "offline"])
def test_a_shared_disk_needs_nothing(told: list[tuple[str, str]], name: str) -> None:
    """It is where it has to be."""
    prepare(name, "share")
    assert told == []


@pytest.mark.parametrize(
    ("name", "over"), [("copy-storage", False), ("copy-storage-inc", True), ("copy-storage+tls", 0)]
)
def test_a_local_disk_needs_a_place_on_the_target(
    told: list[tuple[str, str]], name: str, over: bool
) -> None:
    """There, and nowhere else; over the base if no more than the difference is copied."""
    prepare(name, "local")
    ((node, script),) = told
    assert node == "target"
    assert "qemu-img create" in script
    assert ("-b /var/lib/miglab/disks/vm1.base" in script) == over


@pytest.mark.parametrize(
    ("name", "storage", "line"),
    [
        ("precopy", "local", "--policy precopy: expected copy-storage with a disk that is local"),
        ("postcopy", "local", "--policy postcopy: expected copy-storage with a disk that is local"),
        ("copy-storage", "share", "--policy copy-storage: expected no copy-storage without a disk"),
        ("copy-storage-inc", "share", "expected no copy-storage without a disk that is local"),
    ],
)
def test_what_would_lose_the_disk_is_refused(
    told: list[tuple[str, str]], name: str, storage: str, line: str
) -> None:
    """In one line that names the key, before anything is touched."""
    with pytest.raises(UsageError) as refused:
        prepare(name, storage)
    said = str(refused.value)
    assert line in said
    assert said.endswith(f"(guest.storage in the declaration), found {storage}")
    assert "\n" not in said
    assert told == []


@pytest.mark.parametrize(
    ("policy", "line"),
    [
        (None, "expected a policy to migrate by, found none"),
        (Policy.named("offline"), "--policy offline: expected a guest that does not run: "),
        (Policy.named("offline+p2p"), "--policy offline+p2p: expected a guest that does not run: "),
    ],
    ids=["watched", "offline", "offline+p2p"],
)
def test_what_cannot_be_measured_is_refused(policy: Policy | None, line: str) -> None:
    """In one line, before the lab is asked for anything."""
    lab = cast(Any, SimpleNamespace(topology=SHIPPED, place=Place("unit"), pace=1))
    with pytest.raises(UsageError) as refused:
        Experiment(lab, Scenario(policy=policy), Path("runs")).run()
    assert str(refused.value).startswith(line)
    assert "\n" not in str(refused.value)
