"""Faults in the middle of a migration, each with a promise made beforehand: moved, stayed, or lost.

They come in a round of copying or at a word of QEMU's, never after a while; and whatever they did,
the next migration is a good one.
"""

import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from pydantic import ByteSize

from miglab.experiment.deeds import At
from miglab.guest_life import start_guest, stop_guest
from miglab.judge.fate import Fate
from miglab.judge.verdict import Verdict
from miglab.lab.embedded import EmbeddedLab
from miglab.policy import Policy
from miglab.scenario import Scenario
from miglab.workload import Load
from scenarios import faults
from scenarios.machine import LATE

LOAD = Load.parse("ws=32MiB,rate=10MiB/s")
ENDLESS = Load.parse("ws=64MiB,rate=max")
PLAIN = Policy(bandwidth=ByteSize(64 << 20))
POSTCOPY = Policy.named("postcopy+postcopy-8MiB/s")

Make = Callable[[EmbeddedLab, str, str], faults.Deed]
"""The fault, for a lab and the names of source and target."""


class Case(NamedTuple):
    """``fault`` at ``moment``; what is promised to become of the guest."""

    name: str
    moment: int | str
    fault: Make
    promise: Fate
    policy: Policy = PLAIN
    load: Load = LOAD
    timeout_seconds: float = 60


HARMLESS = [
    Case("link cut briefly", 1, lambda lab, _, to: faults.link_cut(lab, to, 0.3), "moved"),
    Case("share stalled for 2 s", 1, lambda lab, *_: faults.share_stalled(lab, 2), "moved"),
    Case(
        "link cut for long",
        1,
        lambda lab, _, to: faults.link_cut(lab, to, 9),
        "stayed",
        timeout_seconds=5,
    ),
    Case("target's QEMU killed", 1, lambda lab, _, to: faults.qemu_killed(lab, to), "stayed"),
    Case(
        "target's libvirtd killed", 1, lambda lab, _, to: faults.libvirtd_killed(lab, to), "stayed"
    ),
    Case(
        "source's libvirtd killed", 1, lambda lab, at, _: faults.libvirtd_killed(lab, at), "stayed"
    ),
    *(
        Case(
            f"cancelled in round {number}",
            number,
            lambda lab, at, _: faults.cancelled(lab, at),
            "stayed",
            load=ENDLESS,
        )
        for number in (1, 2, 3)
    ),
]


@pytest.fixture(autouse=True)
def good_again(lab: EmbeddedLab, guest: Any) -> Iterator[None]:
    """The lab is as before, without being made anew, and what is left of the guest is enough."""
    yield
    faults.await_libvirt(lab)
    assert lab.status().up
    guest.ensure_running()


def afflicted(migrate: Any, lab: EmbeddedLab, case: Case) -> Verdict:
    """The verdict on a migration that meets the fault of ``case``."""
    source, target = faults.home_and_other(lab)
    fault, made = case.fault(lab, source, target), threading.Event()

    def deed() -> None:
        fault()
        made.set()

    at = At(case.moment, case.name, deed)
    scenario = Scenario(load=case.load, policy=case.policy)
    verdict: Verdict = migrate(scenario, at=(at,), timeout_seconds=case.timeout_seconds)
    assert made.is_set(), "the fault itself was not made"
    assert verdict.fate == case.promise, verdict.reasons
    return verdict


def assert_nothing_lost(verdict: Verdict) -> None:
    """Whatever became of the migration."""
    for name in ("memory", "disk", "identity"):
        finding = getattr(verdict.integrity, name)
        assert finding.state == "intact", f"{name}: {finding.detail}"


@pytest.mark.parametrize("case", HARMLESS, ids=[case.name.replace(" ", "-") for case in HARMLESS])
def test_the_guest_survives(migrate: Any, lab: EmbeddedLab, case: Case) -> None:
    """On the target if it was promised to move, on the source otherwise; nothing is lost."""
    verdict = afflicted(migrate, lab, case)
    assert_nothing_lost(verdict)
    moved, error = case.promise == "moved", verdict.migration.error
    assert (error is None) == moved
    assert case.load is not ENDLESS or LATE not in str(error), "it was given up before the fault"
    assert verdict.verdict != "pass" or moved, "a guest that stayed has not been migrated"


def test_a_target_without_memory(migrate: Any, lab: EmbeddedLab) -> None:
    """Its QEMU cannot have the guest's memory: refused, and the guest runs on."""
    _, target = faults.home_and_other(lab)
    with faults.little_memory(lab, target):
        verdict = migrate(Scenario(load=LOAD, policy=PLAIN))
    assert verdict.fate == "stayed", verdict.reasons
    assert verdict.verdict == "fail"
    assert_nothing_lost(verdict)


def test_the_client_is_killed(migrate: Any, lab: EmbeddedLab, project: Path, guest: Any) -> None:
    """Who drives it dies in its first round: the guest stays, and moves the next time."""
    source, _ = faults.home_and_other(lab)
    before = guest.status()
    command = [sys.executable, "-m", "miglab", "migrate", "--lab", lab.place.name]
    command += ["--bandwidth", "8MiB/s"]
    with subprocess.Popen(command, cwd=project, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert any(line.startswith("round") for line in process.stderr)
        process.send_signal(signal.SIGKILL)
    assert guest.status().boot_id == before.boot_id
    verdict = migrate(Scenario(load=LOAD, policy=PLAIN))
    assert (verdict.migration.source, verdict.fate) == (source, "moved"), verdict.reasons
    assert_nothing_lost(verdict)


LOST = Case(
    "source's QEMU killed in post-copy",
    "RESUME",
    lambda lab, at, _: faults.qemu_killed(lab, at),
    "lost",
    policy=POSTCOPY,
    load=ENDLESS,
    timeout_seconds=20,
)


def test_what_post_copy_cannot_survive(migrate: Any, lab: EmbeddedLab) -> None:
    """Pages that were not fetched yet die with the source: the verdict says that it is lost."""
    try:
        verdict = afflicted(migrate, lab, LOST)
        assert verdict.verdict == "fail"
        assert verdict.integrity.guest_alive.state == "broken", verdict.reasons
    finally:
        stop_guest(lab)
        start_guest(lab, lambda _: None)


def test_the_next_migration_is_a_good_one(migrate: Any) -> None:
    """After all that, in the same lab."""
    verdict = migrate(Scenario(load=LOAD, policy=Policy()))
    assert verdict.fate == "moved", verdict.reasons
    assert_nothing_lost(verdict)
