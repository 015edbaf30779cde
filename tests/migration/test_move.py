"""One migration: what libvirt is told, and what is made of how it ends."""

import threading
from collections.abc import Callable
from typing import Any

import libvirt
import pytest

from miglab.errors import HypervisorError
from miglab.migration import move as move_module
from miglab.migration.move import Move, _progress, flags, parameters
from miglab.migration.watch import Watch, job_of
from miglab.observe.events import Job, Outcome, Progress
from miglab.policy import NAMED, Policy, named
from tests.fakes import FakeDomain, FakeHypervisor, refusal

ALWAYS = {"LIVE", "PERSIST_DEST", "UNDEFINE_SOURCE"}
MIB = 1 << 20

RUNNING: dict[str, Any] = {
    "type": libvirt.VIR_DOMAIN_JOB_UNBOUNDED,
    "operation": libvirt.VIR_DOMAIN_JOB_OPERATION_MIGRATION_OUT,
    "time_elapsed": 1474,
    "data_total": 286_404_608,
    "data_processed": 67_108_864,
    "data_remaining": 218_660_864,
    "memory_total": 286_404_608,
    "memory_processed": 67_108_864,
    "memory_remaining": 218_660_864,
    "memory_constant": 31_000,
    "memory_normal": 16_384,
    "memory_bps": 134_755_200,
    "memory_iteration": 1,
    "memory_page_size": 4096,
    "auto_converge_throttle": 20,
}
COMPLETED: dict[str, Any] = {
    "type": libvirt.VIR_DOMAIN_JOB_COMPLETED,
    "time_elapsed": 2600,
    "time_elapsed_net": 2599,
    "downtime": 145,
    "downtime_net": 144,
    "setup_time": 5,
    "data_processed": 196_869_471,
    "memory_processed": 196_869_400,
    "memory_iteration": 5,
    "memory_normal": 47_844,
    "memory_constant": 32_025,
    "memory_postcopy_requests": 0,
}
JOB = Job(
    total_ms=2600,
    downtime_ms=145,
    transferred_bytes=196_869_471,
    rounds=5,
    normal_pages=47_844,
    zero_pages=32_025,
    postcopy_requests=0,
)


def names(found: int) -> set[str]:
    """The names of libvirt's flags."""
    prefix = "VIR_MIGRATE_"
    all_flags = {
        name.removeprefix(prefix): value
        for name, value in vars(libvirt).items()
        if name.startswith(prefix) and isinstance(value, int)
    }
    return {name for name, value in all_flags.items() if value & found}


Told = tuple[set[str], dict[str, object]]
ZSTD: dict[str, object] = {"parallel.connections": 2, "compression": "zstd"}
TOLD: dict[str, Told] = {
    "precopy": (set(), {}),
    "postcopy": ({"POSTCOPY"}, {}),
    "auto-converge": ({"AUTO_CONVERGE"}, {}),
    "multifd": ({"PARALLEL"}, {"parallel.connections": 2}),
    "multifd-zstd": ({"PARALLEL", "COMPRESSED"}, ZSTD),
    "compressed": ({"COMPRESSED"}, {"compression": "xbzrle"}),
}


@pytest.mark.parametrize("policy", NAMED)
def test_what_libvirt_is_told(policy: str) -> None:
    """For each policy by name; the bandwidth is always among it."""
    more_flags, more_parameters = TOLD[policy]
    assert names(flags(named(policy))) == ALWAYS | more_flags
    assert parameters(named(policy)) == {"bandwidth": 128} | more_parameters


def test_peer_to_peer_is_a_flag() -> None:
    """The source then drives the migration."""
    assert "PEER2PEER" in names(flags(Policy(peer_to_peer=True)))


def test_a_completed_job_under_our_names() -> None:
    """All figures that libvirt gives, with its data figure before the memory's."""
    assert job_of(COMPLETED) == JOB
    without = {key: value for key, value in COMPLETED.items() if key != "data_processed"}
    assert job_of(without).transferred_bytes == 196_869_400
    assert job_of({}) == Job()


def test_progress_under_our_names() -> None:
    """What is shown while it runs; before the first round there is little."""
    found = _progress(RUNNING)
    assert found == Progress(
        time_ns=found.time_ns,
        elapsed_ms=1474,
        remaining=218_660_864,
        rate=134_755_200,
        iteration=1,
        throttle=20,
    )
    early = _progress({"type": libvirt.VIR_DOMAIN_JOB_UNBOUNDED, "time_elapsed": 3})
    assert (early.elapsed_ms, early.remaining, early.iteration) == (3, 0, 0)


class Stage:
    """A move between two fake hosts, and the means to decide what happens in it."""

    def __init__(self, policy: Policy = NAMED["precopy"]) -> None:
        self.over = threading.Event()
        self.domain = FakeDomain(self._last)
        self.there = FakeDomain()
        self.there.figures = COMPLETED
        self.source = FakeHypervisor("source", "running", self.domain)
        self.target = FakeHypervisor("target", "absent", self.there)
        self.watch = Watch((), "vm1")
        self.move = Move(self.source.real, self.target.real, "vm1", policy, self.watch)
        self.failure: Exception | None = None

    def _last(self) -> object:
        assert self.over.wait(60)
        if self.failure:
            raise self.failure
        return object()

    def run(self, seconds: float = 60, show: Callable[[Progress], None] | None = None) -> Outcome:
        """Runs it, over already unless a test still has to say so."""
        return self.move.run(seconds, show or (lambda _: None))

    def calls(self, name: str) -> list[tuple[Any, ...]]:
        """How the domain was called by that name."""
        return [call[1:] for call in self.domain.calls if call[0] == name]


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks often, so that nothing here takes long."""
    monkeypatch.setattr(move_module, "POLL_SECONDS", 0.002)


def test_a_guest_that_moves() -> None:
    """Direct: libvirt is given the target's connection."""
    stage = Stage()
    stage.over.set()
    stage.watch.job = Job(total_ms=1)
    outcome = stage.run()
    assert (outcome.error, outcome.job, outcome.unmet) == (None, Job(total_ms=1), ())
    assert outcome.started_ns <= outcome.ended_ns
    ((connection, told, how),) = stage.calls("migrate3")
    assert connection is stage.target
    assert (told, how) == (parameters(Policy()), flags(Policy()))


def test_peer_to_peer_names_the_target() -> None:
    """The source reaches it by its own name, over ssh."""
    stage = Stage(Policy(peer_to_peer=True))
    stage.over.set()
    assert stage.run().error is None
    ((uri, *_),) = stage.calls("migrateToURI3")
    assert uri.startswith("qemu+ssh://root@target/system")


def test_the_target_remembers_the_job() -> None:
    """Where the source's event has not come yet."""
    stage = Stage()
    stage.over.set()
    assert stage.run().job == JOB
    assert stage.there.calls == [("jobStats", libvirt.VIR_DOMAIN_JOB_STATS_COMPLETED)]


@pytest.mark.parametrize("gone", ["domain", "figures"])
def test_without_figures_the_move_still_succeeded(gone: str) -> None:
    """The guest may have been ended in the meantime, or libvirt has forgotten."""
    stage = Stage()
    stage.over.set()
    if gone == "domain":
        stage.target.found = None
    else:
        stage.there.refuses["jobStats"] = 1
    outcome = stage.run()
    assert (outcome.error, outcome.job) == (None, Job())


def test_what_libvirt_refuses_is_the_outcome() -> None:
    """In its own words, without figures, and without complaints about what came of it."""
    stage = Stage(named("postcopy"))
    stage.over.set()
    stage.failure = refusal("unsafe migration")
    outcome = stage.run()
    assert (outcome.error, outcome.job, outcome.unmet) == ("unsafe migration", Job(), ())


def test_a_guest_that_is_gone_cannot_be_moved() -> None:
    """Said before anything is begun."""
    nothing = FakeHypervisor("source")
    with pytest.raises(HypervisorError, match="source: vm1 is not there any more"):
        Move(nothing.real, nothing.real, "vm1", Policy(), Watch((), "vm1"))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_call_that_crashes_is_no_success() -> None:
    """Only libvirt's own word counts."""
    stage = Stage()
    stage.over.set()
    stage.failure = TypeError("bindings too old")
    assert stage.run().error == "libvirt did not say how it ended"


def test_a_late_move_is_cancelled_until_libvirt_takes_it() -> None:
    """What has not begun yet cannot be cancelled: the first word may be too early."""
    stage = Stage()
    stage.domain.refuses["abortJob"] = 2
    stage.failure = refusal("operation aborted: canceled by client")
    accepted = stage.domain.abortJob

    def abort() -> None:
        accepted()
        stage.over.set()

    stage.domain.abortJob = abort  # type: ignore[method-assign]
    outcome = stage.run(seconds=0.01)
    wanted = "not done within 0.01 s, cancelled: operation aborted: canceled by client"
    assert outcome.error == wanted
    assert len(stage.calls("abortJob")) >= 3


def test_a_late_move_that_succeeds_after_all_is_a_success() -> None:
    """It was done before the word came."""
    stage = Stage()

    def abort() -> None:
        stage.over.set()
        raise refusal("no job is active")

    stage.domain.abortJob = abort  # type: ignore[method-assign]
    assert stage.run(seconds=0.01).error is None


def test_a_move_that_cannot_be_ended_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Post-copy cannot be cancelled, and nobody waits for ever."""
    monkeypatch.setattr(move_module, "GRACE_SECONDS", 0.02)
    stage = Stage()
    stage.domain.refuses["abortJob"] = 10**6
    outcome = stage.run(seconds=0.01)
    assert outcome.error is not None
    assert outcome.error.endswith("cancelled and goes on: libvirt did not say how it ended")
    stage.over.set()


def test_ctrl_c_cancels() -> None:
    """The guest stays, and whoever pressed it is told."""
    stage = Stage()
    stage.domain.figures = RUNNING
    accepted = stage.domain.abortJob

    def abort() -> None:
        accepted()
        stage.over.set()

    def interrupt(_: Progress) -> None:
        raise KeyboardInterrupt

    stage.domain.abortJob = abort  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        stage.run(show=interrupt)
    assert stage.calls("abortJob")
    assert not [thread for thread in threading.enumerate() if thread.name == "migrate"]


def test_progress_is_shown_while_it_runs() -> None:
    """And kept for the record; a refusal in between is no matter."""
    stage = Stage()
    stage.domain.figures = RUNNING
    stage.domain.refuses["jobStats"] = 1
    shown: list[Progress] = []

    def show(progress: Progress) -> None:
        shown.append(progress)
        stage.over.set()

    assert stage.run(show=show).error is None
    assert stage.move.progress == shown
    assert shown[0].remaining == RUNNING["data_remaining"]


def test_no_progress_without_a_running_job() -> None:
    """Before libvirt has begun, its figures are those of nothing."""
    stage = Stage()
    asked = stage.domain.jobStats

    def stats(flags: int = 0) -> dict[str, Any]:
        stage.over.set()
        return asked(flags)

    stage.domain.jobStats = stats  # type: ignore[method-assign]
    stage.run()
    assert stage.move.progress == []


@pytest.mark.parametrize(
    ("policy", "call", "told", "first_round"),
    [
        (Policy(downtime_ms_max=100), "migrateSetMaxDowntime", (100,), 1),
        (named("postcopy"), "migrateStartPostCopy", (), 2),
    ],
)
class TestWhatIsSaidOnTheWay:
    """The downtime limit and the switch to post-copy are said while the guest is copied."""

    def test_it_is_said_once_and_again_when_refused(
        self, policy: Policy, call: str, told: tuple[object, ...], first_round: int
    ) -> None:
        """Until libvirt has taken it, and then no more."""
        stage = Stage(policy)
        stage.watch.iteration = first_round
        stage.domain.refuses[call] = 2
        stage.domain.figures = RUNNING
        turns: list[Progress] = []

        def show(progress: Progress) -> None:
            turns.append(progress)
            if len(turns) == 6:
                stage.over.set()

        outcome = stage.run(show=show)
        assert stage.calls(call) == [told] * 3
        assert outcome.unmet == ()

    def test_it_is_not_said_too_early(
        self, policy: Policy, call: str, told: tuple[object, ...], first_round: int
    ) -> None:
        """And where the move was over before, the outcome owns up to it."""
        stage = Stage(policy)
        stage.watch.iteration = first_round - 1
        stage.domain.figures = RUNNING
        outcome = stage.run(show=lambda _: stage.over.set())
        assert stage.calls(call) == []
        assert len(outcome.unmet) == 1
        assert all(str(word) in outcome.unmet[0] for word in told)
