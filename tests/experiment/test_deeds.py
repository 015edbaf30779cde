"""Deeds are done when their moment has come, in order, and written down whatever comes of them."""

import json
import threading
import time
from collections.abc import Callable
from typing import Any, cast

import pytest

from miglab.experiment import deeds as deeds_module
from miglab.experiment.deeds import At, Deeds
from miglab.migration.listener import Listener

GUEST = cast(Any, type("Guest", (), {"name": lambda _: "vm1"})())
OTHER = cast(Any, type("Guest", (), {"name": lambda _: "vm2"})())


class Stage:
    """A listener that hears what a test says, and deeds that tell when they are done."""

    def __init__(self) -> None:
        self.listener = Listener((), "vm1")
        self.order: list[str] = []
        self.done = threading.Semaphore(0)

    def at(self, moment: int | str, name: str, fails: Exception | None = None) -> At:
        """A deed."""

        def deed() -> None:
            self.order.append(name)
            self.done.release()
            if fails is not None:
                raise fails

        return At(moment, name, deed)

    def await_deed(self) -> None:
        """Until one more was done."""
        assert self.done.acquire(timeout=10)

    def round(self, number: int, guest: Any = GUEST) -> None:
        """libvirt announces one."""
        self.listener._on_iteration(None, guest, number, "source")

    def status(self, word: str, guest: Any = GUEST, host: str = "source") -> None:
        """QEMU's word for how far it has come."""
        detail = json.dumps({"status": word})
        self.listener._on_qemu(None, guest, "MIGRATION", 1, 0, detail, host)

    def event(self, name: str, guest: Any = GUEST, host: str = "target") -> None:
        """One of QEMU's."""
        self.listener._on_qemu(None, guest, name, 1, 0, "", host)


Say = Callable[[Stage], None]
MOMENTS: list[tuple[int | str, Say, Say]] = [
    (2, lambda stage: stage.round(1), lambda stage: stage.round(2)),
    (2, lambda stage: stage.status("active"), lambda stage: stage.round(5)),
    (1, lambda stage: stage.round(1, OTHER), lambda stage: stage.round(1)),
    (
        "postcopy-active",
        lambda stage: stage.status("active"),
        lambda stage: stage.status("postcopy-active"),
    ),
    (
        "postcopy-active",
        lambda stage: stage.status("postcopy-active", OTHER),
        lambda stage: stage.status("postcopy-active", host="target"),
    ),
    ("RESUME", lambda stage: stage.event("STOP"), lambda stage: stage.event("RESUME")),
    ("MIGRATION", lambda stage: stage.event("STOP"), lambda stage: stage.status("setup")),
]
IDS = [
    "a round",
    "a later round",
    "no other guest's round",
    "a status",
    "any host's status",
    "an event",
    "the first status",
]


@pytest.mark.parametrize(("moment", "before", "now"), MOMENTS, ids=IDS)
def test_a_moment_comes_when_it_is_announced(moment: int | str, before: Say, now: Say) -> None:
    """A round, a status, an event; of this guest, from any host, and nothing sooner."""
    stage = Stage()
    at = stage.at(moment, "unplug")
    before(stage)
    assert not at.has_come(stage.listener)
    now(stage)
    assert at.has_come(stage.listener)


@pytest.mark.parametrize(("moment", "before", "now"), MOMENTS, ids=IDS)
def test_a_deed_is_done_at_its_moment(moment: int | str, before: Say, now: Say) -> None:
    """And written down, with both of its ends."""
    stage, began_ns = Stage(), time.time_ns()
    with Deeds(stage.listener, [stage.at(moment, "unplug")]) as deeds:
        before(stage)
        now(stage)
        stage.await_deed()
    (deed,) = deeds.done
    assert (deed.name, deed.moment, deed.error) == ("unplug", str(moment), None)
    assert began_ns <= deed.began_ns <= deed.ended_ns <= time.time_ns()
    assert deeds.undone() == []


def test_deeds_are_done_in_the_order_given() -> None:
    """A later one waits for those before it, though its own moment has come."""
    stage = Stage()
    wanted = [stage.at("RESUME", "first"), stage.at(1, "second"), stage.at(2, "third")]
    with Deeds(stage.listener, wanted) as deeds:
        stage.round(2)
        stage.event("RESUME")
        for _ in wanted:
            stage.await_deed()
    assert stage.order == ["first", "second", "third"]
    assert [deed.name for deed in deeds.done] == stage.order
    times = [at for deed in deeds.done for at in (deed.began_ns, deed.ended_ns)]
    assert times == sorted(times)


def test_a_deed_that_fails_is_written_down_and_told() -> None:
    """In its own words; what comes after it is done all the same."""
    stage = Stage()
    wanted = [stage.at(1, "unplug", OSError("no such port")), stage.at(1, "plug")]
    with Deeds(stage.listener, wanted) as deeds:
        stage.round(1)
        stage.await_deed()
        stage.await_deed()
    assert [(deed.name, deed.error) for deed in deeds.done] == [
        ("unplug", "OSError: no such port"),
        ("plug", None),
    ]
    assert deeds.undone() == ["unplug: failed: OSError: no such port"]


def test_a_moment_that_never_comes_is_told() -> None:
    """With all that would have come after it."""
    stage = Stage()
    wanted = [stage.at(1, "slow"), stage.at("RESUME", "unplug"), stage.at(1, "plug")]
    with Deeds(stage.listener, wanted) as deeds:
        stage.round(1)
        stage.await_deed()
    assert stage.order == ["slow"]
    assert deeds.undone() == [
        "unplug: its moment (RESUME) never came",
        "plug: its moment (1) never came",
    ]


def test_without_deeds_nothing_is_waited_for() -> None:
    """As almost always."""
    with Deeds(Stage().listener, ()) as deeds:
        pass
    assert (deeds.done, deeds.undone()) == ([], [])


def test_an_act_that_breaks_off_ends_the_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it was; no thread is left behind."""
    monkeypatch.setattr(deeds_module, "LOOK_SECONDS", 0.01)
    stage = Stage()
    with (
        pytest.raises(KeyboardInterrupt),
        Deeds(stage.listener, [stage.at(1, "unplug")]),
    ):
        raise KeyboardInterrupt
    assert not [thread for thread in threading.enumerate() if thread.name == "deeds"]
    assert stage.order == []
