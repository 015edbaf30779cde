"""Scenarios and their names."""

import re

import pytest
from hypothesis import given

from miglab.policy import NAMED, Budget
from miglab.scenario import Scenario
from miglab.workload import Load
from tests.strategies import scenarios


@pytest.mark.parametrize(
    ("scenario", "name"),
    [
        (Scenario(), "precopy-as-is"),
        (Scenario(load="off", policy=NAMED["postcopy"]), "postcopy-off"),
        (Scenario(load=Load(compressibility=5)), "precopy-ws64MiB-50MiBps-sequential-5pct"),
    ],
)
def test_the_name_says_the_values(scenario: Scenario, name: str) -> None:
    """Policy first, then the load."""
    assert scenario.name == name


@given(scenarios(), scenarios())
def test_other_values_have_another_name(one: Scenario, other: Scenario) -> None:
    """Two runs with one name did the same; what may be noticed does not change what is done."""
    same = (one.load, one.policy) == (other.load, other.policy)
    assert (one.name == other.name) == same


@given(scenarios())
def test_the_name_is_fit_for_a_directory(scenario: Scenario) -> None:
    """No slash, no space, and short enough for every file system."""
    assert re.fullmatch(r"[A-Za-z0-9.+_-]{1,200}", scenario.name)


@given(scenarios())
def test_a_scenario_comes_back_from_json(scenario: Scenario) -> None:
    """Nothing is lost, be the load one, none or off."""
    assert Scenario.model_validate_json(scenario.model_dump_json()) == scenario


def test_a_budget_does_not_change_the_name() -> None:
    """The same run can be held against another budget."""
    assert Scenario(budget=Budget(client_ms_max=1)).name == Scenario().name
