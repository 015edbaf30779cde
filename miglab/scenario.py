"""One experiment in values: a load, a policy, a budget."""

from typing import Literal

from miglab.policy import Budget, Policy
from miglab.values import Value
from miglab.workload import Load


class Scenario(Value):
    """Load × policy × budget; a load of None leaves the guest with the one it has.

    A policy of None is another command's affair, which is only watched.
    """

    load: Load | Literal["off"] | None = None
    policy: Policy | None = Policy()
    budget: Budget = Budget()

    @property
    def name(self) -> str:
        """Of policy and load, fit for a directory; a budget does not change what is done."""
        load = self.load.name if isinstance(self.load, Load) else self.load or "as-is"
        policy = self.policy.name if self.policy else "watched"
        return f"{policy}-{load}".replace("/s", "ps").replace("%", "pct")

    @property
    def command(self) -> str:
        """What to type to do the same again."""
        load = self.load.text if isinstance(self.load, Load) else self.load
        words = {
            "--policy": self.policy.name if self.policy else None,
            "--load": load,
            "--budget-ms": self.budget.client_ms_max,
        }
        return " ".join(
            ["miglab migrate", *(f"{key} {value}" for key, value in words.items() if value)]
        )
