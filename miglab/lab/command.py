"""Other programs, run so that a failure says which object it was about."""

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress

import psutil

from miglab.deadline import Deadline
from miglab.errors import LabError

LONG = 600.0


def run(
    argv: Sequence[str],
    *,
    about: str,
    error: type[LabError] = LabError,
    stdin: str | None = None,
    seconds: float = 60.0,
    env: Mapping[str, str] | None = None,
) -> str:
    """The standard output of ``argv``; raises ``error`` with ``about`` and its last words."""
    done = attempt(argv, about=about, error=error, stdin=stdin, seconds=seconds, env=env)
    if done.returncode:
        raise error(f"{about}: {argv[0]} failed ({done.returncode}): {last_words(done)}")
    return done.stdout


def attempt(
    argv: Sequence[str],
    *,
    about: str,
    error: type[LabError] = LabError,
    stdin: str | None = None,
    seconds: float = 60.0,
    env: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """As :func:`run`, but a failure is an answer; only absence and silence raise."""
    require(argv[0], about=about, error=error)
    try:
        return subprocess.run(
            argv,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            env=env,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise error(f"{about}: {argv[0]} gave no answer within {seconds:g} s") from None


def require(
    program: str, *, about: str, error: type[LabError] = LabError, way: str = "make install"
) -> None:
    """Raises ``error``, with the ``way`` out, where ``program`` is not on the PATH."""
    if not shutil.which(program):
        raise error(f"{about}: the program {program} is missing; `{way}` installs it")


def end(process: psutil.Process) -> None:
    """Ends a process and sees it ended; one that has just ended by itself is fine too."""
    with suppress(psutil.NoSuchProcess):
        process.kill()
        Deadline(5).until(
            lambda: process.status() == psutil.STATUS_ZOMBIE,
            lambda: LabError(f"process {process.pid}: killed, and still there after 5 s"),
        )


def last_words(done: subprocess.CompletedProcess[str]) -> str:
    """The last line a program wrote before it failed."""
    lines = (done.stderr.strip() or done.stdout.strip()).splitlines()
    return lines[-1].strip() if lines else "it said nothing"
