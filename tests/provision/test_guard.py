"""A change that is undone unless it is told to stay."""

import subprocess
from pathlib import Path

import pytest

from miglab.lab.connector import ANEW_SECONDS
from miglab.lab.place import PATIENCE
from miglab.provision import guard as module
from miglab.provision.guard import UNDONE, Guard, arm, disarm, guarded, reconnect, undo_script


@pytest.fixture
def guard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Guard:
    """Of two files, one of which is not there yet."""
    monkeypatch.setattr(module, "DIRECTORY", str(tmp_path / "kept"))
    (tmp_path / "old").write_text("as it was\n")
    paths = (str(tmp_path / "old"), str(tmp_path / "new"))
    return Guard("br0", paths, release=f"touch {tmp_path}/released", restore="false")


def sh(commands: list[str], path: Path) -> subprocess.CompletedProcess[str]:
    """Runs each as pyinfra does, with stand-ins for systemd's tools in ``path``."""
    script = " && ".join(f"{{ {command}; }}" for command in commands)
    return subprocess.run(
        ["sh", "-c", script],
        env={"PATH": f"{path}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )


def tools(path: Path, active: bool) -> Path:
    """``systemctl`` with an ``active`` timer or none; ``systemd-run`` that notes its words."""
    path.mkdir()
    for name, text in (
        ("systemctl", f"case $1 in stop) ;; *) exit {0 if active else 3} ;; esac"),
        ("systemd-run", f'echo "$@" > {path}/timer'),
    ):
        (path / name).write_text(f"#!/bin/sh\n{text}\n")
        (path / name).chmod(0o755)
    return path


def test_what_was_there_comes_back_and_what_was_not_goes(guard: Guard, tmp_path: Path) -> None:
    """The script that the timer runs, run; a step that fails stops none after it."""
    bin_path = tools(tmp_path / "bin", active=False)
    assert sh(list(arm(guard)), bin_path).returncode == 0
    *options, shell, script = (bin_path / "timer").read_text().split()
    assert "--on-active=180" in options
    assert "--unit=miglab-undo-br0" in options
    for name in ("old", "new"):
        (tmp_path / name).write_text("changed\n")
    subprocess.run([shell, script], check=False)
    assert (tmp_path / "old").read_text() == "as it was\n"
    assert not (tmp_path / "new").exists()
    assert (tmp_path / "released").exists()


def test_the_slowest_host_s_answer_comes_before_it_is_undone() -> None:
    """With what making and awaiting the bridge takes before."""
    assert ANEW_SECONDS * max(PATIENCE.values()) + 60 <= module.SECONDS


def test_nothing_is_armed_while_an_earlier_change_is_undone(guard: Guard, tmp_path: Path) -> None:
    """What it would keep is about to change: an error, and what was kept is untouched."""
    done = sh(list(arm(guard)), tools(tmp_path / "bin", active=True))
    assert done.returncode == 1
    assert done.stderr == (
        "an earlier change of the network is about to be undone: run again in some minutes\n"
    )
    assert not Path(guard.directory).exists()


@pytest.mark.parametrize(
    ("undoes", "undone", "in_time"),
    [(False, False, True), (True, False, False), (False, True, False), (True, True, False)],
)
def test_who_comes_too_late_is_told(
    guard: Guard, tmp_path: Path, undoes: bool, undone: bool, in_time: bool
) -> None:
    """Whether it is undone already or just being so."""
    kept = Path(guard.directory)
    kept.mkdir(parents=True)
    if undone:
        (kept / UNDONE).touch()
    done = sh([disarm(guard)], tools(tmp_path / "bin", active=undoes))
    assert done.returncode == (0 if in_time else 1)
    assert kept.exists() != in_time
    assert ("the former network was put back" in done.stderr) != in_time


def test_a_timer_that_is_gone_was_too_late(guard: Guard, tmp_path: Path) -> None:
    """systemd knows a unit that ran no more, and does not stop it."""
    bin_path = tools(tmp_path / "bin", active=False)
    (bin_path / "systemctl").write_text("#!/bin/sh\nexit 5\n")
    assert sh([disarm(guard)], bin_path).returncode == 1


def test_a_change_stands_between_arming_and_a_new_connection(guard: Guard) -> None:
    """Nothing else disarms."""
    *armed, change, anew, last = guarded(guard, ["change"])
    assert armed == list(arm(guard))
    assert change == "change"
    assert anew.function is reconnect  # type: ignore[union-attr]
    assert last == disarm(guard)


class Connector:
    """Connects or not, and counts."""

    def __init__(self, answers: bool) -> None:
        self.answers, self.calls = answers, list[str]()


class Fresh(Connector):
    """One that has a way of its own."""

    def answers_anew(self) -> bool:
        """Whether a new connection is made."""
        self.calls.append("anew")
        return self.answers


class Host:
    """A host as pyinfra has it."""

    def __init__(self, connector: Connector) -> None:
        self.connector, self.connected = connector, True

    def disconnect(self) -> None:
        """Ends the connection."""
        self.connected = False

    def connect(self, reason: str) -> None:
        """Makes one."""
        self.connector.calls.append(reason)
        self.connected = self.connector.answers


@pytest.mark.parametrize("kind", [Connector, Fresh])
@pytest.mark.parametrize("answers", [True, False])
def test_the_proof_is_a_new_connection(kind: type[Connector], answers: bool) -> None:
    """A false answer is a failed command, without a traceback."""
    host = Host(kind(answers))
    assert reconnect(None, host) is answers
    assert host.connector.calls == ["anew"]


def test_an_empty_step_is_no_line(guard: Guard) -> None:
    """Where there is nothing to release."""
    assert len(undo_script(Guard("x", (), release="", restore="")).splitlines()) == 1
    assert len(undo_script(guard).splitlines()) == 5
