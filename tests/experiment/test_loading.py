"""The load that a run begins with, for a guest that cannot be given one."""

import pytest

from miglab.errors import UsageError
from miglab.experiment.loading import loaded
from miglab.scenario import Scenario
from miglab.workload import Load


def test_a_guest_without_our_program_keeps_its_own() -> None:
    """Nothing is asked of it."""
    assert loaded(None, Scenario(), print) == Scenario()


@pytest.mark.parametrize("load", [Load(), "off"])
def test_it_cannot_be_given_another(load: Load | str) -> None:
    """Not even none."""
    with pytest.raises(UsageError, match="--load: expected none"):
        loaded(None, Scenario.model_validate({"load": load}), print)
