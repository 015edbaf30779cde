"""A post-copy that breaks off: when it is asked to go on, and when it is left."""

from collections.abc import Callable

import libvirt
import pytest

from miglab.migration import move as move_module
from miglab.migration.move import flags
from miglab.observe.events import Job
from miglab.policy import NAMED
from tests.fakes import refusal
from tests.migration.test_move import JOB, Stage


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks often, so that nothing here takes long."""
    monkeypatch.setattr(move_module, "POLL_SECONDS", 0.002)


HALVES = {
    "source": (libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_POSTCOPY_FAILED),
    "target": (libvirt.VIR_DOMAIN_RUNNING, libvirt.VIR_DOMAIN_RUNNING_POSTCOPY_FAILED),
}
PAUSED = (libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_MIGRATION)


class Broken(Stage):
    """A post-copy whose connection breaks so many times, and leaves a half on each host."""

    def __init__(self, times: int) -> None:
        super().__init__(NAMED["postcopy"])
        self.over.set()
        self.times = times
        self.domain.condition, self.there.condition = HALVES["source"], HALVES["target"]
        self.domain.move = self._break
        self.after: Callable[[], None] = lambda: None

    def _break(self) -> object:
        self.times -= 1
        if self.times >= 0:
            self.after()
            raise refusal("connection broke")
        return object()

    def hows(self) -> list[bool]:
        """Of each attempt: whether it was to go on from where the one before broke off."""
        resume = libvirt.VIR_MIGRATE_POSTCOPY_RESUME
        calls = self.calls("migrate3")
        assert {how & ~resume for *_, how in calls} == {flags(NAMED["postcopy"])}
        return [bool(how & resume) for *_, how in calls]


@pytest.mark.parametrize("times", [1, 3])
def test_a_post_copy_that_broke_off_goes_on(times: int) -> None:
    """As often as it is needed, from where it was."""
    stage = Broken(times)
    stage.qemu_says("postcopy-active")
    outcome = stage.run(recover_seconds=60)
    assert (outcome.error, outcome.recovered, outcome.unmet) == (None, times, ())
    assert outcome.job == JOB
    assert stage.hows() == [False] + [True] * times


def test_it_is_left_when_nobody_wants_it_back() -> None:
    """Without time to recover the first error is the outcome."""
    stage = Broken(1)
    outcome = stage.run()
    assert (outcome.error, outcome.recovered) == ("connection broke", 0)
    assert stage.hows() == [False]


@pytest.mark.parametrize("gone", ["source", "target", "target's domain", "source's libvirt"])
def test_only_two_halves_can_be_put_together(monkeypatch: pytest.MonkeyPatch, gone: str) -> None:
    """A guest that is whole, or half lost, is not asked to go on."""
    stage = Broken(1)
    if gone == "source":
        stage.domain.condition = PAUSED
    elif gone == "target":
        stage.there.condition = PAUSED
    elif gone == "target's domain":
        stage.target.found = None
    else:
        lost = refusal("client socket is closed")
        monkeypatch.setattr(stage.domain, "state", _raising(lost))
    outcome = stage.run(recover_seconds=60)
    assert (outcome.error, outcome.recovered) == ("connection broke", 0)
    assert stage.hows() == [False]


def _raising(error: Exception) -> Callable[[], object]:
    def call() -> object:
        raise error

    return call


def test_it_is_given_up_once_a_half_is_lost() -> None:
    """With the last error; how often it was tried is told."""
    stage = Broken(3)

    def lose() -> None:
        if stage.times == 0:
            stage.target.found = None

    stage.after = lose
    outcome = stage.run(recover_seconds=60)
    assert (outcome.error, outcome.recovered, outcome.job) == ("connection broke", 2, Job())
    assert stage.hows() == [False, True, True]
