"""A guest whose disk lies on its host alone takes it along: all of it, or what differs."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from miglab.errors import UsageError
from miglab.experiment.migrate import Experiment
from miglab.guest.local_disk import local_path
from miglab.guest_life import start_guest, stop_guest
from miglab.judge.verdict import Verdict
from miglab.lab.access import on_node
from miglab.lab.embedded import EmbeddedLab
from miglab.policy import NAMED, Policy
from miglab.scenario import Scenario
from miglab.workload import Load
from scenarios.health import assert_silent, diagnosis

LOAD = Load.parse("ws=16MiB,rate=5MiB/s")
Run = Callable[[Policy], Verdict]


@pytest.fixture(scope="module")
def local(lab: EmbeddedLab, guest: Any) -> Iterator[EmbeddedLab]:
    """The session's lab, with a guest whose disk is local; the other one comes back afterwards."""
    declared = lab.topology.guest.model_copy(update={"storage": "local"})
    opened = EmbeddedLab(lab.place, lab.topology.model_copy(update={"guest": declared}))
    stop_guest(lab)
    start_guest(opened, lambda _: None)
    yield opened
    stop_guest(opened)
    guest.ensure_running()


@pytest.fixture
def run(local: EmbeddedLab, records: Path, recorded: Any) -> Run:
    """Moves that guest, and judges."""

    def moved(policy: Policy) -> Verdict:
        experiment = Experiment(local, Scenario(load=LOAD, policy=policy), records)
        verdict: Verdict = recorded(experiment.run())
        return verdict

    return moved


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.policy(name))
        for name in ("copy-storage", "copy-storage-inc")
    ],
)
def test_the_disk_is_taken_along(local: EmbeddedLab, run: Run, name: str) -> None:
    """What the guest was told is written is on the target's disk, and over a base or not."""
    verdict = run(NAMED[name])
    assert verdict.fate == "moved", verdict.reasons
    for oracle in ("memory", "disk", "identity"):
        finding = getattr(verdict.integrity, oracle)
        assert finding.state == "intact", f"{oracle}: {finding.detail}"
    assert (verdict.migration.connections or 0) >= 2, "one for memory, and one for the disk"
    info = on_node(
        local.place, verdict.migration.target, f"qemu-img info -U {local_path(local.topology)}"
    )
    assert ("backing file" in info) == (name == "copy-storage-inc")


def test_the_doctor_is_silent(local: EmbeddedLab) -> None:
    """A disk that is declared to be local is no fault."""
    assert_silent(diagnosis(local, deep=True))


def test_what_would_lose_or_harm_the_disk_is_refused(
    lab: EmbeddedLab, local: EmbeddedLab, tmp_path: Path
) -> None:
    """A local disk without copying it; a shared one copied over itself. Nothing is recorded."""
    for where, policy in ((local, Policy()), (lab, NAMED["copy-storage"])):
        experiment = Experiment(where, Scenario(load=LOAD, policy=policy), tmp_path)
        with pytest.raises(UsageError, match=r"guest\.storage in the declaration"):
            experiment.run()
    assert list(tmp_path.iterdir()) == []
