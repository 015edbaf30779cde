"""What scenarios that interrupt a command rest on."""

import signal
import sys
from pathlib import Path

import pytest

from scenarios.ends import interrupt

SAYING = "import sys, time; print('here', file=sys.stderr, flush=True); time.sleep(60)"


def test_a_command_that_does_not_say_enough_is_killed(tmp_path: Path) -> None:
    """And its last words are told; one that does is interrupted."""
    command = [sys.executable, "-c", SAYING]
    interrupt(command, tmp_path, signal.SIGINT, lambda told: told == ["here\n"])
    with pytest.raises(AssertionError, match=r"did not say enough in 1 s; last: here"):
        interrupt(command, tmp_path, signal.SIGINT, lambda told: len(told) > 1, seconds=1)
