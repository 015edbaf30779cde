"""Whatever another command, or a person, does to the guest, observed as our own migrations are."""

import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from miglab.errors import GuestError, UsageError
from miglab.experiment.loading import loaded
from miglab.experiment.observation import Done, Observation
from miglab.experiment.session import Session
from miglab.experiment.setting import Setting
from miglab.guest.control import GuestControl
from miglab.lab.lab import Lab
from miglab.lab.lock import held
from miglab.migration.listener import Listener
from miglab.observe.command import Command
from miglab.observe.events import Job, Outcome
from miglab.observe.history import Plan
from miglab.policy import Budget
from miglab.scenario import Scenario

ANSWER_SECONDS = 2.0
END_SECONDS = 10.0

Deed = Callable[[], Command | None]
"""What is done to the guest; the command it was, if it was one."""


@dataclass
class Watching:
    """What happens to the guest of ``lab`` while ``deed`` is done; see :func:`running`."""

    lab: Lab
    deed: Deed
    out: Path
    budget: Budget = field(default_factory=Budget)
    setting: Setting = field(default_factory=Setting)
    session: Session | None = None

    def __post_init__(self) -> None:
        self.setting = self.setting.at_pace(self.lab.pace)

    def run(self) -> Path:
        """The folder with the record; raises LabError before anything was done."""
        with held(self.lab.place.lock), Session.of(self.lab, self.session) as session:
            foreign = self.lab.topology.guest.foreign
            asked = not foreign and _answers(session.line, self.setting.say)
            guest = session.line if asked else None
            scenario = Scenario(policy=None, budget=self.budget)
            if guest is not None:
                scenario = loaded(guest, scenario, self.setting.say)
            plan = Plan(
                kind="watch",
                guest=session.fleet.guest,
                source=session.fleet.home().name,
                target=None,
                scenario=scenario,
            )
            return Observation(session, guest, plan, self.setting).of(self._act, self.out)

    def _act(self, listener: Listener) -> Done:
        started_ns = time.time_ns()
        command = self.deed()
        outcome = Outcome(started_ns=started_ns, ended_ns=time.time_ns(), job=listener.job or Job())
        return Done(outcome, command)


def _answers(guest: GuestControl, say: Callable[[str], None]) -> bool:
    """Whether our program is in the guest; without it there are still the black-box vantages."""
    try:
        guest.status(ANSWER_SECONDS)
    except GuestError as silence:
        say(f"{silence}: watched from outside only")
        return False
    return True


def waiting(seconds: float | None, say: Callable[[str], None] = lambda _: None) -> Deed:
    """Does nothing, for ``seconds`` or until Ctrl-C, which may come as soon as it is offered."""

    def wait() -> None:
        try:
            say("watching; Ctrl-C ends it")
            threading.Event().wait(seconds)
        except KeyboardInterrupt:
            return

    return wait


def running(argv: list[str], seconds: float | None, *, quiet: bool) -> Deed:
    """Runs ``argv``, for ``seconds`` at most or until Ctrl-C; ``quiet``: its output to stderr.

    Raises UsageError when there is no such command.
    """
    if shutil.which(argv[0]) is None:
        raise UsageError(f"{argv[0]}: expected a command, found none of that name")

    def run() -> Command:
        output = sys.stderr.fileno() if quiet else None
        with subprocess.Popen(argv, stdout=output, stderr=subprocess.PIPE) as process:
            words = _Echo(process)
            code = _end(process, seconds)
            return Command(argv=tuple(argv), exit_code=code, last_words=words.last())

    return run


def _end(process: "subprocess.Popen[bytes]", seconds: float | None) -> int | None:
    """Its exit code, or None when it had to be ended."""
    try:
        return process.wait(seconds)
    except KeyboardInterrupt:
        process.send_signal(signal.SIGINT)
    except subprocess.TimeoutExpired:
        process.terminate()
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
    return None


class _Echo:
    """Passes on what a process complains of, and remembers the last line."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._line = b""
        self._stream = process.stderr
        self._thread = threading.Thread(target=self._pass, daemon=True)
        self._thread.start()

    def _pass(self) -> None:
        for line in self._stream or ():
            self._line = line.strip() or self._line
            sys.stderr.buffer.write(line)
            sys.stderr.buffer.flush()

    def last(self) -> str:
        """The last line, once the process has ended."""
        self._thread.join(1)
        return self._line.decode(errors="replace")
