"""Harm that is done on purpose is seen, each by the oracle that is there for it."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from pydantic import ByteSize

from miglab.guest.control import GuestControl
from miglab.guest_life import control, fleet, start_guest, stop_guest
from miglab.judge.verdict import Verdict
from miglab.lab.embedded import EmbeddedLab
from miglab.scenario import Scenario
from miglab.workload import Load
from scenarios import violations
from scenarios.violations import on_line

IDLE = Load(working_set=ByteSize(16 << 20), rate=ByteSize(0), seed=77)
BEFORE, AFTER = "vm1: ", "reading the guest's journal"


def home(lab: EmbeddedLab) -> str:
    """Where the guest is."""
    with fleet(lab) as hosts:
        return hosts.home().name


def assert_broken(verdict: Verdict, oracle: str, words: str) -> None:
    """The run failed, and for that reason."""
    finding = getattr(verdict.integrity, oracle)
    assert verdict.verdict == "fail", verdict.reasons
    assert finding.state == "broken", finding.detail
    assert words in finding.detail
    assert any(reason.startswith(f"{oracle} broken") for reason in verdict.reasons)


def test_a_flipped_byte_of_memory(migrate: Any, lab: EmbeddedLab) -> None:
    """One bit of one page, changed in QEMU's own memory, is found after the move."""
    source = home(lab)
    plant = on_line(BEFORE, lambda: violations.flip_a_byte(lab, source, page=1234, seed=IDLE.seed))
    verdict = migrate(Scenario(load=IDLE), say=plant)
    assert_broken(verdict, "memory", "pages that were not what they had to be: 1")
    assert "page 1234" in verdict.integrity.memory.detail or "since boot" in str(verdict.reasons)


@pytest.mark.parametrize("size", [4096, 512], ids=["dropped", "torn"])
def test_a_journal_record_that_is_gone(
    migrate: Any, lab: EmbeddedLab, guest: GuestControl, size: int
) -> None:
    """A write that was acknowledged to the guest is overwritten in the image."""

    def plant() -> None:
        journal = guest.status().journal
        violations.overwrite_record(lab, journal.acked - 20, journal.slots, size)

    verdict = migrate(Scenario(load=IDLE), say=on_line(AFTER, plant))
    assert_broken(verdict, "disk", "acknowledged writes that are not in the image: 1 of")


def test_a_guest_that_is_reset(migrate: Any, lab: EmbeddedLab) -> None:
    """It is up again soon, and another one: its memory is gone."""

    def plant() -> None:
        with fleet(lab) as hosts:
            hosts.home().connection.lookupByName(lab.topology.guest.name).reset()

    verdict = migrate(Scenario(load=IDLE), say=on_line(BEFORE, plant))
    assert_broken(verdict, "identity", "the guest was booted anew")
    assert verdict.integrity.memory.state == "broken"


def test_a_beacon_that_is_stopped(migrate: Any, lab: EmbeddedLab) -> None:
    """Something in the guest ended what was to go on."""

    def plant() -> None:
        with control(lab) as another:
            another.set_beacon(0)

    verdict = migrate(Scenario(load=IDLE), say=on_line(BEFORE, plant))
    assert_broken(verdict, "guest_alive", "beacon was to go on, and has ended")


@pytest.mark.parametrize("module", ["ping", "stream", "beacon", "wire"])
def test_a_recorder_that_is_killed(migrate: Any, module: str) -> None:
    """What it would have seen is unknown, and so is the verdict."""
    plant = on_line(BEFORE, lambda: violations.recorder(module).kill())
    verdict = migrate(Scenario(load=IDLE), say=plant)
    assert verdict.verdict == "unknown", verdict.reasons
    assert any(reason.startswith(f"{module} recorder: ended") for reason in verdict.reasons)


@pytest.fixture
def expendable(lab: EmbeddedLab) -> Iterator[None]:
    """A guest that does not survive the test; another is started afterwards."""
    yield
    stop_guest(lab)
    start_guest(lab, lambda _: None)


@pytest.mark.usefixtures("guest", "expendable")
def test_a_source_copy_that_runs_on(lab: EmbeddedLab, project: Path) -> None:
    """The paused copy on the source is resumed while the guest runs on the target.

    libvirt's daemon on the source is held before it can end the copy, which is then told to go on.
    """
    source = home(lab)
    command = [sys.executable, "-m", "miglab", "migrate", "--lab", lab.place.name, "--json"]
    with subprocess.Popen(command, cwd=project, stdout=subprocess.PIPE, text=True) as process:
        with violations.second_copy(lab, source, psutil.Process(process.pid)):
            pass
        verdict = json.loads(process.communicate(timeout=120)[0])
    assert verdict["verdict"] == "fail", verdict["reasons"]
    assert verdict["integrity"]["identity"]["state"] == "broken"
    assert "two copies ran" in verdict["integrity"]["identity"]["detail"]
