"""One migration: what libvirt is told, and what is made of how it ends."""

import json
import threading
from typing import Any

import libvirt
import pytest

from miglab.errors import HypervisorError
from miglab.migration import move as move_module
from miglab.migration.listener import Listener, job_of
from miglab.migration.move import Move, flags, parameters
from miglab.observe.events import Event, Job, Outcome
from miglab.policy import NAMED, Policy
from tests.fakes import FakeDomain, FakeHypervisor, refusal

ALWAYS = {"LIVE", "PERSIST_DEST", "UNDEFINE_SOURCE"}
MIB = 1 << 20

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
TWO: dict[str, object] = {"parallel.connections": 2}
THROTTLED: dict[str, object] = {"auto_converge.initial": 50, "auto_converge.increment": 20}
TOLD: dict[str, Told] = {
    "precopy": (set(), {}),
    "precopy+32MiB/s": (set(), {"bandwidth": 32}),
    "precopy+limit-50ms": (set(), {}),
    "precopy+limit-2000ms": (set(), {}),
    "auto-converge": ({"AUTO_CONVERGE"}, {}),
    "auto-converge+throttle-50%+more-20%": ({"AUTO_CONVERGE"}, THROTTLED),
    "postcopy": ({"POSTCOPY"}, {}),
    "postcopy+after-300ms+postcopy-64MiB/s": ({"POSTCOPY"}, {"bandwidth.postcopy": 64}),
    "multifd-2": ({"PARALLEL"}, TWO),
    "multifd-4": ({"PARALLEL"}, {"parallel.connections": 4}),
    "multifd-2+zlib": ({"PARALLEL", "COMPRESSED"}, TWO | {"compression": "zlib"}),
    "multifd-2+zstd": ({"PARALLEL", "COMPRESSED"}, TWO | {"compression": "zstd"}),
    "xbzrle": ({"COMPRESSED"}, {"compression": "xbzrle"}),
    "tls": ({"TLS"}, {"tls.destination": "there"}),
    "p2p": ({"PEER2PEER"}, {}),
    "p2p+tunnelled": ({"PEER2PEER", "TUNNELLED"}, {}),
    "copy-storage": ({"NON_SHARED_DISK"}, {}),
    "copy-storage-inc": ({"NON_SHARED_INC"}, {}),
    "multifd-2+zero-copy": ({"PARALLEL", "ZEROCOPY"}, TWO),
    "dirty-limit": (set(), {}),
}


@pytest.mark.parametrize("policy", [name for name in NAMED if name != "offline"])
def test_what_libvirt_is_told(policy: str) -> None:
    """For each policy by name; the bandwidth is always among it."""
    more_flags, more_parameters = TOLD[policy]
    assert names(flags(NAMED[policy])) == ALWAYS | more_flags
    assert parameters(NAMED[policy], "there") == {"bandwidth": 128} | more_parameters


def test_a_guest_that_does_not_run_is_moved_without_memory() -> None:
    """Nothing about how to send it."""
    offline = NAMED["offline"]
    assert names(flags(offline)) == {"OFFLINE", "PERSIST_DEST", "UNDEFINE_SOURCE"}
    assert parameters(offline, "there") == {}


@pytest.mark.parametrize(
    ("policy", "left_out"),
    [("precopy+transient", "PERSIST_DEST"), ("precopy+keep-source", "UNDEFINE_SOURCE")],
)
def test_definitions_stay_where_they_are_to_stay(policy: str, left_out: str) -> None:
    """On neither host unless asked for."""
    assert names(flags(Policy.named(policy))) == ALWAYS - {left_out}


def test_peer_to_peer_is_a_flag() -> None:
    """The source then drives the migration."""
    assert "PEER2PEER" in names(flags(Policy(peer_to_peer=True)))


def test_a_completed_job_under_our_names() -> None:
    """All figures that libvirt gives, with its data figure before the memory's."""
    assert job_of(COMPLETED) == JOB
    without = {key: value for key, value in COMPLETED.items() if key != "data_processed"}
    assert job_of(without).transferred_bytes == 196_869_400
    assert job_of({}) == Job()


class Stage:
    """A move between two fake hosts, and the means to decide what happens in it."""

    def __init__(self, policy: Policy = NAMED["precopy"]) -> None:
        self.over = threading.Event()
        self.domain = FakeDomain(self._last)
        self.there = FakeDomain()
        self.there.figures = COMPLETED
        self.source = FakeHypervisor("source", "running", self.domain)
        self.target = FakeHypervisor("target", "absent", self.there)
        self.listener = Listener((), "vm1")
        self.move = Move(self.source.real, self.target.real, "vm1", policy, self.listener)
        self.failure: Exception | None = None

    def _last(self) -> object:
        assert self.over.wait(60)
        if self.failure:
            raise self.failure
        return object()

    def run(self, seconds: float = 60, recover_seconds: float = 0) -> Outcome:
        """Runs it, over already unless a test still has to say so."""
        return self.move.run(seconds, recover_seconds)

    def qemu_says(self, status: str, host: str = "source") -> None:
        """How far it has come, in its own word."""
        detail = json.dumps({"status": status})
        event = Event(host=host, vantage="qemu", name="MIGRATION", time_ns=1, detail=detail)
        self.listener._events.append(event)

    def libvirt_says(self, name: str) -> None:
        """What became of the guest on the source."""
        event = Event(host="source", vantage="libvirt", name=name, time_ns=2)
        self.listener._events.append(event)

    def end_after_turns(self, count: int) -> None:
        """The move is over once it has looked around so many times."""
        turns = iter(range(count - 1))
        wait = self.listener.wait

        def turn(seconds: float) -> None:
            if next(turns, None) is None:
                self.over.set()
            wait(seconds)

        self.listener.wait = turn  # type: ignore[method-assign]

    def calls(self, name: str) -> list[tuple[Any, ...]]:
        """How the domain was called by that name."""
        return [call[1:] for call in self.domain.calls if call[0] == name]


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks often, so that nothing here takes long."""
    monkeypatch.setattr(move_module, "POLL_SECONDS", 0.002)
    monkeypatch.setattr(move_module, "FIGURES_SECONDS", 0.02)


def test_a_guest_that_moves() -> None:
    """Direct: libvirt is given the target's connection."""
    stage = Stage()
    stage.over.set()
    stage.listener.job = Job(total_ms=1)
    outcome = stage.run()
    assert (outcome.error, outcome.job, outcome.unmet) == (None, Job(total_ms=1), ())
    assert outcome.started_ns <= outcome.ended_ns
    ((connection, told, how),) = stage.calls("migrate3")
    assert connection is stage.target
    assert (told, how) == (parameters(Policy(), "target"), flags(Policy()))


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


def test_figures_that_come_late_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """libvirt's call may return before its event comes, and before the target remembers."""
    monkeypatch.setattr(move_module, "FIGURES_SECONDS", 60)
    stage = Stage()
    stage.over.set()
    stage.there.figures = {}
    wait, turns = stage.listener.wait, iter(range(3))

    def turn(seconds: float) -> None:
        if next(turns, None) is None:
            stage.listener.job = Job(total_ms=7)
        wait(seconds)

    monkeypatch.setattr(stage.listener, "wait", turn)
    assert stage.run().job == Job(total_ms=7)


@pytest.mark.parametrize("gone", ["domain", "figures"])
def test_without_figures_the_move_still_succeeded(gone: str) -> None:
    """The guest may have been ended in the meantime, or libvirt has forgotten."""
    stage = Stage()
    stage.over.set()
    if gone == "domain":
        stage.target.found = None
    else:
        stage.there.refuses["jobStats"] = 10**6
    outcome = stage.run()
    assert (outcome.error, outcome.job) == (None, Job())


def test_what_libvirt_refuses_is_the_outcome() -> None:
    """In its own words, without figures, and without complaints about what came of it."""
    stage = Stage(NAMED["postcopy"])
    stage.over.set()
    stage.failure = refusal("unsafe migration")
    outcome = stage.run()
    assert (outcome.error, outcome.job, outcome.unmet) == ("unsafe migration", Job(), ())


def test_a_guest_that_is_gone_cannot_be_moved() -> None:
    """Said before anything is begun."""
    nothing = FakeHypervisor("source")
    with pytest.raises(HypervisorError, match="source: vm1 is not there any more"):
        Move(nothing.real, nothing.real, "vm1", Policy(), Listener((), "vm1"))


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


@pytest.mark.parametrize(
    ("status", "word", "hopeless"),
    [
        ("postcopy-paused", "STOPPED", True),
        ("postcopy-paused", "SUSPENDED", False),
        ("completed", "STOPPED", False),
    ],
)
def test_pages_that_died_with_the_source_are_not_waited_for(
    status: str, word: str, hopeless: bool
) -> None:
    """libvirt would: the half on the target has not ended."""
    stage = Stage(NAMED["postcopy"])
    stage.qemu_says(status, "target")
    stage.libvirt_says(word)
    stage.domain.refuses["abortJob"] = 10**6
    stage.end_after_turns(10)
    outcome = stage.run()
    assert (outcome.error is not None) == hopeless
    assert outcome.error is None or "source has nothing left of the guest" in outcome.error
    stage.over.set()


def test_ctrl_c_cancels(monkeypatch: pytest.MonkeyPatch) -> None:
    """The guest stays, and whoever pressed it is told."""
    stage = Stage()
    accepted = stage.domain.abortJob

    def abort() -> None:
        accepted()
        stage.over.set()

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    stage.domain.abortJob = abort  # type: ignore[method-assign]
    monkeypatch.setattr(stage.listener, "wait", interrupt)
    with pytest.raises(KeyboardInterrupt):
        stage.run()
    assert stage.calls("abortJob")
    assert not [thread for thread in threading.enumerate() if thread.name == "migrate"]


@pytest.mark.parametrize(
    ("policy", "call", "told", "first_round"),
    [
        (Policy(downtime_ms_max=100), "migrateSetMaxDowntime", (100,), 1),
        (NAMED["postcopy"], "migrateStartPostCopy", (), 2),
    ],
)
class TestWhatIsSaidOnTheWay:
    """The downtime limit and the switch to post-copy are said while the guest is copied."""

    def test_it_is_said_once_and_again_when_refused(
        self, policy: Policy, call: str, told: tuple[object, ...], first_round: int
    ) -> None:
        """Until libvirt has taken it, and then no more."""
        stage = Stage(policy)
        stage.listener.iteration = first_round
        stage.domain.refuses[call] = 2
        stage.qemu_says("postcopy-active")
        stage.end_after_turns(6)
        outcome = stage.run()
        assert stage.calls(call) == [told] * 3
        assert outcome.unmet == ()

    def test_it_is_not_said_too_early(
        self, policy: Policy, call: str, told: tuple[object, ...], first_round: int
    ) -> None:
        """And where the move was over before, the outcome owns up to it."""
        stage = Stage(policy)
        stage.listener.iteration = first_round - 1
        stage.end_after_turns(1)
        outcome = stage.run()
        assert stage.calls(call) == []
        assert len(outcome.unmet) == 1
        assert all(str(word) in outcome.unmet[0] for word in told)


@pytest.mark.parametrize(("limit", "told"), [(None, 1), (500, 500)])
def test_until_post_copy_pre_copy_is_not_to_end(limit: int | None, told: int) -> None:
    """QEMU's own limit is so generous that a small guest would be through before the switch."""
    stage = Stage(Policy(mode="postcopy", downtime_ms_max=limit))
    stage.listener.iteration = 1
    stage.end_after_turns(2)
    stage.run()
    assert stage.calls("migrateSetMaxDowntime") == [(told,)]


LATE = {"postcopy_after_ms": 3_600_000}


@pytest.mark.parametrize(
    ("values", "iteration", "said"),
    [
        ({}, 1, False),
        ({}, 2, True),
        ({"postcopy_after_rounds": 3}, 3, False),
        ({"postcopy_after_rounds": 3}, 4, True),
        ({"postcopy_after_ms": 1}, 0, False),
        ({"postcopy_after_ms": 1}, 1, True),
        (LATE, 0, False),
        (LATE, 9, False),
    ],
)
def test_when_post_copy_is_switched_to(
    values: dict[str, object], iteration: int, said: bool
) -> None:
    """After so many passes, or once so much time has gone by and something has been sent."""
    stage = Stage(Policy.model_validate({"mode": "postcopy", **values}))
    stage.listener.iteration = iteration
    stage.end_after_turns(4)
    stage.run()
    assert stage.calls("migrateStartPostCopy") == [()] * said


@pytest.mark.parametrize(("status", "unmet"), [("postcopy-active", 0), ("completed", 1)])
def test_a_switch_counts_when_qemu_has_made_it(status: str, unmet: int) -> None:
    """libvirt takes the word for it also when all has been sent already."""
    stage = Stage(NAMED["postcopy"])
    stage.listener.iteration = 2
    stage.qemu_says(status)
    stage.end_after_turns(3)
    outcome = stage.run()
    assert stage.calls("migrateStartPostCopy")
    assert outcome.unmet == ("no post-copy: pre-copy was done before the switch",) * unmet


@pytest.mark.parametrize(
    ("failure", "unsupported"),
    [
        (refusal("no", libvirt.VIR_ERR_NO_SUPPORT), True),
        (refusal("no", libvirt.VIR_ERR_ARGUMENT_UNSUPPORTED), True),
        (refusal("no", libvirt.VIR_ERR_CONFIG_UNSUPPORTED), True),
        (refusal("no", libvirt.VIR_ERR_OPERATION_UNSUPPORTED), True),
        (refusal("internal error: cannot limit locked memory of process 7 to 9"), True),
        (refusal("internal error: unable to execute: Postcopy is not supported"), True),
        (refusal("no", libvirt.VIR_ERR_OPERATION_FAILED), False),
        (refusal("no", libvirt.VIR_ERR_INTERNAL_ERROR), False),
        (refusal("no"), False),
    ],
)
def test_what_cannot_be_done_is_told_from_what_failed(
    failure: libvirt.libvirtError, unsupported: bool
) -> None:
    """By libvirt's code, or by what it says where it has none for it."""
    stage = Stage()
    stage.over.set()
    stage.failure = failure
    outcome = stage.run()
    assert (outcome.error, outcome.unsupported) == (str(failure), unsupported)


def test_what_only_qemu_knows_of_is_asked_of_qemu() -> None:
    """Before the migration begins."""
    stage = Stage(NAMED["dirty-limit"])
    stage.over.set()
    assert stage.run().error is None
    assert [name for name, *_ in stage.domain.calls] == ["set_capability", "migrate3"]
    assert stage.calls("set_capability") == [("dirty-limit",)]


def test_a_qemu_without_it_moves_nothing() -> None:
    """Its own words are the outcome."""
    stage = Stage(NAMED["dirty-limit"])
    stage.over.set()
    stage.source.lacks = frozenset({"dirty-limit"})
    outcome = stage.run()
    assert (outcome.unsupported, stage.calls("migrate3")) == (True, [])
    assert outcome.error == "source: dirty-limit: Invalid parameter 'dirty-limit'"


@pytest.mark.parametrize("word", ["running", "paused", "post-copy failed"])
def test_a_guest_that_runs_is_not_moved_offline(word: str) -> None:
    """libvirt would call it done, and leave it where it is."""
    stage = Stage()
    stage.source.word = word
    refused = "source: vm1: expected a guest that does not run"
    with pytest.raises(HypervisorError, match=f"^{refused}$"):
        Move(stage.source.real, stage.target.real, "vm1", NAMED["offline"], stage.listener)
    assert stage.domain.calls == []


def test_a_definition_is_moved_offline() -> None:
    """Of a guest that does not run."""
    stage = Stage()
    stage.source.word = "shut off"
    stage.over.set()
    move = Move(stage.source.real, stage.target.real, "vm1", NAMED["offline"], stage.listener)
    assert move.run(60).error is None
    assert stage.calls("migrate3") == [(stage.target, {}, flags(NAMED["offline"]))]
