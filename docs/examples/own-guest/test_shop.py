"""The shop's customers must not wait for longer than its owners promise, wherever it runs."""

import pytest

from miglab.policy import Budget, Policy
from miglab.pytest_plugin import Migrate, Watch
from miglab.scenario import Scenario
from miglab.workload import Load

BUSY = Load.parse("ws=32MiB,rate=10MiB/s,pattern=random")
PROMISE = Budget(client_ms_max=3000)
WAYS = ["precopy+limit-100ms", "multifd-2+64MiB/s"]


@pytest.mark.measured
@pytest.mark.parametrize("way", WAYS)
def test_customers_wait_no_longer_than_promised(migrate: Migrate, way: str) -> None:
    """While it moves under load; and nothing is lost."""
    verdict = migrate(Scenario(load=BUSY, policy=Policy.named(way), budget=PROMISE))
    assert verdict.verdict == "pass", verdict.reasons


@pytest.mark.measured
def test_the_nightly_job_is_not_noticed(watch: Watch) -> None:
    """Any command can stand here: virsh, a playbook, a script of your own."""
    verdict = watch(["sleep", "2"], budget=PROMISE)
    assert verdict.verdict == "pass", verdict.reasons
