"""One experiment in values: a load, a policy, a budget."""

from miglab.policy import Budget, Policy
from miglab.values import Value
from miglab.workload import Load


class Scenario(Value):
    """Load × policy × budget; without a load the guest is left as it is."""

    load: Load | None = None
    policy: Policy = Policy()
    budget: Budget = Budget()

    @property
    def name(self) -> str:
        """Derived from the values, fit for a directory."""
        load = self.load.name if self.load else "idle"
        return f"{self.policy.name}-{load}".replace("/s", "ps").replace("%", "pct")
