"""Every command that the documents show does what they say, in the order in which they stand."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from miglab.lab.embedded import EmbeddedLab
from miglab.pytest_plugin.labs import topology_path
from tests.documents import DOCUMENTS, Command, commands

SECONDS = 300
LABS = {each: f"docs-{each}" for each in ("second", "three", "iscsi")} | {"docs": "docs"}
"""Labs that documents name or end, and what they are called here: a reader may have one too."""
OPEN = f"'{sys.executable}' -c 'import libvirt, sys; libvirt.open(sys.argv[1]).close()'"
ELSEWHERE = {"virtual-machines.md", "own-hosts.md"}  # in scenarios/test_vagrant.py, test_site.py
KINDS = {"iscsi.md", "kvm-live-migration.md"}
"""About other kinds of lab than the first, or long for another reason."""
NOT_COPIED = {".git", "runs", "pyinfra-debug.log"}


@pytest.fixture(scope="module")
def checkout(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project as links, so that records land beside it and not in it."""
    copy = tmp_path_factory.mktemp("checkout")
    for path in project.iterdir():
        if path.name not in NOT_COPIED:
            (copy / path.name).symlink_to(path)
    return copy


@pytest.fixture(scope="module")
def own_labs(miglab: Callable[..., object]) -> Iterator[None]:
    """Labs that only these examples use; none is left."""
    yield
    for name in LABS.values():
        miglab("down", "--lab", name)


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(each, id=each.name, marks=[pytest.mark.kinds] if each.name in KINDS else [])
        for each in DOCUMENTS
        if commands(each) and each.name not in ELSEWHERE
    ],
)
@pytest.mark.usefixtures("guest", "own_labs")
def test_commands_of(
    document: Path, lab: EmbeddedLab, checkout: Path, request: pytest.FixtureRequest
) -> None:
    """Each ends with the exit code that stands behind it, or with 0."""
    topology = topology_path(request.config)
    for command in commands(document):
        own = command.own_lab
        environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "MIGLAB_LAB": LABS[own] if own else lab.place.name,
            **({} if own else {"MIGLAB_TOPOLOGY": str(topology)}),
        }
        done = subprocess.run(
            ["timeout", str(SECONDS), "bash", "-o", "pipefail", "-c", script(command, lab)],
            cwd=checkout,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        said = f"{command.place}: `{command.text}`\n{done.stdout}{done.stderr}"
        assert done.returncode == command.exit_code, said


def script(command: Command, lab: EmbeddedLab) -> str:
    """What is run for ``command``: itself, on the labs of these tests, or what stands for it."""
    text = command.text.replace("/labs/default/", f"/labs/{lab.place.name}/")
    if own := command.own_lab:
        for option in ("--lab ", "MIGLAB_LAB="):
            text = text.replace(f"{option}{own}", f"{option}{LABS[own]}")
        text = text.replace(f"miglab.{own}", f"miglab.{LABS[own]}")
    if command.check == "make":
        return text.replace("make ", "make -n ", 1)
    if command.check == "clone":
        return "true"
    if command.check == "collect":
        return text.replace("pytest ", "pytest --collect-only -q ", 1)
    if command.check == "virsh" and not shutil.which("virsh"):
        return f"{OPEN} {text.split()[2]}"
    return text
