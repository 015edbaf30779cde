"""One measured migration by our own hand."""

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from miglab.errors import UsageError
from miglab.experiment.loading import loaded
from miglab.experiment.observation import Done, Observation
from miglab.experiment.session import Session
from miglab.experiment.setting import Setting
from miglab.guest import local_disk
from miglab.lab.access import on_node
from miglab.lab.lab import Lab
from miglab.lab.lock import held
from miglab.migration.listener import Listener
from miglab.migration.move import Move
from miglab.observe.history import Plan
from miglab.policy import Policy
from miglab.scenario import Scenario


@dataclass
class Experiment:
    """One measured migration in ``lab``; the record is written below ``out``.

    Connections may be shared with other runs by a ``session``.
    """

    lab: Lab
    scenario: Scenario
    out: Path
    setting: Setting = field(default_factory=Setting)
    session: Session | None = None

    def __post_init__(self) -> None:
        self.setting = self.setting.at_pace(self.lab.pace)

    def run(self) -> Path:
        """The folder with the record.

        Raises UsageError for a wrong target or policy, LabError when the lab cannot do it; the
        guest is then as it was. Once the guest has moved, whatever fails is a fault in the record.
        """
        policy, say = self.scenario.policy, self.setting.say
        if policy is None:
            raise UsageError("expected a policy to migrate by, found none")
        if policy.mode == "offline":
            raise UsageError(
                f"--policy {policy.name}: expected a guest that does not run:"
                " a measured migration needs one that does"
            )
        with held(self.lab.place.lock), Session.of(self.lab, self.session) as session:
            guest = session.line if self.lab.topology.guest.ours else None
            fleet = session.fleet
            source = fleet.home()
            target = fleet.target(source, self.setting.to)
            self._prepare_storage(policy, target.name)
            scenario = loaded(guest, self.scenario, say)
            plan = Plan(
                guest=fleet.guest, source=source.name, target=target.name, scenario=scenario
            )

            def act(listener: Listener) -> Done:
                say(f"{plan.guest}: {plan.source} → {plan.target}, {policy.name}")
                move = Move(source, target, fleet.guest, policy, listener)
                return Done(move.run(self.setting.timeout_seconds, self.setting.recover_seconds))

            record = Observation(session, guest, plan, self.setting).of(act, self.out)
            fleet.settle_autostart()
            return record

    def _prepare_storage(self, policy: Policy, target: str) -> None:
        """A disk that is to be copied needs a place; UsageError when it cannot or must not be."""
        topology, copied = self.lab.topology, policy.copy_storage
        storage = topology.guest.storage
        if (copied == "none") != (storage == "share"):
            expected = "copy-storage with" if storage == "local" else "no copy-storage without"
            raise UsageError(
                f"--policy {policy.name}: expected {expected} a disk that is local to its host"
                f" (guest.storage in the declaration), found {storage}"
            )
        if copied != "none":
            shell = partial(on_node, self.lab.place)
            local_disk.prepare(shell, topology, target, copied)
