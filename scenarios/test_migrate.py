"""The guest moves, there and back, and nothing is lost; a harm done on purpose is seen."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ByteSize

from miglab.guest.control import GuestControl
from miglab.guest_life import start_guest, stop_guest
from miglab.lab.embedded import EmbeddedLab
from miglab.policy import NAMED, Budget
from miglab.scenario import Scenario
from miglab.workload import Load

pytestmark = pytest.mark.measured

BUSY = Load(working_set=ByteSize(64 << 20), rate=ByteSize(50 << 20))
IDLE = Load(working_set=ByteSize(16 << 20), rate=ByteSize(0))


def assert_unharmed(verdict: Any) -> None:
    """Every oracle vouches for the guest."""
    for name, finding in verdict.integrity.by_name():
        assert finding.state == "intact", f"{name}: {finding.detail}"


def test_an_idle_guest_moves_there_and_back(migrate: Any) -> None:
    """Nothing rewrites its memory, and all of it arrives."""
    there = migrate(Scenario(load=IDLE))
    back = migrate(Scenario(load=IDLE))
    for verdict in (there, back):
        assert_unharmed(verdict)
        assert verdict.verdict == "pass", verdict.reasons
    assert (back.migration.source, back.migration.target) == (
        there.migration.target,
        there.migration.source,
    )


def test_a_budget_that_cannot_be_kept_fails(migrate: Any) -> None:
    """One millisecond of darkness is not to be had; the verdict says which budget was broken."""
    slow = NAMED["precopy"].model_copy(update={"downtime_ms_max": 1000})
    verdict = migrate(Scenario(load=BUSY, policy=slow, budget=Budget(client_ms_max=1)))
    assert verdict.verdict == "fail"
    assert any("over the budget of 1 ms" in reason for reason in verdict.reasons)
    assert_unharmed(verdict)


def test_a_withheld_ping_is_unknown(migrate: Any) -> None:
    """Without the client's vantage nobody knows what the users saw, and unknown never passes."""
    verdict = migrate(Scenario(load=IDLE), without=frozenset({"client"}))
    assert verdict.verdict == "unknown"
    assert verdict.downtime_ms.client.value is None
    assert_unharmed(verdict)


@pytest.mark.usefixtures("guest")
def test_the_command_prints_one_json_object(on_lab: Any) -> None:
    """The contract's keys, and nothing but JSON on standard output."""
    done = on_lab("migrate", "--json", "--load", "ws=16MiB,rate=20MiB/s,pattern=random")
    verdict = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    assert verdict["verdict"] == "pass"
    assert verdict["downtime_ms"]["client"]["uncertainty"] > 0
    assert verdict["migration"]["from"] != verdict["migration"]["to"]
    assert "round" in done.stderr


@pytest.mark.parametrize(
    ("words", "code", "line"),
    [
        (["--policy", "teleport"], 2, "--policy: expected words joined by +"),
        (["--load", "ws=lots"], 2, "--load: working_set: expected"),
        (["--load", "ws=900MiB"], 2, "working_set"),
        (["--to", "nowhere"], 2, "--to: expected one of"),
    ],
)
def test_a_wrong_word_leaves_the_guest_alone(
    on_lab: Any, guest: GuestControl, words: list[str], code: int, line: str
) -> None:
    """One line, the right exit code, and a guest that runs on undisturbed."""
    before = guest.status()
    done = on_lab("migrate", *words)
    assert done.returncode == code, done.stderr
    assert line in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert guest.status().boot_id == before.boot_id


def test_migrating_to_where_the_guest_is_refuses(on_lab: Any, migrate: Any) -> None:
    """The host the guest is on is no target."""
    here = migrate(Scenario(load=IDLE)).migration.target
    done = on_lab("migrate", "--to", here)
    assert done.returncode == 2
    assert f"is on {here} already" in done.stderr


def test_a_target_that_is_down_is_the_labs_fault(
    lab: EmbeddedLab, on_lab: Any, guest: GuestControl, migrate: Any
) -> None:
    """Exit code 4 naming the host, and the guest runs on; `up` brings the host back."""
    other = migrate(Scenario(load=IDLE)).migration.source
    before = guest.status()
    subprocess.run(
        ["podman", "stop", "--time=5", lab.place.node(other)], check=True, capture_output=True
    )
    try:
        done = on_lab("migrate", "--to", other)
        assert done.returncode == 4, done.stderr
        assert other in done.stderr.splitlines()[-1]
        assert guest.status().boot_id == before.boot_id
    finally:
        lab.up()
    assert migrate(Scenario(load=IDLE)).verdict == "pass"


@pytest.mark.usefixtures("guest")
def test_a_guest_that_does_not_run_is_said_so(on_lab: Any, lab: EmbeddedLab) -> None:
    """Exit code 4 and the command that starts it."""
    stop_guest(lab)
    try:
        done = on_lab("migrate")
        assert done.returncode == 4
        assert "miglab guest start" in done.stderr
    finally:
        start_guest(lab, lambda _: None)


def test_ctrl_c_while_pages_are_sent_leaves_the_guest_where_it_is(
    lab: EmbeddedLab, project: Path, guest: GuestControl, migrate: Any
) -> None:
    """The job is cancelled, the guest runs on where it was, and the next move is a good one."""
    home = migrate(Scenario(load=BUSY)).migration.target
    before = guest.status()
    command = [sys.executable, "-m", "miglab", "migrate", "--lab", lab.place.name]
    command += ["--bandwidth", "4MiB/s"]
    with subprocess.Popen(command, cwd=project, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        said = next(line for line in process.stderr if line.startswith("round"))
        process.send_signal(signal.SIGINT)
        rest = process.communicate(timeout=60)[1]
    assert process.returncode == 130, said + rest
    assert "interrupted" in rest
    after = guest.status()
    assert after.boot_id == before.boot_id
    assert after.load.mismatches == before.load.mismatches
    verdict = migrate(Scenario(load=BUSY))
    assert verdict.migration.source == home
    assert verdict.verdict == "pass", verdict.reasons
