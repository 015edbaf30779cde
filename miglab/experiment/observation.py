"""One observed act: baseline, act, settle, collect; what it did is written down, not judged."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, TypeVar

from miglab.deadline import Deadline
from miglab.errors import GuestError, MiglabError
from miglab.experiment.deeds import Deeds
from miglab.experiment.disk_reading import read_journal
from miglab.experiment.recorders import Recorders
from miglab.experiment.run_folder import new_folder, remove_unused
from miglab.experiment.session import Session
from miglab.experiment.setting import Setting
from miglab.experiment.surroundings import Surroundings
from miglab.guest.control import GuestControl
from miglab.guest.status import GuestStatus
from miglab.judge.oracles.alive import computed, least_pace, pace
from miglab.migration.dirty_rate import DirtyRateMeter
from miglab.migration.listener import Listener
from miglab.migration.progress import ProgressReader
from miglab.observe.command import Command
from miglab.observe.events import Outcome
from miglab.observe.history import History, Plan, record_file
from miglab.observe.journal import JournalReading
from miglab.observe.probes import PingRecord
from miglab.observe.states import DomainState

REST_SECONDS = 0.05  # a few steps of a load, which writes in bursts

T = TypeVar("T")


class Done(NamedTuple):
    """How an act ended; ``command`` is what was run, if it was another's."""

    outcome: Outcome
    command: Command | None = None


Act = Callable[[Listener], Done]


@dataclass
class Observation:
    """What is needed to observe ``plan``; ``guest`` is None where our program is not in it."""

    session: Session
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
        recorders = Recorders(self.session.lab, self.setting, self.guest, folder)
        try:
            history = self._observe(recorders, act, folder)
        except BaseException:
            remove_unused(folder)
            raise
        history.write(folder)
        return folder

    def _observe(self, recorders: Recorders, act: Act, folder: Path) -> History:
        with self._writing(), recorders.running():
            began = time.monotonic()
            opening = self.guest.status() if self.guest else None
            fleet = self.session.fleet
            meter = DirtyRateMeter(fleet.hosts[self.plan.source], self.plan.guest)
            self.setting.say(f"baseline of {self.setting.baseline_seconds:g} s")
            around = Surroundings(self.session)
            time.sleep(max(0.0, began + self.setting.baseline_seconds - time.monotonic()))
            self._require_replies(folder)
            meter.look()
            before = self.guest.status() if self.guest else None
            with (
                Listener(fleet.hosts.values(), fleet.guest) as listener,
                ProgressReader(listener, fleet.hosts, self.setting.show, meter.look) as job,
            ):
                with Deeds(listener, self.setting.at) as deeds:
                    done = act(listener)
                settled = self._ask()
                rested = self._rested(before, settled)
                end = done.outcome.ended_ns / 1e9 + self.setting.settle_seconds
                time.sleep(max(0.0, end - time.time()))
                after = self._swept()
        self.faults += [*recorders.faults, *deeds.undone()]
        domains = tuple(fleet.states())
        with ThreadPoolExecutor() as pool:
            clocks = pool.submit(self._try, around.clocks)
            consoles = pool.submit(self._try, around.consoles)
            journal = pool.submit(self._journal, opening, after, domains)
        return History(
            plan=self.plan,
            environment=around.environment,
            outcome=done.outcome,
            command=done.command,
            events=listener.events(),
            progress=tuple(job.progress),
            dirty_rate=meter.measured,
            deeds=tuple(deeds.done),
            guest_before=before,
            guest_settled=settled,
            guest_rested=rested,
            guest_after=after,
            domains=domains,
            clocks=clocks.result(),
            consoles=consoles.result() or (),
            journal=journal.result(),
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
            address = self.session.lab.topology.guest.address
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
        deadline = Deadline(self.setting.rest_seconds_max)
        while (rested := self._ask()) and not deadline.passed:
            if _gets_on(before, settled, rested):
                break
            time.sleep(min(REST_SECONDS, deadline.remaining))
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
        self,
        opening: GuestStatus | None,
        after: GuestStatus | None,
        domains: tuple[DomainState, ...],
    ) -> JournalReading | None:
        """What a host reads from the guest's disk of the writes acknowledged in this run."""
        if opening is None or after is None or after.journal.state == "none":
            return None
        self.setting.say("reading the guest's journal from its image")
        first, last, slots = opening.journal.acked + 1, after.journal.acked, after.journal.slots
        alive = next((state.host for state in domains if state.alive), self.plan.source)
        return self._try(lambda: read_journal(self.session.lab, alive, first, last, slots))


def _gets_on(before: GuestStatus, settled: GuestStatus, rested: GuestStatus) -> bool:
    """Whether writes to memory and disk, and computing, go on since the act if they did before."""
    due = least_pace(before.load)
    loaded = before.load.state != "running" or pace(settled, rested) >= due
    written = before.journal.state != "running" or rested.journal.acked > settled.journal.acked
    computes = not before.load.cpus or computed(settled, rested) > 0
    return loaded and written and computes
