"""Nodes as pyinfra's inventory wants them: a name and data, derived from the declaration."""

import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from miglab.declaration import load
from miglab.errors import MiglabError
from miglab.lab.own import Own, declaration_path, inventory_path, read_inventory
from miglab.lab.place import Place
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


def hosts(
    connector: str, lab: str, path: Path, nodes: Iterable[Node], pki: Path | None = None
) -> list[Host]:
    """``(name, data)`` for each node; a role is a group of such hosts.

    ``pki`` is the directory with the certificates that QEMU is to encrypt migrations with.
    """
    common = {"lab_name": lab, "lab_topology": str(path), "lab_pki": str(pki) if pki else None}
    return [(f"{connector}/{lab}/{node.name}", {**common, "node": node.name}) for node in nodes]


def groups(lab: str, path: Path) -> tuple[list[Host], list[Host]]:
    """The hosts of each role: ``nfs``, ``hypervisor``.

    ``MIGLAB_LAB`` chooses another lab than ``lab``, ``MIGLAB_TOPOLOGY`` another declaration than
    ``path``. Of own hosts only those are here that their inventory (``MIGLAB_INVENTORY``) names.
    """
    place = Place(os.environ.get("MIGLAB_LAB", lab))
    site = place.origin == "site"
    path = Path(os.environ.get("MIGLAB_TOPOLOGY", declaration_path() if site else path))
    topology = declared(path)
    roles = ([topology.storage], topology.hypervisors)
    if not site:
        nfs, hypervisor = (hosts("@lab", place.name, path, nodes, place.pki) for nodes in roles)
        return nfs, hypervisor
    known = _known(inventory_path())
    nfs, hypervisor = (
        hosts("@lab", place.name, path, [node for node in nodes if node.name in known])
        for nodes in roles
    )
    return nfs, hypervisor


def _known(inventory: Path) -> dict[str, Own]:
    try:
        return read_inventory(inventory)
    except MiglabError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_code)


def own(inventory: Path, ways: Mapping[str, Mapping[str, Any]]) -> list[Host]:
    """Own hosts by name, each with how it is reached, in the lab ``site``.

    ``inventory`` is the file that says so; its declaration lies beside it, of the same name, unless
    ``MIGLAB_TOPOLOGY`` names another.
    """
    lab = os.environ.get("MIGLAB_LAB", "site")
    path = os.environ.get("MIGLAB_TOPOLOGY", str(inventory.with_suffix(".yaml")))
    common = {"lab_name": lab, "lab_topology": path, "lab_inventory": str(inventory)}
    return [(f"@lab/{lab}/{name}", {**common, "node": name, **way}) for name, way in ways.items()]
