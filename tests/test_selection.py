"""Which scenarios are run on which kind of lab: nobody's own hosts come to harm."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def collected(*words: str) -> set[str]:
    """The tests of scenarios/ that would run, without their parameters."""
    command = [sys.executable, "-m", "pytest", "scenarios", "--collect-only", "-q", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    tests = [line for line in done.stdout.splitlines() if line.startswith("scenarios/")]
    return {test.partition("[")[0].removeprefix("scenarios/") for test in tests}


def test_own_hosts_are_only_migrated_between() -> None:
    """By the one scenario that does nothing else to them."""
    found = collected("--lab", "site", "--lab-inventory", "inventories/site.py")
    assert found == {"test_policies.py::test_every_policy"}


def test_virtual_machines_have_scenarios_of_their_own_besides() -> None:
    """The tutorial's rows, what only they can show, and the ways of moving."""
    found = collected("--lab", "vagrant")
    assert {test.partition("::")[0] for test in found} == {
        "test_policies.py",
        "test_tutorial.py",
        "test_vagrant.py",
    }
    assert "test_policies.py::test_a_wrong_certificate_is_refused" not in found


def test_what_virtual_machines_show_is_for_them_alone() -> None:
    """All others are for containers."""
    found = {test.partition("::")[0] for test in collected()}
    assert "test_vagrant.py" not in found
    assert {"test_doctor.py", "test_faults.py", "test_tutorial.py"} <= found
