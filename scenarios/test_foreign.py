"""A guest that knows nothing of us, with a boot loader, kernel and load of its own, moves unharmed.

All that is claimed is what can be seen from outside; what only our program could tell is unknown.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from miglab.deadline import Deadline
from miglab.errors import UsageError
from miglab.experiment.migrate import Experiment
from miglab.experiment.setting import Setting
from miglab.guest_life import fleet, start_guest, stop_guest
from miglab.judge.evidence import Evidence
from miglab.judge.oracles.finding import BLACK_BOX
from miglab.judge.verdict import Verdict
from miglab.lab.access import on_node
from miglab.lab.embedded import EmbeddedLab
from miglab.lab.guest_disk import disk_path
from miglab.observe import console
from miglab.observe.history import History
from miglab.policy import Policy
from miglab.scenario import Scenario
from miglab.topology import Guest
from miglab.workload import Load
from scenarios.health import assert_silent, diagnosis

pytestmark = [pytest.mark.slow, pytest.mark.deadline(900)]

DEBIAN = Guest.model_validate(
    {
        "name": "debian1",
        "memory": "384MiB",
        "mac": "52:54:00:80:00:51",
        "address": "192.168.80.51",
        "disk": "1GiB",
        "system": "debian-13",
    }
)
THERE = Policy()
BACK = Policy(mode="postcopy", postcopy_after_ms=300)  # long before the first pass is over
ORACLES = ("memory", "disk", "identity", "guest_alive", "clock")
SETTING = Setting(ping_interval_ms=10, settle_seconds=8)
"""For a guest that is slow when emulated: to answer, and to write."""
WELL = re.compile(r"stress-ng: info: +\[(\d+)\] status: 3 run, 0 exit, 0 reap, 0 fail")


@dataclass
class Foreign:
    """The guest in ``lab``, and how long each host's log of its console was to begin with."""

    lab: EmbeddedLab
    sizes: dict[str, int] = field(default_factory=dict)

    def shell(self, host: str, script: str) -> str:
        """What ``script`` prints on ``host``."""
        return on_node(self.lab.place, host, script)

    def mark(self) -> None:
        """From now on."""
        script = console.size_script(DEBIAN.name)
        hosts = [node.name for node in self.lab.topology.hypervisors]
        self.sizes = {host: int(self.shell(host, script)) for host in hosts}

    def said(self, host: str) -> str:
        """What the guest wrote on its console there since."""
        return self.shell(host, console.growth_script(DEBIAN.name, self.sizes[host]))

    def home(self) -> str:
        """Where it is."""
        with fleet(self.lab) as hosts:
            return hosts.home().name

    def await_well(self, host: str) -> str:
        """The process id of the load once it says, from ``host``, that all is well."""
        seen = Deadline(120).until(
            lambda: WELL.search(self.said(host)), lambda: AssertionError(self.said(host))
        )
        return seen[1]


@pytest.fixture(scope="module")
def foreign(lab: EmbeddedLab) -> Iterator[Foreign]:
    """Debian on the session's nodes, in the place of our own guest."""
    stop_guest(lab)
    topology = lab.topology.model_copy(update={"guest": DEBIAN})
    debian = Foreign(EmbeddedLab(lab.place, topology))
    try:
        debian.mark()
        where, answer = start_guest(debian.lab, lambda _: None)
        assert answer is None
        debian.await_well(where)
        debian.mark()
        yield debian
    finally:
        stop_guest(debian.lab)
        on_node(lab.place, topology.storage.name, f"rm -f {disk_path(topology)}")
        start_guest(lab, lambda _: None)


def assert_all_that_is_seen_is_good(verdict: Verdict) -> None:
    """Nothing but the five things that nobody can know keeps it from passing."""
    assert verdict.verdict == "unknown", verdict.reasons
    assert verdict.reasons == tuple(f"{name} unknown: {BLACK_BOX}" for name in ORACLES)
    assert verdict.contradictions == ()
    dark, stopped = verdict.downtime_ms.client, verdict.downtime_ms.vcpu
    assert dark.value is not None, dark.note
    assert stopped.value is not None, stopped.note
    assert dark.value + (dark.uncertainty or 0) >= stopped.value


@pytest.mark.parametrize("policy", [THERE, BACK], ids=lambda policy: policy.mode)
def test_it_moves(
    foreign: Foreign, records: Path, recorded: Callable[[Path], Verdict], policy: Policy
) -> None:
    """Its load goes on as the same process, and its disk is written by the target alone."""
    source = foreign.home()
    load = foreign.await_well(source)
    assert_silent(diagnosis(foreign.lab))
    foreign.mark()
    folder = Experiment(foreign.lab, Scenario(policy=policy), records, SETTING).run()
    assert_all_that_is_seen_is_good(verdict := recorded(folder))
    history = History.read(folder)
    (moved,) = verdict.moves
    assert (moved.source, moved.target) == (source, foreign.home())
    states = {state.host: state.state for state in history.domains}
    assert states.pop(moved.target) == "running"
    assert set(states.values()) == {"absent"}
    told = {seen.host for seen in verdict.announced if seen.after_resume_ms is not None}
    assert told == {moved.target}
    evidence = Evidence(history)
    assert not [w for w in evidence.writes(source) if w.time_ns > moved.resumed_ns]
    assert [w for w in evidence.writes(moved.target) if w.time_ns > moved.resumed_ns]
    assert foreign.await_well(moved.target) == load
    assert not [line for one in history.consoles for line in one.complaints()]
    assert not any("load: begun" in foreign.said(host) for host in foreign.sizes)


def test_a_load_of_ours_is_refused(foreign: Foreign, tmp_path: Path) -> None:
    """Before anything is done; nothing is left."""
    home = foreign.home()
    with pytest.raises(UsageError, match="--load: expected none"):
        Experiment(foreign.lab, Scenario(load=Load()), tmp_path, SETTING).run()
    assert list(tmp_path.iterdir()) == []
    assert foreign.home() == home


def test_its_disk_outlives_it(foreign: Foreign) -> None:
    """One that is there is neither made nor replaced, whatever the guest has written to it."""
    inode = f"stat -c %i {disk_path(foreign.lab.topology)}"
    storage = foreign.lab.topology.storage.name
    before = foreign.shell(storage, inode)
    stop_guest(foreign.lab)
    foreign.mark()
    where, _ = start_guest(foreign.lab, lambda _: None)
    assert foreign.shell(storage, inode) == before
    foreign.await_well(where)
