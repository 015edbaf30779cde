"""What a killed podman left is ended, and nothing else is."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from miglab.lab import container
from miglab.lab.container import Container, end_strays
from miglab.lab.place import Place

UNIT = Place("unit")
WAIT = "import sys; print(flush=True); sys.stdin.read()"


@contextmanager
def conmon(name: str, runtime: Path, identity: str = WAIT) -> Iterator[subprocess.Popen[str]]:
    """A process whose command line is conmon's; the container's id is what it runs."""
    with subprocess.Popen(
        ["/usr/bin/conmon", "-c", identity, "-n", name, "-r", str(runtime)],
        executable=sys.executable,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


@pytest.fixture
def runtime(tmp_path: Path) -> Path:
    """An OCI runtime that writes down what it is told."""
    program = tmp_path / "runc"
    program.write_text(f'#!/bin/sh\necho "$1 $2 $3" >> {tmp_path}/told\n')
    program.chmod(0o700)
    return program


def test_only_strays_of_the_lab_are_ended(runtime: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not a node that podman knows, and not another lab, be its name ever so like."""
    known = f"{WAIT} # known"
    found = Container(id=known, name="miglab.unit.nfs", image="x", state="running", pid=1)
    monkeypatch.setattr(container, "containers", lambda _: {"nfs": found})
    with ExitStack() as stack:
        stray = stack.enter_context(conmon("miglab.unit.source", runtime))
        others = [
            stack.enter_context(conmon("miglab.unit.nfs", runtime, known)),
            stack.enter_context(conmon("miglab.unit-2.source", runtime)),
        ]
        end_strays(UNIT)
        assert stray.wait(5) != 0
        assert [other.poll() for other in others] == [None, None]
    assert (runtime.parent / "told").read_text() == f"delete --force {WAIT}\n"
