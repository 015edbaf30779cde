"""Whatever load a guest has and however it is moved: what holds for every one of them.

The profile (``--hypothesis-profile``) says how many are tried; see miglab/strategies.py.
"""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, note

from miglab.judge.verdict import Verdict
from miglab.lab.lab import Lab
from miglab.policy import Budget, Policy
from miglab.scenario import Scenario
from miglab.strategies import profile, profile_seconds, scenarios
from miglab.workload import PAGE, Load
from scenarios.slack import is_kept

pytestmark = pytest.mark.measured

QUICKLY = {"baseline_seconds": 0.4, "settle_seconds": 0.2}
TENTHS = 10
"""QEMU doles out its bandwidth in tenths of a second, and may begin with a whole one."""
NOISE = 0.25
"""Traffic of two runs of one scenario differs by so much at most: the guest's own pages."""

ALL_SENT = "no post-copy: pre-copy was done before the switch"
"""A guest that does next to nothing leaves nothing to post-copy; that is no way to test it."""


def assert_holds(verdict: Verdict, scenario: Scenario, lab: Lab) -> None:
    """Every invariant; what is measured was stored before."""
    again = f"again, in a lab that --lab-keep kept: {scenario.command} --lab {lab.place.name}"
    for name, finding in verdict.integrity.by_name():
        assert finding.state == "intact", f"{name}: {finding.detail}; {again}"
    assert verdict.fate == "moved", f"{verdict.reasons}; {again}"
    assert verdict.contradictions == (), f"{verdict.contradictions}; {again}"
    for shown in verdict.manner:
        assert shown.state == "intact", f"{shown.asked}: {shown.detail}; {again}"
    assert_traffic(verdict, scenario, int(lab.topology.guest.memory), again)
    assert_downtime(verdict, scenario, again)
    assert_graded(verdict, scenario.budget, again)


def assert_traffic(verdict: Verdict, scenario: Scenario, memory: int, again: str) -> None:
    """No less was sent than was used, nor faster than the link allows."""
    load, policy, moved = scenario.load, scenario.policy, verdict.migration
    assert isinstance(load, Load)
    assert policy is not None
    assert moved.transferred_bytes is not None
    assert moved.total_ms is not None
    assert moved.zero_pages is not None
    if policy.compression != "none":
        return
    # A page that was zero in several rounds is counted in each: then less is asked for.
    used = memory - moved.zero_pages * PAGE
    written = load.working_set * (100 - load.zero) // 100
    assert moved.transferred_bytes >= max(used, written), again
    # The last stop is not held to the bandwidth.
    capped = used - policy.last_stop_bytes - policy.bandwidth // TENTHS
    assert moved.total_ms >= capped * 1000 // policy.bandwidth, again


def assert_downtime(verdict: Verdict, scenario: Scenario, again: str) -> None:
    """libvirt says that it converged, so QEMU's estimate was within its limit."""
    policy = scenario.policy
    assert policy is not None
    assert policy.mode != "precopy" or is_kept(verdict, policy.limit_ms), again


def assert_graded(verdict: Verdict, budget: Budget, again: str) -> None:
    """The verdict is what the budget makes of what the client saw."""
    client = verdict.downtime_ms.client
    wanted = "pass" if budget.client_ms_max is None else client.within(budget.client_ms_max)
    if wanted == "pass" and any(ALL_SENT in reason for reason in verdict.reasons):
        wanted = "unknown"
    assert verdict.verdict == wanted, f"{verdict.reasons}; {again}"


@pytest.mark.deadline(profile_seconds())
@profile()
@given(scenario=scenarios())
def test_whatever_is_asked_for(migrate: Any, lab: Lab, scenario: Scenario) -> None:
    """Nothing is lost, it runs once, and no figure says what cannot be."""
    note(scenario.command)
    assert_holds(migrate(scenario, **QUICKLY), scenario, lab)


def test_more_load_is_never_less_traffic(migrate: Any) -> None:
    """Beyond noise; the load is the same but for its rate, and in the end it does show."""
    sent = []
    for rate in ("0", "20MiB/s", "50MiB/s"):
        load = Load.parse(f"ws=48MiB,rate={rate}")
        moved = migrate(Scenario(load=load, policy=Policy()), **QUICKLY).migration
        assert moved.transferred_bytes is not None
        sent.append(moved.transferred_bytes)
    for less, more in pairwise(sent):
        assert more >= less * (1 - NOISE), sent
    assert sent[-1] > sent[0], sent
