"""A guest that is declared to start with its host does, wherever it was moved to."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from miglab.experiment.migrate import Experiment
from miglab.guest_life import control, fleet, start_guest, stop_guest
from miglab.judge.verdict import judge
from miglab.lab.access import on_node
from miglab.lab.embedded import EmbeddedLab
from miglab.observe.history import History
from miglab.policy import Policy
from miglab.scenario import Scenario


@pytest.fixture
def eager(lab: EmbeddedLab) -> Iterator[EmbeddedLab]:
    """The session's lab, declared with a guest that starts with its host."""
    guest = lab.topology.guest.model_copy(update={"autostart": True})
    stop_guest(lab)
    found = EmbeddedLab(lab.place, lab.topology.model_copy(update={"guest": guest}))
    yield found
    stop_guest(lab)
    start_guest(lab, lambda _: None)


def starting(lab: EmbeddedLab) -> dict[str, bool]:
    """Which hosts would start the guest."""
    ask = f"LC_ALL=C virsh dominfo {lab.topology.guest.name} 2>&1 || true"
    names = [node.name for node in lab.topology.hypervisors]
    told = {name: on_node(lab.place, name, ask) for name in names}
    return {name: bool(re.search(r"Autostart: +enable", text)) for name, text in told.items()}


def test_a_guest_starts_with_the_host_that_it_is_on(eager: EmbeddedLab, tmp_path: Path) -> None:
    """Where it was started, and where it was moved to; never on two, which share its disk."""
    start_guest(eager, lambda _: None)
    assert starting(eager) == {"source": True, "target": False}
    way = Policy(undefine_source=False)
    verdict = judge(History.read(Experiment(eager, Scenario(policy=way), tmp_path).run()))
    assert verdict.fate == "moved", verdict.reasons
    assert starting(eager) == {"source": False, "target": True}
    with control(eager) as line:
        before = line.status(10).boot_id
        for node in eager.topology.hypervisors:
            eager.reboot(node)
        after = line.status(60).boot_id
    assert before != after
    with fleet(eager) as hosts:
        assert hosts.home().name == "target"
