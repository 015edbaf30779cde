"""One measured migration by our own hand."""

from dataclasses import dataclass, field
from pathlib import Path

from miglab.errors import UsageError
from miglab.experiment.loading import loaded
from miglab.experiment.observation import Done, Observation
from miglab.experiment.setting import Setting
from miglab.guest_life import control
from miglab.guest_life import fleet as open_fleet
from miglab.lab.embedded import EmbeddedLab
from miglab.lab.lock import held
from miglab.migration.listener import Listener
from miglab.migration.move import Move
from miglab.observe.history import Plan
from miglab.scenario import Scenario


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
        then as it was. Once the guest has moved, whatever fails is a fault in the record.
        """
        policy, say = self.scenario.policy, self.setting.say
        if policy is None:
            raise UsageError("expected a policy to migrate by, found none")
        self.lab.require_up()
        with held(self.lab.place.lock), open_fleet(self.lab) as fleet, control(self.lab) as guest:
            source = fleet.home()
            target = fleet.target(source, self.setting.to)
            scenario = loaded(guest, self.scenario, say)
            plan = Plan(
                guest=fleet.guest, source=source.name, target=target.name, scenario=scenario
            )

            def act(listener: Listener) -> Done:
                say(f"{plan.guest}: {plan.source} → {plan.target}, {policy.name}")
                move = Move(source, target, fleet.guest, policy, listener)
                return Done(move.run(self.setting.timeout_seconds))

            return Observation(self.lab, fleet, guest, plan, self.setting).of(act, self.out)
