"""What is done while the guest is watched: a command, or nothing."""

import signal
import subprocess
import sys
import threading
import time

import pytest

from miglab.errors import UsageError
from miglab.experiment import watch
from miglab.experiment.watch import running, waiting
from miglab.observe.command import Command


def done(code: str, seconds: float | None = 30) -> Command:
    """What came of a Python command."""
    found = running([sys.executable, "-c", code], seconds, quiet=True)()
    assert found is not None
    return found


@pytest.mark.parametrize("code", [0, 1, 3])
def test_a_command_ends_with_its_own_code(code: int) -> None:
    """Whatever it is."""
    assert done(f"raise SystemExit({code})").exit_code == code


def test_its_last_complaint_is_kept(capfd: pytest.CaptureFixture[str]) -> None:
    """And all of it is passed on, its output too: what we print is for programs."""
    code = "import sys; print('told'); print('one', file=sys.stderr); sys.exit('two\\n\\n')"
    assert done(code).last_words == "two"
    said = capfd.readouterr()
    assert said.out == ""
    assert sorted(said.err.split()) == ["one", "told", "two"]


def test_a_command_that_is_not_there_is_refused() -> None:
    """Before anything is done."""
    with pytest.raises(UsageError, match="no-such-command: expected a command"):
        running(["no-such-command"], None, quiet=False)


def test_a_command_is_ended_in_time() -> None:
    """That it was not done is no fault of its own: it has no exit code."""
    began = time.monotonic()
    assert done("import time; time.sleep(60)", seconds=0.2).exit_code is None
    assert time.monotonic() - began < 30


def test_a_command_that_will_not_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one that is deaf to SIGTERM."""
    monkeypatch.setattr(watch, "END_SECONDS", 0.1)
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
    assert done(deaf, seconds=0.5).exit_code is None


def test_ctrl_c_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command ends, and the watching with it."""
    wait = subprocess.Popen.wait
    told: list[int] = []

    def interrupted(self: "subprocess.Popen[bytes]", timeout: float | None = None) -> int:
        if not told:
            told.append(signal.SIGINT)
            raise KeyboardInterrupt
        return wait(self, timeout)

    monkeypatch.setattr(subprocess.Popen, "wait", interrupted)
    assert done("import time; time.sleep(60)").exit_code is None


def test_nothing_is_done_for_a_while() -> None:
    """Until the time is over."""
    assert waiting(0.01)() is None


def test_nothing_is_done_until_ctrl_c(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which ends the watching, not the judging."""

    class Interrupted:
        """An event that is waited for in vain."""

        def wait(self, _: float | None) -> None:
            """Ctrl-C."""
            raise KeyboardInterrupt

    monkeypatch.setattr(threading, "Event", Interrupted)
    assert waiting(None)() is None
