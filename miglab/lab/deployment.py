"""Runs pyinfra on a lab, as a process of its own, and reads what it says it changed."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from miglab.errors import LabError
from miglab.lab.command import LONG, last_words, require
from miglab.lab.own import inventory_path
from miglab.lab.place import Origin, Place
from miglab.values import Value

HOME = Path(__file__).parents[2]
"""The checkout that this package lies in: what provisions a lab lies beside it."""
SHOW_PLAN = "miglab/provision/show_plan.py"
SECONDS: dict[Origin, float] = {"embedded": LONG, "vagrant": 10 * LONG, "site": 6 * 3600.0}
"""Own hosts may have to download over a slow line."""
ENDING_SECONDS = 30
COLOURS, ERROR = re.compile(r"\x1b\[[0-9;]*m"), re.compile(r"[Ee]rror|expected")
WHERE = re.compile(r"^--> Operation error in \S+ line \d+: ")


class Deployment(Value):
    """By host, the names of the operations that changed it, in order; all hosts are named."""

    changed: dict[str, tuple[str, ...]]

    @property
    def changes(self) -> int:
        """How many changes on all hosts together."""
        return sum(map(len, self.changed.values()))


class DeployError(LabError):
    """A deploy failed on some host; ``deployment`` is what it had changed until then."""

    def __init__(self, message: str, deployment: Deployment) -> None:
        super().__init__(message)
        self.deployment = deployment


def deploy(place: Place, topology: Path, project: Path, *options: str) -> Deployment:
    """``pyinfra inventories/lab.py deploy.py -y`` in ``project``; raises LabError when it fails.

    Where some hosts were changed all the same, that is a DeployError.
    """
    done = _pyinfra(place, topology, project, "deploy.py", "-y", "--json", *options)
    try:
        results = json.loads(done.stdout)["results"]
    except (ValueError, KeyError):
        raise LabError(f"deploy of lab {place.name}: {_complaint(done)}") from None
    deployment = Deployment(changed=dict(_changed(results["operations"])))
    if done.returncode or results["failed_hosts"]:
        told = _first_error(results) or _complaint(done)
        raise DeployError(f"deploy of lab {place.name}: {told}", deployment)
    return deployment


def plan(place: Place, topology: Path, project: Path, *options: str) -> str:
    """What a deploy would do, in words, empty for nothing; raises LabError when it fails."""
    done = _pyinfra(place, topology, project, "deploy.py", SHOW_PLAN, "--dry", *options)
    if done.returncode:
        raise LabError(f"deploy of lab {place.name}: {_complaint(done)}")
    return done.stdout


def require_checkout(project: Path) -> None:
    """Raises LabError where what provisions a lab does not lie in ``project``."""
    if not (project / "deploy.py").exists():
        raise LabError(
            f"{project / 'deploy.py'}: expected beside the package, found none; install miglab from"
            " a checkout, by `pip install -e CHECKOUT`"
        )


def _pyinfra(
    place: Place, topology: Path, project: Path, *words: str
) -> "subprocess.CompletedProcess[str]":
    require_checkout(project)
    pyinfra = Path(sys.executable).with_name("pyinfra")
    require(str(pyinfra), about=f"deploy of lab {place.name}")
    command = [str(pyinfra), "inventories/lab.py", *words]
    environment = {
        **os.environ,
        "MIGLAB_LAB": place.name,
        "MIGLAB_TOPOLOGY": str(topology.resolve()),
        "MIGLAB_INVENTORY": str(inventory_path().resolve()),
    }
    with subprocess.Popen(
        command,
        cwd=project,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    ) as process:
        out, told = _said(place, process)
    return subprocess.CompletedProcess(command, process.returncode, out, told)


def _said(place: Place, process: "subprocess.Popen[str]") -> tuple[str, str]:
    """What it prints until its end; one that takes too long is interrupted first, as by hand."""
    limit = SECONDS[place.origin]
    try:
        return process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
    try:
        process.communicate(timeout=ENDING_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
    raise LabError(f"deploy of lab {place.name}: was not done within {limit:g} s")


def _complaint(done: "subprocess.CompletedProcess[str]") -> str:
    """What pyinfra said of the first thing that went wrong."""
    lines = [COLOURS.sub("", line).strip() for line in done.stderr.splitlines()]
    told = [line for line in lines if ERROR.search(line)]
    return WHERE.sub("", told[0]) if told else last_words(done)


def _changed(operations: list[dict[str, Any]]) -> Iterator[tuple[str, tuple[str, ...]]]:
    hosts = {host for each in operations for host in (*each["success"], *each["no_change"])}
    for host in sorted(hosts):
        yield host, tuple(each["name"] for each in operations if host in each["success"])


def _first_error(results: dict[str, Any]) -> str | None:
    for operation in results["operations"]:
        if operation["error"]:
            return f"{operation['name']}: failed on {', '.join(map(str, operation['error']))}"
    return None
