"""virt-manager on a desk of its own: it reaches both hosts, and migrates as the tutorial does.

What it shows is read from its widgets (AT-SPI), not from a picture.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from docs.pictures.desk import Desk, Guests, desk, lacking
from miglab.lab.embedded import EmbeddedLab
from miglab.scenario import Scenario
from scenarios.faults import home_and_other

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def sitting(lab: EmbeddedLab, guest: Any) -> Iterator[Desk]:
    """Before virt-manager, while the guest runs."""
    if why := lacking():
        pytest.skip(why)
    guest.set_load(None)
    with desk(lab) as opened:
        yield opened


def below(host: str, lab: EmbeddedLab) -> Guests:
    """The list when the guest is on ``host``."""
    running = {lab.topology.guest.name: "Running"}
    return {each.name: running if each.name == host else {} for each in lab.topology.hypervisors}


def test_row_16_the_guest_goes_from_one_hosts_list_to_the_others(
    lab: EmbeddedLab, sitting: Desk, migrate: Any
) -> None:
    """When we migrate it, virt-manager sees it go."""
    home, other = home_and_other(lab)
    sitting.await_listed(below(home, lab))
    assert migrate(Scenario()).fate == "moved"
    sitting.await_listed(below(other, lab))


def test_row_16_virt_managers_own_migration_loses_nothing(
    lab: EmbeddedLab, sitting: Desk, watch: Any
) -> None:
    """By its dialog, as the tutorial clicks; measured like any command."""
    home, other = home_and_other(lab)
    sitting.await_listed(below(home, lab))
    sitting.ask_to_migrate(lab.topology.guest.name, other)

    def clicked() -> None:
        sitting.migrate()
        sitting.await_listed(below(other, lab))

    verdict = watch(clicked)
    assert [(move.source, move.target) for move in verdict.moves] == [(home, other)]
    assert verdict.downtime_ms.vcpu.value is not None
    for name, finding in verdict.integrity.by_name():
        assert finding.state == "intact", f"{name}: {finding.detail}"
