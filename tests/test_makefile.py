"""Targets of the Makefile that do more than one line says."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("code", [0, 3])
def test_machines_are_taken_down_whatever_came_of_the_tests(tmp_path: Path, code: int) -> None:
    """And what came of them is what is said."""
    said = tmp_path / "said"
    for name, ends in (("miglab", 0), ("pytest", code)):
        program = tmp_path / name
        program.write_text(f'#!/bin/sh\necho "{name} $*" >>{said}\nexit {ends}\n')
        program.chmod(0o755)
    words = ["make", "--old-file=install", "test-vagrant", f"BIN={tmp_path}"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    up, tests, down = said.read_text().splitlines()
    assert (up, down) == ("miglab up --lab vagrant", "miglab down --lab vagrant")
    assert tests.startswith("pytest scenarios --lab vagrant --lab-policy ")
    assert (done.returncode == 0) == (code == 0)
    assert not code or f"Error {code}" in done.stderr
