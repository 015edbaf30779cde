"""Other programs, and what is said when they fail."""

import sys

import pytest

from miglab.errors import ImageError, LabError, NodeError
from miglab.lab.command import attempt, run

FAILURES = [
    ("import sys; sys.exit('bad\\nworse')", "worse"),
    ("print('only output'); raise SystemExit(1)", "only output"),
    ("raise SystemExit(1)", "it said nothing"),
]


def test_output_comes_back() -> None:
    """Standard output as text, with what was put in."""
    script = "import sys; print(sys.stdin.read().upper())"
    assert run([sys.executable, "-c", script], about="nfs", stdin="word") == "WORD\n"


def test_nothing_is_read_from_the_users_terminal() -> None:
    """A program that asks gets the end of the file."""
    assert run(["cat"], about="nfs") == ""


def test_output_that_is_no_text_is_no_reason_to_fail() -> None:
    """Bytes that are no UTF-8 are replaced."""
    script = r"import sys; sys.stdout.buffer.write(b'\xff!')"
    assert run([sys.executable, "-c", script], about="nfs") == "�!"


@pytest.mark.parametrize(("script", "words"), FAILURES)
def test_a_failure_names_object_program_code_and_last_words(script: str, words: str) -> None:
    """One line, of the kind the caller asked for."""
    with pytest.raises(ImageError) as failure:
        run([sys.executable, "-c", script], about="the image", error=ImageError)
    assert str(failure.value) == f"the image: {sys.executable} failed (1): {words}"


def test_an_attempt_may_fail() -> None:
    """The code is the answer."""
    assert attempt(["false"], about="nfs").returncode == 1


def test_a_missing_program_says_how_to_get_it() -> None:
    """Its absence is never a traceback."""
    with pytest.raises(NodeError) as failure:
        attempt(["no-such-program"], about="nfs", error=NodeError)
    assert str(failure.value) == (
        "nfs: the program no-such-program is missing; `make install` installs it"
    )


def test_a_silent_program_is_ended() -> None:
    """Every wait is bounded."""
    with pytest.raises(LabError, match=r"^nfs: tail gave no answer within 0\.1 s$"):
        attempt(["tail", "-f", "/dev/null"], about="nfs", seconds=0.1)


def test_the_environment_is_the_callers_choice() -> None:
    """What is given replaces, what is not is inherited."""
    assert run(["/bin/sh", "-c", "echo $WORD"], about="nfs", env={"WORD": "given"}) == "given\n"
