"""The workflow calls what is there: make targets, our commands, files, and few programs besides."""

import re
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from miglab.declaration import load
from tests.documents import ROOT, Command

WORKFLOW = ROOT / ".github" / "workflows" / "ci.yml"
PROGRAMS = {"apt-get", "modprobe", "sed", "python3"}  # what a runner has
PREFIX = re.compile(r"^(sudo( --preserve-env)? )?(\.venv/bin/)?")
JOBS: dict[str, Any] = yaml.safe_load(WORKFLOW.read_text())["jobs"]


def lines() -> Iterator[tuple[str, str]]:
    """Job and command, without what it is called by."""
    for name, job in JOBS.items():
        matrix = job.get("strategy", {}).get("matrix", {})
        for step in job["steps"]:
            for line in step.get("run", "").splitlines():
                yield from ((name, PREFIX.sub("", each)) for each in _each(line, matrix))


def _each(line: str, matrix: dict[str, list[str]]) -> list[str]:
    """With every value of the matrix that it names, if it names one."""
    for key, values in matrix.items():
        if (name := f"${{{{ matrix.{key} }}}}") in line:
            return [line.replace(name, value) for value in values]
    return [line]


@pytest.mark.parametrize(("job", "line"), list(lines()))
def test_every_command_is_there(job: str, line: str) -> None:
    """A target that make knows, or a command as the documents show them."""
    program, *words = line.split()
    if program == "make":
        done = subprocess.run(
            ["make", "-n", *words], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    elif program in ("miglab", "pyinfra"):
        assert Command(job, line.partition(" > ")[0]).check == "run"
    else:
        assert program in PROGRAMS


def test_the_files_that_are_named_are_there() -> None:
    """Declarations among them can be read, with any of the images in place of the first."""
    named = set(re.findall(r"(?:inventories|docs|scripts)/\S+\.\w+", WORKFLOW.read_text()))
    assert named
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_the_images_of_the_rhel_family_are_declared_one_by_one(tmp_path: Any) -> None:
    """What takes the first one's place makes a declaration that is accepted."""
    text = (ROOT / "inventories" / "rocky.yaml").read_text()
    images = JOBS["rhel"]["strategy"]["matrix"]["image"]
    assert text.count(images[0]) == 2
    for image in images:
        path = tmp_path / "rhel.yaml"
        path.write_text(text.replace(images[0], image))
        assert {node.os for node in load(path).hypervisors} == {image}


def test_nothing_runs_for_ever_or_may_write() -> None:
    """Each job has an end, and the token can only read."""
    assert all(job["timeout-minutes"] <= 120 for job in JOBS.values())
    assert yaml.safe_load(WORKFLOW.read_text())["permissions"] == {"contents": "read"}
