"""Nodes as pyinfra's inventory wants them: a name and data, derived from the declaration."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from miglab.declaration import load
from miglab.errors import MiglabError
from miglab.topology import Node, Topology

Host = tuple[str, dict[str, Any]]


def declared(path: Path) -> Topology:
    """The topology in ``path``.

    A bad one ends pyinfra with its lines on stderr and exit code 2, without a traceback.
    """
    try:
        return load(path)
    except MiglabError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_code)


def hosts(connector: str, lab: str, path: Path, nodes: Iterable[Node]) -> list[Host]:
    """``(name, data)`` for each node; a role is a group of such hosts."""
    return [
        (
            f"{connector}/{lab}/{node.name}",
            {"lab_name": lab, "lab_topology": str(path), "node": node.name},
        )
        for node in nodes
    ]
