"""The one composer: prepare, load, baseline, migrate, settle, write down. It judges nothing."""

import base64
import binascii
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from pydantic import ByteSize

from miglab import __version__
from miglab.errors import EvidenceError, LabError, MiglabError
from miglab.guest import acceleration
from miglab.guest.control import GuestControl
from miglab.guest.status import GuestStatus
from miglab.guest_life import control
from miglab.guest_life import fleet as open_fleet
from miglab.lab.access import on_node
from miglab.lab.embedded import EmbeddedLab
from miglab.lab.lock import held
from miglab.migration.fleet import Fleet
from miglab.migration.hypervisor import Hypervisor
from miglab.migration.move import Move
from miglab.migration.watch import Watch
from miglab.observe import journal
from miglab.observe.events import Progress
from miglab.observe.history import PING, Environment, History, Plan
from miglab.observe.probes import PingRecord
from miglab.observe.recorder import PingRecorder
from miglab.scenario import Scenario
from miglab.workload import Load

JOURNAL_HZ = 50
UNTOUCHED = Load(working_set=ByteSize(16 << 20), rate=ByteSize(0))
"""What a guest without a load is given, so that its memory can be checked at all."""

T = TypeVar("T")


@dataclass
class Setting:
    """How to run a scenario: nothing here changes what is claimed, only what is seen of it."""

    to: str | None = None
    without: frozenset[str] = frozenset()
    ping_interval_ms: int = 2
    baseline_seconds: float = 1.0
    settle_seconds: float = 0.5
    timeout_seconds: float = 120.0
    say: Callable[[str], None] = lambda _: None
    show: Callable[[Progress], None] = lambda _: None


@dataclass
class Experiment:
    """One measured migration in ``lab``; the record is written below ``out``."""

    lab: EmbeddedLab
    scenario: Scenario
    out: Path
    setting: Setting = field(default_factory=Setting)
    faults: list[str] = field(default_factory=list)
    """What could not be recorded, in words: each makes the verdict unknown at best."""

    def run(self) -> Path:
        """The folder with the record.

        Raises UsageError for a wrong target, LabError when the lab cannot do it; the guest is
        then as it was. Once the guest has moved, whatever fails is a fault in the record.
        """
        self.lab.require_up()
        with held(self.lab.place.lock), ExitStack() as stack:
            fleet = stack.enter_context(open_fleet(self.lab))
            source = fleet.home()
            target = fleet.target(source, self.setting.to)
            guest = stack.enter_context(control(self.lab))
            scenario = self._load(guest)
            plan = Plan(
                guest=fleet.guest, source=source.name, target=target.name, scenario=scenario
            )
            folder = self._folder(plan)
            history = self._observe(fleet, source, target, guest, plan, folder)
            history.write(folder)
        return folder

    def _observe(
        self,
        fleet: Fleet,
        source: Hypervisor,
        target: Hypervisor,
        guest: GuestControl,
        plan: Plan,
        folder: Path,
    ) -> History:
        with self._recording(guest, folder):
            began = time.monotonic()
            environment = self._environment(fleet, source)
            self.setting.say(f"baseline of {self.setting.baseline_seconds:g} s")
            time.sleep(max(0.0, began + self.setting.baseline_seconds - time.monotonic()))
            before = guest.status()
            self.setting.say(
                f"{plan.guest}: {plan.source} → {plan.target}, {plan.scenario.policy.name}"
            )
            with Watch(fleet.hosts.values(), fleet.guest) as watch:
                move = Move(source, target, fleet.guest, plan.scenario.policy, watch)
                outcome = move.run(self.setting.timeout_seconds, self.setting.show)
                settled = self._try(lambda: guest.status(10))
                end = outcome.ended_ns / 1e9 + self.setting.settle_seconds
                time.sleep(max(0.0, end - time.time()))
                after = self._try(lambda: self._swept(guest))
        return History(
            plan=plan,
            environment=environment,
            outcome=outcome,
            events=watch.events(),
            progress=tuple(move.progress),
            guest_before=before,
            guest_settled=settled,
            guest_after=after,
            domains=tuple(fleet.states()),
            journal=after and self._try(lambda: self._journal(before, after)),
            ping=self._try(lambda: PingRecord.read(folder / PING)) if self._pings else None,
            faults=tuple(self.faults),
        )

    def _try(self, action: Callable[[], T]) -> T | None:
        """After the move nothing may cost the record: what fails is a fault that it tells of."""
        try:
            return action()
        except MiglabError as error:
            self.faults.append(str(error))
            return None

    def _load(self, guest: GuestControl) -> Scenario:
        """Sets the load that was asked for; what the scenario then really is."""
        wanted = self.scenario.load
        if wanted == "off":
            guest.set_load(None)
        elif isinstance(wanted, Load):
            self.setting.say(f"load {wanted.name}")
            guest.set_load(wanted)
        elif guest.status().load.state == "off":
            guest.set_load(UNTOUCHED)
            return self.scenario.model_copy(update={"load": UNTOUCHED})
        return self.scenario

    def _folder(self, plan: Plan) -> Path:
        stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
        name = f"{stamp}-{plan.scenario.name}-{plan.source}-{plan.target}"
        folder, number = self.out / name, 1
        try:
            while folder.exists():
                number += 1
                folder = self.out / f"{name}-{number}"
            folder.mkdir(parents=True)
        except OSError as error:
            raise LabError(f"{folder}: the record cannot be written: {error.strerror}") from None
        return folder

    @property
    def _pings(self) -> bool:
        return "client" not in self.setting.without

    @contextmanager
    def _recording(self, guest: GuestControl, folder: Path) -> Iterator[None]:
        """The guest's journal and the client's vantage, for as long as the block runs."""
        guest.set_journal(JOURNAL_HZ)
        try:
            with self._pinging(folder):
                yield
        finally:
            with suppress(MiglabError):  # a guest that is gone cannot be told to be quiet
                guest.set_journal(0)

    @contextmanager
    def _pinging(self, folder: Path) -> Iterator[None]:
        if not self._pings:
            yield
            return
        address, interval = self.lab.topology.guest.address, self.setting.ping_interval_ms
        with self.lab.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as channel:
            recorder = PingRecorder.start(channel, address, interval, folder / PING)
            try:
                recorder.ready()
                yield
            finally:
                if fault := recorder.stop():
                    self.faults.append(fault)

    def _environment(self, fleet: Fleet, source: Hypervisor) -> Environment:
        found = fleet.accelerations(lambda node, text: on_node(self.lab.place, node, text))
        return Environment(
            miglab=__version__,
            lab=self.lab.place.name,
            origin=self.lab.origin,
            acceleration=fleet.acceleration_of(source),
            acceleration_reason=acceleration.reasons(found),
            hosts={
                node.name: {"os": node.os, **fleet.hosts[node.name].versions()}
                for node in self.lab.topology.hypervisors
            },
        )

    def _swept(self, guest: GuestControl) -> GuestStatus:
        """The guest's last word, after every page of its load has been checked."""
        status = guest.status(10)
        return status if status.load.state == "off" else guest.sweep()

    def _journal(self, before: GuestStatus, after: GuestStatus) -> journal.JournalReading | None:
        """What the storage node reads of the writes acknowledged in this run."""
        if after.journal.state == "none":
            return None
        topology = self.lab.topology
        image = str(topology.share.path / f"{topology.guest.name}.img")
        first, last, slots = before.journal.acked + 1, after.journal.acked, after.journal.slots
        script = journal.read_script(image, first, last, slots)
        text = on_node(self.lab.place, topology.storage.name, script)
        try:
            return journal.reading(first, last, slots, base64.b64decode(text))
        except binascii.Error as error:
            raise EvidenceError(
                f"{topology.storage.name}: {image}: read as garbage: {error}"
            ) from None
