"""One observed act: baseline, act, settle, collect; what it did is written down, not judged."""

import base64
import binascii
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, TypeVar

from miglab.deadline import Deadline
from miglab.errors import EvidenceError, GuestError, LabError, MiglabError
from miglab.experiment.recorders import Recorders
from miglab.experiment.setting import Setting
from miglab.experiment.surroundings import Surroundings
from miglab.guest.control import GuestControl
from miglab.guest.status import GuestStatus
from miglab.judge.oracles.alive import PACE_MIN
from miglab.lab.access import on_node
from miglab.lab.embedded import EmbeddedLab
from miglab.migration.fleet import Fleet
from miglab.migration.listener import Listener
from miglab.migration.progress import ProgressReader
from miglab.observe import journal
from miglab.observe.command import Command
from miglab.observe.events import Outcome
from miglab.observe.history import History, Plan, record_file
from miglab.observe.journal import JournalReading
from miglab.observe.probes import PingRecord
from miglab.workload import PAGE

PACE_SECONDS_MAX = 3.0

T = TypeVar("T")


class Done(NamedTuple):
    """How an act ended; ``command`` is what was run, if it was another's."""

    outcome: Outcome
    command: Command | None = None


Act = Callable[[Listener], Done]


@dataclass
class Observation:
    """What is needed to observe ``plan``; ``guest`` is None where our program is not in it."""

    lab: EmbeddedLab
    fleet: Fleet
    guest: GuestControl | None
    plan: Plan
    setting: Setting
    faults: list[str] = field(default_factory=list)
    """What could not be recorded, in words: each makes the verdict unknown at best."""

    def of(self, act: Act, out: Path) -> Path:
        """The folder below ``out`` with the record of ``act``.

        Raises LabError before the act when the lab cannot do it. Afterwards whatever fails is a
        fault in the record.
        """
        folder = new_folder(out, self.plan)
        recorders = Recorders(self.lab, self.setting, self.guest, folder)
        try:
            history = self._observe(recorders, act, folder)
        except BaseException:
            _remove_unused(folder)
            raise
        history.write(folder)
        return folder

    def _observe(self, recorders: Recorders, act: Act, folder: Path) -> History:
        with self._writing(), recorders.running():
            began = time.monotonic()
            opening = self.guest.status() if self.guest else None
            self.setting.say(f"baseline of {self.setting.baseline_seconds:g} s")
            around = Surroundings(self.lab, self.fleet, self.fleet.hosts[self.plan.source])
            time.sleep(max(0.0, began + self.setting.baseline_seconds - time.monotonic()))
            self._require_replies(folder)
            before = self.guest.status() if self.guest else None
            with (
                Listener(self.fleet.hosts.values(), self.fleet.guest) as listener,
                ProgressReader(listener, self.fleet.hosts, self.setting.show) as job,
            ):
                done = act(listener)
                settled = self._ask()
                end = done.outcome.ended_ns / 1e9 + self.setting.settle_seconds
                time.sleep(max(0.0, end - time.time()))
                rested = self._rested(before, settled)
                after = self._swept()
        self.faults += recorders.faults
        return History(
            plan=self.plan,
            environment=around.environment,
            outcome=done.outcome,
            command=done.command,
            events=listener.events(),
            progress=tuple(job.progress),
            guest_before=before,
            guest_settled=settled,
            guest_rested=rested,
            guest_after=after,
            domains=tuple(self.fleet.states()),
            clocks=self._try(around.clocks),
            consoles=self._try(around.consoles) or (),
            journal=self._journal(opening, after),
            faults=tuple(self.faults),
        )

    def _try(self, action: Callable[[], T]) -> T | None:
        """After the act nothing may cost the record: what fails is a fault that it tells of."""
        try:
            return action()
        except MiglabError as error:
            self.faults.append(str(error))
            return None

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """The guest's journal, for as long as the block runs; its beacon ends then too."""
        guest = self.guest
        if guest is None:
            yield
            return
        if self.setting.records("disk"):
            guest.set_journal(self.setting.journal_hz)
        try:
            yield
        finally:
            with suppress(MiglabError):  # a guest that is gone cannot be told to be quiet
                guest.set_journal(0)
                guest.set_beacon(0)

    def _require_replies(self, folder: Path) -> None:
        """A guest that answers no ping now would look dark for ever: nothing is done to it."""
        if not self.setting.records("client"):
            return
        if not PingRecord.read(record_file(folder, "ping")).replies:
            address = self.lab.topology.guest.address
            raise GuestError(
                f"{self.plan.guest}: expected answers to ping from {address}, found none in"
                f" {self.setting.baseline_seconds:g} s; nothing was done to it"
                " (--without client does without)"
            )

    def _ask(self) -> GuestStatus | None:
        guest = self.guest
        return self._try(lambda: guest.status(10)) if guest else None

    def _rested(
        self, before: GuestStatus | None, settled: GuestStatus | None
    ) -> GuestStatus | None:
        """Before the sweep, which holds the load up: once all gets on as before, or late."""
        if before is None or settled is None:
            return None
        deadline = Deadline(PACE_SECONDS_MAX)
        while (rested := self._ask()) and not deadline.passed:
            if _gets_on(before, settled, rested):
                break
            time.sleep(min(0.2, deadline.remaining))
        return rested

    def _swept(self) -> GuestStatus | None:
        """The guest's last word, after every page of its load has been checked."""
        guest = self.guest
        if guest is None:
            return None
        status = self._ask()
        if status is None or status.load.state == "off":
            return status
        return self._try(guest.sweep)

    def _journal(
        self, opening: GuestStatus | None, after: GuestStatus | None
    ) -> JournalReading | None:
        """What the storage node reads of the writes acknowledged in this run."""
        if opening is None or after is None or after.journal.state == "none":
            return None
        self.setting.say("reading the guest's journal from its image")
        first, last, slots = opening.journal.acked + 1, after.journal.acked, after.journal.slots
        return self._try(lambda: read_journal(self.lab, first, last, slots))


def _gets_on(before: GuestStatus, settled: GuestStatus, rested: GuestStatus) -> bool:
    """Whether writes to memory and disk, as far as there were any, go on since the act."""
    seconds = max(1e-9, (rested.mono_ns - settled.mono_ns) / 1e9)
    now = (rested.load.written - settled.load.written) * PAGE / seconds
    loaded = before.load.state != "running" or now >= PACE_MIN * before.load.achieved_bps
    written = before.journal.state != "running" or rested.journal.acked > settled.journal.acked
    return loaded and written


def read_journal(lab: EmbeddedLab, first: int, last: int, slots: int) -> JournalReading:
    """Records ``first`` to ``last`` as they lie in the image, read by the storage node."""
    topology = lab.topology
    image = str(topology.share.path / f"{topology.guest.name}.img")
    script = journal.read_script(image, first, last, slots)
    text = on_node(lab.place, topology.storage.name, script)
    try:
        return journal.reading(first, last, slots, base64.b64decode(text))
    except binascii.Error as error:
        name = topology.storage.name
        raise EvidenceError(f"{name}: {image}: read as garbage: {error}") from None


def new_folder(out: Path, plan: Plan) -> Path:
    """An empty folder below ``out`` that tells when and what; LabError if there can be none."""
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    where = f"{plan.source}-{plan.target}" if plan.target else plan.source
    name = f"{stamp}-{plan.scenario.name}-{where}"
    folder, number = out / name, 1
    try:
        while folder.exists():
            number += 1
            folder = out / f"{name}-{number}"
        folder.mkdir(parents=True)
    except OSError as error:
        raise LabError(f"{folder}: the record cannot be written: {error.strerror}") from None
    return folder


def _remove_unused(folder: Path) -> None:
    """What recorders began to write of an act that did not come about."""
    for file in folder.glob("*.csv"):
        file.unlink()
    with suppress(OSError):
        folder.rmdir()
