"""What every command shares: the two options that name a lab, and where words go."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from miglab.declaration import load
from miglab.errors import UsageError
from miglab.lab.lab import Lab, machine_memory
from miglab.lab.origins import lab_of
from miglab.lab.own import declaration_path
from miglab.lab.place import Place

TopologyOption = Annotated[
    Path | None,
    typer.Option(
        "--topology",
        envvar="MIGLAB_TOPOLOGY",
        help="The declaration (default: inventories/topology.yaml; for your own hosts, the one"
        " beside their inventory).",
    ),
]
LabOption = Annotated[
    str,
    typer.Option(
        "--lab",
        envvar="MIGLAB_LAB",
        help="Which lab, of several side by side: of containers, of virtual machines if it is"
        " called `vagrant` or `vagrant-NAME`, or of your own hosts, `site` or `site-NAME`.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]
TOPOLOGY: Path | None = None
LAB = "default"

progress = Console(stderr=True, highlight=False)


def open_lab(topology: Path | None, lab: str) -> Lab:
    """The lab that the two options name."""
    place = Place(lab)
    memory = None if place.origin == "site" else machine_memory()
    return lab_of(place, load(declared(topology, place), memory))


def declared(topology: Path | None, place: Place) -> Path:
    """Where the declaration of the lab lies."""
    if topology is not None:
        return topology
    return declaration_path() if place.origin == "site" else Path("inventories/topology.yaml")


def require_node(lab: Lab, name: str, what: str) -> None:
    """Raises UsageError unless ``name`` is a node; ``what`` it was given as."""
    if lab.topology.node(name) is None:
        names = ", ".join(each.name for each in lab.topology.nodes)
        raise UsageError(f"{what}: expected one of {names}, found {name!r}")


def say(line: str, style: str = "dim") -> None:
    """Progress and complaints, for people, on standard error."""
    progress.print(line, style=style, markup=False, soft_wrap=True)


def answer(text: str) -> None:
    """What was asked for, on standard output."""
    print(text)
