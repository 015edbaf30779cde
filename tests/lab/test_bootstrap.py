"""What a build of a root file system leaves, and what it says when it fails."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miglab.lab import bootstrap


@pytest.mark.parametrize(
    ("log", "cause"),
    [
        ("", "it said nothing"),
        ("I: starting\nI: done\n", "I: starting"),
        (
            "I: starting\n\nE: no such package: qemoo\nE: apt-get failed\nE: the end\n",
            "E: no such package: qemoo",
        ),
        (
            "Err:1 http://example.org x\n  Temporary failure resolving 'example.org'\nE: no x\n",
            "Err:1 http://example.org x Temporary failure resolving 'example.org';"
            " is the package registry reachable?",
        ),
        ("dpkg: error processing x\nE: Sub-process failed\n", "dpkg: error processing x"),
    ],
)
def test_the_cause_is_the_first_error(log: str, cause: str) -> None:
    """Not the last line, which is only the last consequence."""
    assert bootstrap.cause(log) == cause


@given(st.text())
def test_a_cause_is_one_line(log: str) -> None:
    """Whatever a build writes."""
    assert len(bootstrap.cause(log).splitlines()) == 1


def test_only_dead_builds_are_swept(state: Path) -> None:
    """A build that is going on keeps its directory."""
    gone = f"{2**22 + 1}.x"  # above the highest process id there can be
    for name in (f"{os.getpid()}.x", gone):
        (state / "build" / name / "root").mkdir(parents=True)
    bootstrap.sweep()
    assert [path.name for path in (state / "build").iterdir()] == [f"{os.getpid()}.x"]
