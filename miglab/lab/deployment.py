"""Runs pyinfra on a lab, as a process of its own, and reads what it says it changed."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from miglab.errors import LabError
from miglab.lab.command import LONG, attempt, last_words
from miglab.lab.own import inventory_path
from miglab.lab.place import Place
from miglab.values import Value

HOME = Path(__file__).parents[2]
"""The checkout that this package lies in: what provisions a lab lies beside it."""
SHOW_PLAN = "miglab/provision/show_plan.py"
COLOURS, ERROR = re.compile(r"\x1b\[[0-9;]*m"), re.compile(r"[Ee]rror|expected")
WHERE = re.compile(r"^--> Operation error in \S+ line \d+: ")


class Deployment(Value):
    """By host, the names of the operations that changed it, in order; all hosts are named."""

    changed: dict[str, tuple[str, ...]]

    @property
    def changes(self) -> int:
        """How many changes on all hosts together."""
        return sum(map(len, self.changed.values()))


def deploy(place: Place, topology: Path, project: Path, *options: str) -> Deployment:
    """``pyinfra inventories/lab.py deploy.py -y`` in ``project``; raises LabError when it fails."""
    done = _pyinfra(place, topology, project, "deploy.py", "-y", "--json", *options)
    try:
        results = json.loads(done.stdout)["results"]
    except (ValueError, KeyError):
        raise LabError(f"deploy of lab {place.name}: {_complaint(done)}") from None
    if done.returncode or results["failed_hosts"]:
        raise LabError(f"deploy of lab {place.name}: {_first_error(results) or _complaint(done)}")
    return Deployment(changed=dict(_changed(results["operations"])))


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
    return attempt(
        ["env", f"--chdir={project}", str(pyinfra), "inventories/lab.py", *words],
        about=f"deploy of lab {place.name}",
        seconds=LONG,
        env={
            **os.environ,
            "MIGLAB_LAB": place.name,
            "MIGLAB_TOPOLOGY": str(topology.resolve()),
            "MIGLAB_INVENTORY": str(inventory_path().resolve()),
        },
    )


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
