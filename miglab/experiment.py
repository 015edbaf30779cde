"""The one composer: prepare, load, baseline, migrate, settle, collect, write down. It judges nothing."""

import base64
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ByteSize

from miglab import __version__
from miglab.errors import GuestError, MiglabError
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
from miglab.observe.events import Outcome, Progress
from miglab.observe.history import PING, Environment, History, Plan
from miglab.observe.probes import PingRecord
from miglab.observe.recorder import PingRecorder
from miglab.scenario import Scenario
from miglab.workload import Load

JOURNAL_HZ = 50
UNTOUCHED = Load(working_set=ByteSize(16 << 20), rate=ByteSize(0))
"""What a guest without a load is given, so that its memory can be checked at all."""


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

    def run(self) -> Path:
        """The folder with the record.

        Raises UsageError for a wrong target, LabError when the lab cannot do it; the guest is
        then as it was.
        """
        with held(f"lab {self.lab.place.name}"), ExitStack() as stack:
            fleet = stack.enter_context(open_fleet(self.lab))
            source = fleet.home()
            target = fleet.target(source, self.setting.to)
            guest = stack.enter_context(control(self.lab))
            history = self._observe(stack, fleet, source, target, guest)
        return history

    def _observe(
        self,
        stack: ExitStack,
        fleet: Fleet,
        source: Hypervisor,
        target: Hypervisor,
        guest: GuestControl,
    ) -> Path:
        scenario = self._load(guest)
        plan = Plan(guest=fleet.guest, source=source.name, target=target.name, scenario=scenario)
        folder = self._folder(plan)
        guest.set_journal(JOURNAL_HZ)
        stack.callback(_quietly, lambda: guest.set_journal(0))
        recorder = self._record(stack, folder)
        began = time.monotonic()
        environment = self._environment(fleet, source)
        self.setting.say(f"baseline of {self.setting.baseline_seconds:g} s")
        time.sleep(max(0.0, began + self.setting.baseline_seconds - time.monotonic()))
        before = guest.status()
        with Watch(fleet.hosts.values(), fleet.guest) as watch:
            self.setting.say(f"{plan.guest}: {plan.source} → {plan.target}, {scenario.policy.name}")
            move = Move(source, target, fleet.guest, scenario.policy, watch)
            outcome = move.run(self.setting.timeout_seconds, self.setting.show)
            after = self._settle(guest, outcome)
        fault = recorder.stop() if recorder else None
        history = History(
            plan=plan,
            environment=environment,
            outcome=outcome,
            events=watch.events(),
            progress=tuple(move.progress),
            guest_before=before,
            guest_after=after,
            domains=tuple(fleet.states()),
            journal=self._journal(before, after),
            faults=(fault,) if fault else (),
            ping=PingRecord.read(folder / PING) if recorder else None,
        )
        history.write(folder)
        return folder

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
        folder = self.out / name
        number = 1
        while folder.exists():
            number += 1
            folder = self.out / f"{name}-{number}"
        folder.mkdir(parents=True)
        return folder

    def _record(self, stack: ExitStack, folder: Path) -> PingRecorder | None:
        if "client" in self.setting.without:
            return None
        channel = self.lab.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        stack.callback(channel.close)
        address = self.lab.topology.guest.address
        recorder = PingRecorder.start(
            channel, address, self.setting.ping_interval_ms, folder / PING
        )
        stack.callback(recorder.stop)
        recorder.ready()
        return recorder

    def _environment(self, fleet: Fleet, source: Hypervisor) -> Environment:
        kind = fleet.acceleration_of(source)
        found = fleet.accelerations(lambda node, text: on_node(self.lab.place, node, text))
        return Environment(
            miglab=__version__,
            lab=self.lab.place.name,
            origin=self.lab.origin,
            acceleration=kind,
            acceleration_reason="; ".join(
                f"{name}: {answer.reason}" for name, answer in found.items()
            ),
            hosts={
                node.name: {"os": node.os, **fleet.hosts[node.name].versions()}
                for node in self.lab.topology.hypervisors
            },
        )

    def _settle(self, guest: GuestControl, outcome: Outcome) -> GuestStatus | None:
        """Waits until the network has had time to come back, then has every page checked."""
        end = outcome.ended_ns / 1e9 + self.setting.settle_seconds
        time.sleep(max(0.0, end - time.time()))
        try:
            if guest.status(10).load.state == "off":
                return guest.status()
            return guest.sweep()
        except GuestError:
            return None

    def _journal(
        self, before: GuestStatus, after: GuestStatus | None
    ) -> journal.JournalReading | None:
        """What the storage node reads of the writes acknowledged in this run."""
        if after is None or after.journal.state == "none":
            return None
        topology = self.lab.topology
        image = str(topology.share.path / f"{topology.guest.name}.img")
        first, last, slots = before.journal.acked + 1, after.journal.acked, after.journal.slots
        script = journal.read_script(image, first, last, slots)
        text = on_node(self.lab.place, topology.storage.name, script)
        return journal.reading(first, last, slots, base64.b64decode(text))


def _quietly(action: Callable[[], object]) -> None:
    """For tidying up after a run: a guest that is gone cannot be told to be quiet."""
    try:
        action()
    except MiglabError:
        pass
