"""The load that a run begins with."""

from collections.abc import Callable

from pydantic import ByteSize

from miglab.guest.control import GuestControl
from miglab.scenario import Scenario
from miglab.workload import Load

UNTOUCHED = Load(working_set=ByteSize(16 << 20), rate=ByteSize(0))
"""What a guest without a load is given, so that its memory can be checked at all."""


def loaded(guest: GuestControl, scenario: Scenario, say: Callable[[str], None]) -> Scenario:
    """Sets the load that was asked for; what the scenario then really is."""
    wanted = scenario.load
    if wanted == "off":
        guest.set_load(None)
    elif isinstance(wanted, Load):
        say(f"load {wanted.name}")
        guest.set_load(wanted)
    elif guest.status().load.state == "off":
        guest.set_load(UNTOUCHED)
        return scenario.model_copy(update={"load": UNTOUCHED})
    return scenario
