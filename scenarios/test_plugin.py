"""The plugin in other people's suites: elsewhere, interrupted, killed, late, by several workers."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from lxml import etree

from miglab.declaration import load
from miglab.guest_life import ask_guest, start_guest
from miglab.lab.embedded import EmbeddedLab
from miglab.lab.place import Place

pytestmark = [pytest.mark.kinds, pytest.mark.deadline(900)]

EXAMPLE = Path("docs/examples/own-guest")
NAME = "own-guest"
SLOW = """
import pytest
from miglab.policy import Policy
from miglab.scenario import Scenario
from miglab.workload import Load

{marker}
def test_slow(migrate):
    slow = Policy(bandwidth=4 << 20)
    load = Load.parse("ws=64MiB,rate=50MiB/s")
    migrate(Scenario(load=load, policy=slow), show=lambda moment: print("moving", flush=True))
"""
GOOD = """
from miglab.scenario import Scenario

def test_good(migrate):
    assert migrate(Scenario()).integrity.memory.state == "intact"
"""

HERE = """
from pathlib import Path

def test_here(lab, nodes):
    assert nodes["target"].check_output("hostname") == "target"
    assert lab.status().up
    Path(lab.place.name).touch()
"""


@pytest.fixture(scope="module")
def lab_of_its_own(project: Path) -> Iterator[EmbeddedLab]:
    """The example's lab, for as long as these tests need it."""
    opened = EmbeddedLab(Place(NAME), load(project / EXAMPLE / "topology.yaml"))
    yield opened
    opened.down()


@pytest.fixture
def elsewhere(project: Path, tmp_path: Path, lab_of_its_own: EmbeddedLab) -> Path:  # noqa: ARG001
    """The example, copied to where no checkout is."""
    return Path(shutil.copytree(project / EXAMPLE, tmp_path / "shop"))


def suite(folder: Path, *words: str) -> list[str]:
    """The command line of a run that leaves the lab up."""
    return [sys.executable, "-m", "pytest", f"--rootdir={folder}", "--lab-keep", "-s", *words]


def run(folder: Path, *words: str, seconds: float = 600) -> subprocess.CompletedProcess[str]:
    """One run of the suite in ``folder``."""
    return subprocess.run(
        suite(folder, *words),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


def stopped_in_a_migration(folder: Path, how: signal.Signals) -> subprocess.CompletedProcess[str]:
    """Runs the slow test; all of its processes get the signal while pages are sent."""
    (folder / "test_slow.py").write_text(SLOW.format(marker=""))
    command = suite(folder, "test_slow.py")
    with subprocess.Popen(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            said += line
            if "moving" in line:
                break
        os.killpg(process.pid, how)
        rest, _ = process.communicate(timeout=120)
    return subprocess.CompletedProcess(command, process.returncode, said + rest, "")


def assert_usable(folder: Path) -> None:
    """The next run has a lab and a guest to move."""
    (folder / "test_good.py").write_text(GOOD)
    done = run(folder, "test_good.py")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.measured
def test_the_example_of_a_suite_elsewhere(elsewhere: Path) -> None:
    """It passes as it stands, and leaves a folder that can be handed on."""
    done = run(elsewhere, "--junit-xml=report.xml")
    assert done.returncode == 0, done.stdout + done.stderr
    found = etree.parse(elsewhere / "report.xml").iterfind(".//property[@name='verdict']")
    assert [verdict.get("value") for verdict in found] == ["pass"] * 3
    assert len(list(elsewhere.glob("runs/*/report.html"))) == 3
    assert (elsewhere / "runs" / "index.html").exists()


def test_ctrl_c_in_a_migration(elsewhere: Path, lab_of_its_own: EmbeddedLab) -> None:
    """pytest ends as it does; the guest runs on where it was, and can be moved."""
    run(elsewhere, "--collect-only")
    lab_of_its_own.up()
    start_guest(lab_of_its_own, lambda _: None)
    before = ask_guest(lab_of_its_own)
    done = stopped_in_a_migration(elsewhere, signal.SIGINT)
    assert done.returncode == pytest.ExitCode.INTERRUPTED, done.stdout
    assert lab_of_its_own.status().up
    assert ask_guest(lab_of_its_own).boot_id == before.boot_id
    assert_usable(elsewhere)


def test_killed_in_a_migration(elsewhere: Path) -> None:
    """The next run heals whatever is left."""
    assert stopped_in_a_migration(elsewhere, signal.SIGKILL).returncode == -signal.SIGKILL
    assert_usable(elsewhere)


def test_a_deadline_in_a_migration(elsewhere: Path) -> None:
    """The test fails and says where it stood, the guest stays, and the next test moves it."""
    text = SLOW.format(marker="@pytest.mark.deadline(20)")
    (elsewhere / "test_a.py").write_text(text)
    (elsewhere / "test_b.py").write_text(GOOD)
    done = run(elsewhere, "test_a.py", "test_b.py")
    assert "deadline of 20 s passed; it stood at " in done.stdout
    assert "← test_a.py:" in done.stdout
    assert "1 failed, 1 passed" in done.stdout, done.stdout + done.stderr


def test_two_workers(elsewhere: Path) -> None:
    """A lab each, of the same addresses, at the same time; nothing of them is left."""
    for name in "ab":
        (elsewhere / f"test_{name}.py").write_text(HERE)
    command = [sys.executable, "-m", "pytest", "-n2", "--dist=loadfile", "test_a.py", "test_b.py"]
    done = subprocess.run(
        command, cwd=elsewhere, capture_output=True, text=True, timeout=800, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for worker in ("gw0", "gw1"):
        place = Place(f"{NAME}-{worker}")
        assert (elsewhere / place.name).exists()
        assert place.namespaces() == []
        assert not place.directory.exists()
