"""Any deeds in any order: a guest that is loaded, moved, disturbed and booted stays what it is.

How many walks of how many steps is a matter of the profile (``--hypothesis-profile``).
"""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from traceback import format_exception
from typing import Any, cast

import pytest
from hypothesis import reproduce_failure, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from hypothesis.stateful import run_state_machine_as_test as walk_through
from pydantic import ByteSize

from miglab.experiment.deeds import At
from miglab.guest_life import start_guest, stop_guest
from miglab.lab.access import on_node
from miglab.lab.embedded import EmbeddedLab, take_down
from miglab.lab.place import Place
from miglab.policy import Policy
from miglab.strategies import loads, policies, profile, profile_seconds
from miglab.workload import Load
from scenarios import faults
from scenarios.machine import LATE, QUICKLY, STEPS, Bench, assert_alone, assert_itself

WALKS = {"ci": (3, 6), "lab": (10, 12), "deep": (150, 40)}
"""How many, and of how many steps."""
AGAIN = "MIGLAB_WALK"
"""In the environment: what Hypothesis calls a failure's version and blob, to walk that way only."""
BLOB = re.compile(r"@reproduce_failure\('([^']+)', b'([^']+)'\)")
SLOWLY = ByteSize(32 << 20)
NUMBER = st.integers(0, 5)
SECONDS = st.sampled_from([0.1, 0.3, 0.5])

small_loads = loads().filter(lambda load: load.rate != "max")


class Machine(RuleBasedStateMachine):
    """Each rule is one deed that somebody may do to a lab."""

    def __init__(self, bench: Bench) -> None:
        super().__init__()
        self.walk, self.lab, self.late = bench.walk(), bench.lab, 0

    @rule(load=small_loads)
    def change_load(self, load: Load) -> None:
        """Also begins one."""
        with self.walk.doing(f"load {load.text}"):
            self.walk.bench.guest.set_load(load)
            self.walk.load = load

    @rule()
    def end_load(self) -> None:
        """If there is one."""
        with self.walk.doing("load off"):
            self.walk.bench.guest.set_load(None)
            self.walk.load = None

    @rule(policy=policies(), number=NUMBER)
    def migrate(self, policy: Policy, number: int) -> None:
        """It gets there, unless the machine is too busy."""
        self.moved(policy, number)

    @rule(policy=policies(), number=NUMBER, at_target=st.booleans(), seconds=SECONDS)
    def migrate_while_cut(
        self, policy: Policy, number: int, at_target: bool, seconds: float
    ) -> None:
        """A link that is away for so short a time holds nothing up for good."""
        node = self.walk.other(number) if at_target else self.walk.home
        cut = faults.link_cut(self.lab, node, seconds)
        self.moved(policy, number, At(1, f"link of {node} cut for {seconds} s", cut))

    @rule(policy=policies(), number=NUMBER, load=small_loads)
    def migrate_while_loading(self, policy: Policy, number: int, load: Load) -> None:
        """The guest is told to do something else in the first round."""
        told = At(1, f"load {load.text}", lambda: self.walk.bench.guest.set_load(load))
        self.walk.load = load
        self.moved(policy, number, told)

    @rule(policy=policies(), number=NUMBER, turn=st.integers(1, 3))
    def cancel(self, policy: Policy, number: int, turn: int) -> None:
        """In a round of copying; too late, or once post-copy has begun, it is in vain."""
        home, name = self.walk.hypervisor(self.walk.home), self.lab.topology.guest.name
        deed = At(turn, "cancelled", lambda: home.connection.lookupByName(name).abortJob())
        slow = policy.model_copy(update={"bandwidth": SLOWLY})
        setting = replace(QUICKLY, to=self.walk.other(number), at=(deed,))
        with self.walk.doing(f"{slow.name} to {setting.to}, cancelled in round {turn}"):
            verdict = self.walk.migrate(slow, setting)
            certain = turn == 1 and policy.mode == "precopy"
            assert verdict.fate == "stayed" or not certain, verdict.reasons

    @rule(number=NUMBER, seconds=SECONDS)
    def cut_link(self, number: int, seconds: float) -> None:
        """While nothing is under way; what was sent meanwhile is sent again."""
        node = self.walk.host(number)
        with self.walk.doing(f"link of {node} cut for {seconds} s"):
            faults.link_cut(self.lab, node, seconds)()

    @rule(number=NUMBER)
    def restart_libvirt(self, number: int) -> None:
        """An upgrade does that; the guest does not notice."""
        node = self.walk.host(number)
        with self.walk.doing(f"libvirtd of {node} restarted"):
            restart_libvirt(self.lab, node)

    @rule(number=NUMBER, at_target=st.booleans())
    def restart_libvirt_meanwhile(self, number: int, at_target: bool) -> None:
        """What drove the migration on one side is gone, so the guest stays."""
        setting = replace(QUICKLY, to=self.walk.other(number))
        node = setting.to if at_target and setting.to else self.walk.home
        setting.at = (At(1, "libvirtd restarted", lambda: restart_libvirt(self.lab, node)),)
        with self.walk.doing(f"to {setting.to}, libvirtd of {node} restarted in round 1"):
            verdict = self.walk.migrate(Policy(bandwidth=SLOWLY), setting)
            assert verdict.fate == "stayed", verdict.reasons
            faults.await_libvirt(self.lab)

    @rule()
    def start_anew(self) -> None:
        """The guest begins again, where guests begin."""
        with self.walk.doing("guest stopped and started"):
            stop_guest(self.lab)
            self.walk.home, status = start_guest(self.lab, lambda _: None)
            assert status is not None
            assert status.boot_id != self.walk.known.boot_id
            assert status.load.mismatches == 0
            self.walk.known, self.walk.load = status, None

    @invariant()
    def is_as_expected(self) -> None:
        """After each deed."""
        with self.walk.doing("  all as expected"):
            assert_alone(self.walk)
            assert_itself(self.walk)

    def moved(self, policy: Policy, number: int, *at: At) -> None:
        """A migration in the course of which ``at`` is done."""
        setting = replace(QUICKLY, to=self.walk.other(number), at=at)
        means = "".join(f", {each.name}" for each in at)
        with self.walk.doing(f"{policy.name} to {setting.to}{means}"):
            error = self.walk.migrate(policy, setting).migration.error
            assert error is None or LATE in error, error
            self.late += error is not None
            assert self.late <= 1, f"again {error}"


def restart_libvirt(lab: EmbeddedLab, node: str) -> None:
    """As an upgrade does."""
    on_node(lab.place, node, faults.RESTART, seconds=faults.PATIENCE)


def chosen() -> settings:
    """The profile, in walks."""
    name = settings.get_current_profile_name()
    walks, steps = WALKS.get(name, WALKS["ci"])
    return settings(profile(), max_examples=walks, stateful_step_count=steps)


def machines(bench: Bench) -> Callable[[], Machine]:
    """What makes one for each walk; the way is given when one that failed is to be walked again."""

    def machine() -> Machine:
        return Machine(bench)

    if AGAIN not in os.environ:
        return machine
    version, _, blob = os.environ[AGAIN].partition(":")
    return reproduce_failure(version, blob.encode())(machine)


def story(failure: BaseException, bench: Bench, config: pytest.Config) -> str:
    """How to walk that way again, and where what was recorded lies."""
    lines = [f"steps: {folder / STEPS}; its runs are beside it" for folder in bench.failed()]
    if found := BLOB.search("".join(format_exception(failure))):
        name, topology = settings.get_current_profile_name(), config.getoption("--lab-topology")
        words = [f"{AGAIN}='{found[1]}:{found[2]}' pytest scenarios/test_machine.py"]
        words += [f"--hypothesis-profile {name}"] if name in WALKS else []
        words += [f"--lab-topology {topology}"] if topology else []
        lines.append(f"again: {' '.join(words)} --lab-name {bench.lab.place.name}")
    return "\n".join(lines)


@pytest.mark.deadline(profile_seconds())
def test_any_deeds_in_any_order(
    lab: Any,
    guest: Any,
    connections: Any,
    recorded: Any,
    records: Path,
    request: pytest.FixtureRequest,
) -> None:
    """After each deed of each walk the guest is one, whole, and where it was brought."""
    bench = Bench(lab, guest, connections, recorded, records)
    try:
        walk_through(cast("type[Machine]", machines(bench)), settings=chosen())
    except Exception as failure:
        failure.add_note(story(failure, bench, request.config))
        raise


@pytest.mark.slow
@pytest.mark.deadline(900)
def test_round_a_third_host(project: Path, tmp_path: Path) -> None:
    """The same walks in a lab that has one more host to go to."""
    test = f"{Path(__file__).relative_to(project)}::{test_any_deeds_in_any_order.__name__}"
    lab = ["--lab-name", "third-host", "--lab-topology", "inventories/three.yaml"]
    command = [sys.executable, "-m", "pytest", test, *lab, "--lab-report", str(tmp_path)]
    try:
        done = subprocess.run(
            command, cwd=project, capture_output=True, text=True, timeout=800, check=False
        )
    finally:
        take_down(Place("third-host"))
    assert done.returncode == 0, done.stdout
