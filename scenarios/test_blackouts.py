"""Blackouts of known length are reported as long as they were, by each vantage that can see them.

Which vantage sees what is drawn in docs/explanation/downtime.md.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from miglab.judge.bounds import CLOCK_SLACK_MS
from miglab.judge.figures import Outage
from miglab.judge.measured import Measured
from miglab.judge.verdict import Verdict
from miglab.lab.embedded import EmbeddedLab
from miglab.migration.hypervisor import Hypervisor
from scenarios import blackouts
from scenarios.blackouts import Blackout, Truth

pytestmark = pytest.mark.measured

LENGTHS_MS = [50, 137, 250, 1000]
RECOVERY_MS = 150
"""How much longer than a blackout the darkness after it may be: a guest that was stopped, or is
starved by a busy machine, takes its time to answer again, and whoever sees that is not wrong."""
SUSPENDED = {"client", "vcpu", "guest", "disk"}
FROZEN = {"client", "disk", "program"}
UNPLUGGED = {"client", "beacon"}


@pytest.fixture
def home(lab: EmbeddedLab, guest: Any) -> Iterator[Hypervisor]:  # noqa: ARG001 - it has to run
    """The host that the guest runs on."""
    with blackouts.at_home(lab) as found:
        yield found


def assert_seen(figure: Measured, truth: Truth, vantage: str) -> None:
    """What the vantage says cannot be shorter than the truth, nor longer but by the recovery.

    The two that do not wait for the guest to do anything must be right to the letter.
    """
    assert figure.value is not None, f"{vantage}: {figure.note}"
    assert figure.uncertainty is not None
    low, high = figure.value - figure.uncertainty, figure.value + figure.uncertainty
    said = f"{vantage}: {figure.value:.1f} ± {figure.uncertainty:.1f}, was {truth}"
    allowed_ms = 0 if vantage in ("vcpu", "guest") else RECOVERY_MS
    assert low <= truth.high_ms + allowed_ms, said
    assert truth.low_ms <= high, said


def figures(verdict: Verdict) -> dict[str, Measured]:
    """Every figure by its vantage."""
    return dict(verdict.downtime_ms) | dict(verdict.noticed_ms)


def assert_all_seen(verdict: Verdict, blackout: Blackout, vantages: set[str]) -> None:
    """By each of the vantages; the others that measure outages saw none of that length."""
    (truth,) = blackout.truths
    found = figures(verdict)
    for vantage in sorted(vantages):
        assert_seen(found[vantage], truth, vantage)
    assert verdict.contradictions == ()


@pytest.mark.parametrize("length_ms", LENGTHS_MS)
def test_a_suspended_guest(watch: Any, lab: EmbeddedLab, home: Hypervisor, length_ms: int) -> None:
    """Its vCPUs, its clock, its disk and its network stand for as long."""
    blackout = blackouts.suspended(home, lab.topology.guest.name, length_ms)
    verdict = watch(blackout)
    assert_all_seen(verdict, blackout, SUSPENDED)
    assert verdict.verdict == "pass", verdict.reasons


@pytest.mark.parametrize("length_ms", [250, 1000])
def test_a_frozen_qemu(watch: Any, lab: EmbeddedLab, home: Hypervisor, length_ms: int) -> None:
    """Nobody is told, and the guest's clock goes on: the program in it misses the time."""
    blackout = blackouts.frozen(lab, home, length_ms)
    verdict = watch(blackout)
    assert_all_seen(verdict, blackout, FROZEN)
    assert verdict.downtime_ms.vcpu.value == 0
    assert (verdict.downtime_ms.guest.value or 0) <= CLOCK_SLACK_MS


def test_an_unplugged_guest(watch: Any, lab: EmbeddedLab, home: Hypervisor) -> None:
    """The network is dark, and nothing else stands."""
    blackout = blackouts.unplugged(lab, home, 300)
    verdict = watch(blackout)
    assert_all_seen(verdict, blackout, UNPLUGGED)
    assert verdict.downtime_ms.vcpu.value == 0
    assert (verdict.downtime_ms.guest.value or 0) <= CLOCK_SLACK_MS


def test_two_outages_in_one_run(watch: Any, lab: EmbeddedLab, home: Hypervisor) -> None:
    """Each is reported for itself."""
    blackout = blackouts.suspended(home, lab.topology.guest.name, 200, times=2)
    verdict = watch(blackout)
    for vantage in ("client", "vcpu", "guest"):
        seen = [o for o in verdict.outages if o.vantage == vantage and _is_long(o)]
        assert len(seen) == 2, (vantage, seen)
        for outage, truth in zip(seen, blackout.truths, strict=True):
            assert_seen(outage.ms, truth, vantage)


def _is_long(outage: Outage) -> bool:
    return (outage.ms.value or 0) > 100
