"""The job while it runs, asked for at each round of copying."""

import threading
from typing import Any, cast

import libvirt
import pytest

from miglab.migration import progress as progress_module
from miglab.migration.listener import Listener
from miglab.migration.progress import ProgressReader, progress_of
from miglab.observe.events import Progress
from tests.fakes import FakeDomain, FakeHypervisor

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
NOTHING: dict[str, Any] = {"type": libvirt.VIR_DOMAIN_JOB_NONE}


def test_progress_under_our_names() -> None:
    """What is shown while it runs; before the first round there is little."""
    found = progress_of(RUNNING)
    assert found == Progress(
        time_ns=found.time_ns,
        elapsed_ms=1474,
        remaining=218_660_864,
        rate=134_755_200,
        iteration=1,
        throttle=20,
    )
    early = progress_of({"type": libvirt.VIR_DOMAIN_JOB_UNBOUNDED, "time_elapsed": 3})
    assert (early.elapsed_ms, early.remaining, early.iteration) == (3, 0, 0)


class Stage:
    """A listener that hears what a test says, and one host with a domain that has figures."""

    def __init__(self) -> None:
        self.domain = FakeDomain()
        self.domain.figures = RUNNING
        self.hosts = {"source": FakeHypervisor("source", "running", self.domain).real}
        self.listener = Listener((), "vm1")
        self.shown: list[Progress] = []
        self.seen = threading.Semaphore(0)

    def reader(self) -> ProgressReader:
        """One that tells when it has read."""

        def show(progress: Progress) -> None:
            self.shown.append(progress)
            self.seen.release()

        return ProgressReader(self.listener, self.hosts, show)

    def announce(self, number: int, host: str = "source") -> None:
        """libvirt's event of a new round."""
        guest = cast(Any, type("Guest", (), {"name": lambda _: "vm1"})())
        self.listener._on_iteration(None, guest, number, host)


def test_each_round_is_read() -> None:
    """And kept for the record, as it is shown."""
    stage = Stage()
    with stage.reader() as reader:
        for number in (1, 2):
            stage.announce(number)
            assert stage.seen.acquire(timeout=10)
    assert reader.progress == stage.shown
    assert len(reader.progress) >= 2
    assert reader.progress[0].remaining == RUNNING["data_remaining"]


def test_nothing_is_asked_before_a_round(monkeypatch: pytest.MonkeyPatch) -> None:
    """A quiet guest costs libvirt nothing."""
    monkeypatch.setattr(progress_module, "HEARTBEAT_SECONDS", 0.001)
    stage = Stage()
    with stage.reader():
        stage.listener.await_round(0, 0.05, lambda: False)
    assert stage.domain.calls == []


def test_a_long_round_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Until there is no job any more."""
    monkeypatch.setattr(progress_module, "HEARTBEAT_SECONDS", 0.001)
    stage = Stage()
    with stage.reader() as reader:
        stage.announce(1)
        for _ in range(3):
            assert stage.seen.acquire(timeout=10)
        stage.domain.figures = NOTHING
    assert len(reader.progress) >= 3


@pytest.mark.parametrize("trouble", ["no job", "no host", "no domain", "refused"])
def test_what_cannot_be_read_is_left_out(trouble: str) -> None:
    """The next round is another chance."""
    stage = Stage()
    stage.domain.figures = NOTHING if trouble == "no job" else RUNNING
    stage.domain.refuses["jobStats"] = int(trouble == "refused")
    if trouble == "no domain":
        cast(Any, stage.hosts["source"]).found = None
    asked = threading.Event()
    with stage.reader() as reader:
        note = reader._note

        def noted() -> bool:
            found = note()
            asked.set()
            return found

        reader._note = noted  # type: ignore[method-assign]
        stage.announce(1, "elsewhere" if trouble == "no host" else "source")
        assert asked.wait(10)
    assert reader.progress == []
