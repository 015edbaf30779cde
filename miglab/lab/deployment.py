"""Runs pyinfra on a lab, as a process of its own, and reads what it says it changed."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from miglab.errors import LabError
from miglab.lab.command import LONG, attempt, last_words
from miglab.lab.place import Place
from miglab.values import Value


class Deployment(Value):
    """By host, the names of the operations that changed it, in order; all hosts are named."""

    changed: dict[str, tuple[str, ...]]

    @property
    def changes(self) -> int:
        """How many changes on all hosts together."""
        return sum(map(len, self.changed.values()))


def deploy(place: Place, topology: Path, project: Path, *options: str) -> Deployment:
    """``pyinfra inventories/lab.py deploy.py -y`` in ``project``; raises LabError when it fails."""
    pyinfra = Path(sys.executable).with_name("pyinfra")
    command = [str(pyinfra), "inventories/lab.py", "deploy.py", "-y", "--json", *options]
    done = attempt(
        ["env", f"--chdir={project}", *command],
        about=f"deploy of lab {place.name}",
        seconds=LONG,
        env={**os.environ, "MIGLAB_LAB": place.name, "MIGLAB_TOPOLOGY": str(topology.resolve())},
    )
    try:
        results = json.loads(done.stdout)["results"]
    except (ValueError, KeyError):
        raise LabError(f"deploy of lab {place.name}: {last_words(done)}") from None
    if done.returncode or results["failed_hosts"]:
        raise LabError(f"deploy of lab {place.name}: {_first_error(results) or last_words(done)}")
    return Deployment(changed=dict(_changed(results["operations"])))


def _changed(operations: list[dict[str, Any]]) -> Iterator[tuple[str, tuple[str, ...]]]:
    hosts = {host for each in operations for host in (*each["success"], *each["no_change"])}
    for host in sorted(hosts):
        yield host, tuple(each["name"] for each in operations if host in each["success"])


def _first_error(results: dict[str, Any]) -> str | None:
    for operation in results["operations"]:
        if operation["error"]:
            return f"{operation['name']}: failed on {', '.join(map(str, operation['error']))}"
    return None
