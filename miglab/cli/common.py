"""What every command shares: the two options that name a lab, and where words go."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from miglab.declaration import load
from miglab.lab.embedded import EmbeddedLab, machine_memory
from miglab.lab.place import Place

TopologyOption = Annotated[
    Path, typer.Option("--topology", envvar="MIGLAB_TOPOLOGY", help="The declaration.")
]
LabOption = Annotated[
    str,
    typer.Option("--lab", envvar="MIGLAB_LAB", help="Which lab; several can stand side by side."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]
TOPOLOGY = Path("inventories/topology.yaml")
LAB = "default"

progress = Console(stderr=True, highlight=False)


def open_lab(topology: Path, lab: str) -> EmbeddedLab:
    """The lab that the two options name."""
    return EmbeddedLab(Place(lab), load(topology, machine_memory()))


def say(line: str, style: str = "dim") -> None:
    """Progress and complaints, for people, on standard error."""
    progress.print(line, style=style, markup=False, soft_wrap=True)


def answer(text: str) -> None:
    """What was asked for, on standard output."""
    print(text)
