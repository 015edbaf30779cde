"""Whatever another command does to the guest is measured and judged as our own migrations are."""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from miglab.errors import GuestError, LabError
from miglab.experiment.clocks import host_clock
from miglab.experiment.setting import Setting
from miglab.experiment.watch import Watching, waiting
from miglab.guest import domain
from miglab.guest.control import GuestControl
from miglab.guest_life import fleet, start_guest, stop_guest
from miglab.judge.bounds import CLOCK_SLACK_MS
from miglab.judge.verdict import judge
from miglab.lab.access import on_node
from miglab.lab.embedded import EmbeddedLab
from miglab.observe.history import History
from scenarios import blackouts
from scenarios.faults import home_and_other

VIRSH = "virsh migrate --live --persistent --undefinesource vm1 qemu+ssh://{target}/system"


def by_hand(lab: EmbeddedLab, source: str, target: str) -> str:
    """The tutorial's own command, typed on ``source``."""
    return f"ssh -F {lab.place.ssh_config} {source} {VIRSH.format(target=target)}"


@pytest.mark.usefixtures("guest")
def test_virsh_there_and_back(lab: EmbeddedLab, on_lab: Any, tmp_path: Path) -> None:
    """Found out by itself: from where to where, and how often."""
    home, other = home_and_other(lab)
    script = f"{by_hand(lab, home, other)} && {by_hand(lab, other, home)}"
    done = on_lab("watch", "--json", "--out", str(tmp_path), "--", "sh", "-c", script)
    assert done.returncode == 0, done.stderr
    verdict = json.loads(done.stdout)
    assert [(move["from"], move["to"]) for move in verdict["moves"]] == [
        (home, other),
        (other, home),
    ]
    assert verdict["command"] == ["sh", "-c", script]
    assert verdict["migration"]["total_ms"] > 0
    assert {seen["host"] for seen in verdict["announced"]} == {home, other}


@pytest.mark.usefixtures("guest")
def test_what_a_command_prints_is_not_our_answer(on_lab: Any, tmp_path: Path) -> None:
    """One JSON object on standard output; a command that fails makes the verdict a fail."""
    script = "echo printed; echo complained >&2; exit 3"
    done = on_lab("watch", "--json", "--out", str(tmp_path), "--", "sh", "-c", script)
    assert done.returncode == 1, done.stderr
    verdict = json.loads(done.stdout)
    assert verdict["reasons"] == ["sh ended with exit code 3: complained"]
    assert "printed" in done.stderr
    assert verdict["moves"] == []


@pytest.mark.usefixtures("guest")
def test_a_command_that_is_not_there(on_lab: Any, tmp_path: Path) -> None:
    """Said before anything is recorded."""
    done = on_lab("watch", "--out", str(tmp_path), "--", "no-such-command")
    assert done.returncode == 2
    assert "no-such-command: expected a command, found none" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("guest")
def test_a_command_that_takes_too_long_is_ended(on_lab: Any, tmp_path: Path) -> None:
    """By `--seconds`; the watching itself was good."""
    done = on_lab("watch", "--seconds", "1", "--out", str(tmp_path), "--", "sleep", "60")
    assert done.returncode == 0, done.stderr


@pytest.mark.usefixtures("guest")
def test_ctrl_c_ends_the_watching(lab: EmbeddedLab, project: Path, tmp_path: Path) -> None:
    """And only that: what was seen until then is judged."""
    command = [sys.executable, "-m", "miglab", "watch", "--json", "--lab", lab.place.name]
    with subprocess.Popen(
        [*command, "--out", str(tmp_path)],
        cwd=project,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        assert any(line.startswith("watching") for line in process.stderr)
        process.send_signal(signal.SIGINT)
        said, complaints = process.communicate(timeout=60)
    assert process.returncode == 0, complaints
    assert json.loads(said)["verdict"] == "pass"


@pytest.mark.usefixtures("guest")
def test_judged_again_it_is_the_same(miglab: Any, on_lab: Any, tmp_path: Path) -> None:
    """To the letter."""
    first = on_lab("watch", "--seconds", "1", "--json", "--out", str(tmp_path))
    (folder,) = tmp_path.iterdir()
    again = miglab("report", "--json", str(folder))
    assert again.returncode == first.returncode
    assert again.stdout == first.stdout


@pytest.mark.slow
def test_a_quiet_minute(watch: Any) -> None:
    """Nothing was done, and nothing is seen."""
    verdict = watch(waiting(60), baseline_seconds=5)
    assert verdict.verdict == "pass", verdict.reasons
    assert verdict.moves == ()
    assert verdict.downtime_ms.vcpu.value == 0
    assert (verdict.downtime_ms.guest.value or 0) <= CLOCK_SLACK_MS


def test_a_guest_that_answers_no_ping(lab: EmbeddedLab, guest: Any, tmp_path: Path) -> None:  # noqa: ARG001 - it has to run
    """Nothing is done to it, nothing is left, and one line says what to do."""
    with blackouts.at_home(lab) as home:
        link = blackouts.unplugged(lab, home, 0)
        link.begin()
        try:
            watching = Watching(lab, waiting(0.1), tmp_path)
            with pytest.raises(GuestError, match="expected answers to ping from") as refused:
                watching.run()
        finally:
            link.end()
    assert "\n" not in str(refused.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("guest")
def test_a_recorder_that_cannot_start(lab: EmbeddedLab, tmp_path: Path) -> None:
    """Nothing is done, nothing is left, and one line says which and why."""
    watching = Watching(lab, waiting(0.1), tmp_path, setting=Setting(ping_interval_ms=0))
    with pytest.raises(LabError, match=r"ping recorder: .*expected 1 to 1000, found 0"):
        watching.run()
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def black_box(lab: EmbeddedLab, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A guest that answers ping, and nobody who asks for our program where it should be."""
    stop_guest(lab)
    monkeypatch.setattr(domain, "PORT", 7071)
    with fleet(lab) as hosts:
        hosts.start_guest(lambda node, text: on_node(lab.place, node, text))
    with lab.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
        GuestControl(channel, lab.topology.guest.address, 7071).status(30)
    yield
    monkeypatch.undo()
    stop_guest(lab)
    start_guest(lab, lambda _: None)


@pytest.mark.usefixtures("black_box")
def test_a_guest_without_our_program(lab: EmbeddedLab, tmp_path: Path) -> None:
    """What can be seen from outside is seen; what only it could tell is unknown by name."""
    with blackouts.at_home(lab) as home:
        blackout = blackouts.suspended(home, lab.topology.guest.name, 200)
        verdict = judge(History.read(Watching(lab, blackout, tmp_path).run()))
    assert verdict.verdict == "unknown"
    (truth,) = blackout.truths
    assert truth.low_ms <= (verdict.downtime_ms.vcpu.value or 0) <= truth.high_ms
    assert (verdict.downtime_ms.client.value or 0) > 150
    assert verdict.downtime_ms.guest.note == "not recorded in this run"
    unknown = {name for name, found in verdict.integrity.by_name() if found.state == "unknown"}
    assert {"memory", "disk", "clock"} <= unknown


def test_a_measured_clock_is_right(lab: EmbeddedLab) -> None:
    """A host that shares our kernel has our clock, so the truth is known: no offset at all."""
    for node in lab.topology.hypervisors:
        assert host_clock(lab.place, node.name).shared
        measured = host_clock(lab.place, node.name, trust_kernel=False)
        assert abs(measured.offset_ns) <= measured.uncertainty_ns
        assert measured.uncertainty_ns < 20_000_000
