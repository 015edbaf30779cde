"""The load that a run begins with."""

from collections.abc import Callable

from pydantic import ByteSize

from miglab.errors import UsageError
from miglab.guest.control import GuestControl
from miglab.scenario import Scenario
from miglab.workload import Load

UNTOUCHED = Load(working_set=ByteSize(16 << 20), rate=ByteSize(0))
"""What a guest without a load is given, so that its memory can be checked at all."""


def loaded(guest: GuestControl | None, scenario: Scenario, say: Callable[[str], None]) -> Scenario:
    """Sets the load that was asked for; what the scenario then really is.

    A guest without our program (None) keeps the load that it has: UsageError for any other.
    """
    wanted = scenario.load
    if guest is None:
        if wanted is not None:
            raise UsageError("--load: expected none, for a guest without our program keeps its own")
        return scenario
    if wanted == "off":
        guest.set_load(None)
    elif isinstance(wanted, Load):
        say(f"load {wanted.name}")
        guest.set_load(wanted)
    elif guest.status().load.state == "off":
        guest.set_load(UNTOUCHED)
        return scenario.model_copy(update={"load": UNTOUCHED})
    return scenario
