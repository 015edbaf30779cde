"""A walk through a lab: deeds are written down one by one, and after each all is as expected."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from miglab.experiment.loading import UNTOUCHED
from miglab.experiment.migrate import Experiment
from miglab.experiment.session import Session
from miglab.experiment.setting import Setting
from miglab.guest.status import GuestStatus
from miglab.judge.verdict import Verdict
from miglab.lab.embedded import EmbeddedLab
from miglab.migration.hypervisor import Hypervisor
from miglab.policy import Policy
from miglab.pytest_plugin.kinds import Recorded
from miglab.pytest_plugin.line import Line
from miglab.scenario import Scenario
from miglab.workload import Load
from scenarios import faults

QUICKLY = Setting(baseline_seconds=0.5, settle_seconds=0.3, timeout_seconds=60)
LATE = "not done within"
"""libvirt's error begins so when we gave up: a busy machine, and nothing that is wrong."""
TOO_MANY = "too many to reckon"
STEPS = "steps.txt"


@dataclass
class Bench:
    """What all walks of one test share."""

    lab: EmbeddedLab
    guest: Line
    session: Session
    recorded: Recorded
    records: Path
    walks: "list[Walk]" = field(default_factory=list)

    def walk(self) -> "Walk":
        """A new one, from a lab that is whole: links up, the guest running and without a load."""
        for node in self.lab.topology.nodes:
            link = ["ip", "-n", self.lab.place.fabric, "link", "set", node.name, "up"]
            subprocess.run(link, check=True, capture_output=True)
        faults.await_libvirt(self.lab)
        self.guest.ensure_running()
        self.guest.set_load(None)
        folder = self.records / f"walk-{time.strftime('%Y%m%d-%H%M%S')}-{len(self.walks) + 1}"
        folder.mkdir(parents=True)
        self.walks.append(Walk(self, folder, self.guest.status()))
        return self.walks[-1]

    def failed(self) -> list[Path]:
        """The folders of walks that came upon something."""
        return [walk.folder for walk in self.walks if walk.failed]


@dataclass
class Walk:
    """``known`` is what the guest said last; ``home`` and ``load`` are what it was made to be."""

    bench: Bench
    folder: Path
    known: GuestStatus
    load: Load | None = None
    home: str = ""
    failed: bool = False

    def __post_init__(self) -> None:
        self.bench.session.fleet.renew()
        self.home = self.bench.session.fleet.home().name

    @contextmanager
    def doing(self, what: str) -> Iterator[None]:
        """Writes down what is done in the block, how long it took and whether it failed."""
        began, ended = time.monotonic(), "done"
        try:
            yield
        except BaseException as error:
            self.failed, ended = True, f"FAILED: {error}"
            raise
        finally:
            with (self.folder / STEPS).open("a") as steps:
                steps.write(f"{what}: {ended}, {time.monotonic() - began:.1f} s\n")

    def host(self, number: int) -> str:
        """The one that the guest is on is 0, then come the others, round and round."""
        names = [node.name for node in self.bench.lab.topology.hypervisors]
        names.sort(key=lambda name: name != self.home)
        return names[number % len(names)]

    def other(self, number: int) -> str:
        """One that the guest is not on."""
        return self.host(1 + number % (len(self.bench.lab.topology.hypervisors) - 1))

    def hypervisor(self, name: str) -> Hypervisor:
        """The connection to it that all share."""
        return self.bench.session.fleet.hosts[name]

    def migrate(self, policy: Policy, setting: Setting) -> Verdict:
        """Nothing is lost, and the guest is where the verdict has it."""
        bench, scenario = self.bench, Scenario(policy=policy)
        experiment = Experiment(bench.lab, scenario, self.folder, setting, bench.session)
        verdict = bench.recorded(experiment.run())
        self.load = self.load or UNTOUCHED
        error = verdict.migration.error
        assert verdict.fate == ("moved" if error is None else "stayed"), verdict.reasons
        if error is None:
            self.home = verdict.migration.target or self.home
        assert_nothing_lost(verdict)
        return verdict


def assert_nothing_lost(verdict: Verdict) -> None:
    """By what was lost or not; how fast all went is the business of a machine that is idle.

    A busy one may have no time for the beacon that the guest's clock is told by.
    """
    for name in ("memory", "disk", "identity", "clock"):
        finding = getattr(verdict.integrity, name)
        untold = finding.state == "unknown" and (name == "clock" or TOO_MANY in finding.detail)
        assert finding.state == "intact" or untold, f"{name} {finding.state}: {finding.detail}"


def assert_alone(walk: Walk) -> None:
    """The guest runs on one host, and no other has so much as a definition of it."""
    fleet = walk.bench.session.fleet
    fleet.renew()
    for state in fleet.states():
        expected = "running" if state.host == walk.home else "absent"
        assert state.state == expected, f"{state.host}: expected {expected}, found {state.state}"


def assert_itself(walk: Walk) -> None:
    """The same boot, whole memory by a sweep, and no counter that went back."""
    guest, before = walk.bench.guest, walk.known
    now = guest.status() if walk.load is None else guest.sweep()
    assert now.boot_id == before.boot_id, "it was booted anew"
    assert now.load.mismatches == before.load.mismatches, now.load.first_mismatch
    assert now.journal.acked >= before.journal.acked
    assert now.journal.errors == before.journal.errors, now.journal.errno
    assert now.mono_ns > before.mono_ns
    assert_loaded(now, walk.load)
    walk.known = now


def assert_loaded(now: GuestStatus, load: Load | None) -> None:
    """It does what it was told, and nothing else."""
    found = now.load
    assert (found.state == "running") == (load is not None), found.state
    if load is not None:
        told = (load.working_set, load.rate, load.pattern, load.seed)
        assert (found.working_set, found.rate, found.pattern, found.seed) == told
