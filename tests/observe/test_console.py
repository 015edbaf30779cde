"""The guest's serial console as the hosts log it."""

import subprocess
from pathlib import Path

import pytest

from miglab.observe import console
from miglab.observe.console import Console


@pytest.mark.parametrize(
    "line",
    [
        "[   12.3] Oops: 0000 [#1] PREEMPT SMP",
        "[   12.3] Kernel panic - not syncing: Attempted to kill init!",
        "[   12.3] watchdog: BUG: soft lockup - CPU#0 stuck for 26s!",
        "[   12.3] rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:",
        "[   12.3] INFO: task init:1 blocked for more than 120 seconds.",
        "[   12.3] Call Trace:",
        "stress-ng: fail:  [208] vm: detected 1 bit errors while stressing memory",
    ],
)
def test_a_complaint_is_one(line: str) -> None:
    """Among what is none."""
    text = f"miglab: ready boot_id=1\r\n{line}\r\nmore"
    assert Console(host="source", text=text).complaints() == [line]


WELL = "stress-ng: info:  [207] status: 3 run, 0 exit, 0 reap, 0 fail, 0 sigalarm, 9 secs"


@pytest.mark.parametrize("text", [None, "", "miglab: ready boot_id=1 address=10.0.0.1/24\n", WELL])
def test_what_is_none_is_none(text: str | None) -> None:
    """A host that said nothing, a quiet console, a boot."""
    assert Console(host="source", text=text).complaints() == []


def shell(script: str) -> str:
    """What a node would print."""
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    return done.stdout


def test_only_the_growth_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a log that grew, of one that was begun anew, and of none."""
    log = tmp_path / "vm1.console"
    monkeypatch.setattr(console, "path", lambda _: str(log))
    assert shell(console.size_script("vm1")) == "0\n"
    assert shell(console.growth_script("vm1", 0)) == ""
    log.write_text("before\n")
    size = int(shell(console.size_script("vm1")))
    assert shell(console.growth_script("vm1", size)) == ""
    log.write_text("before\nafter\n")
    assert shell(console.growth_script("vm1", size)) == "after\n"
    log.write_text("new\n")
    assert shell(console.growth_script("vm1", size)) == "new\n"
