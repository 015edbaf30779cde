"""What is generated is what a small guest can do, and can be asked for again by one command."""

import shlex

import pytest
from hypothesis import given, settings

from miglab.policy import NAMED, Policy
from miglab.scenario import Scenario
from miglab.strategies import PROFILES, QUICK, loads, profile, scenarios
from miglab.workload import Load


@given(scenarios())
def test_a_scenario_ends_by_itself(scenario: Scenario) -> None:
    """A load without bounds that nothing overtakes would be copied for ever."""
    load, policy = scenario.load, scenario.policy
    assert isinstance(load, Load)
    assert policy is not None
    if load.rate == "max" and policy == Policy():
        assert load.working_set < 40 << 20


@given(scenarios())
def test_its_command_says_all(scenario: Scenario) -> None:
    """Load and policy read back from it are the same."""
    words = shlex.split(scenario.command)
    assert Load.parse(words[words.index("--load") + 1]) == scenario.load
    assert Policy.named(words[words.index("--policy") + 1]) == scenario.policy


@given(loads(working_set_max=16 << 20))
def test_a_load_fits(load: Load) -> None:
    """Into the guest that it is for."""
    assert load.working_set <= 16 << 20


@pytest.mark.parametrize("name", QUICK)
def test_quick_policies_are_known(name: str) -> None:
    """By the name that they derive from their values."""
    assert NAMED[name].name == name


def test_a_profile_of_hypothesis_own_is_ours_for_ci() -> None:
    """Whoever names none gets few examples, the same every time."""
    settings.register_profile("theirs", max_examples=7)
    before = settings.get_current_profile_name()
    try:
        settings.load_profile("theirs")
        assert profile() == PROFILES["ci"]
    finally:
        settings.load_profile(before)
