"""The ``miglab`` command: words in, exit codes out; everything else happens elsewhere."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from miglab.declaration import load
from miglab.errors import MiglabError, UsageError
from miglab.lab.access import ssh_argv
from miglab.lab.embedded import EmbeddedLab, machine_memory
from miglab.lab.place import Place

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
console = Console(stderr=True, highlight=False)

TopologyOption = Annotated[Path, typer.Option("--topology", help="The declaration.")]
LabOption = Annotated[str, typer.Option("--lab", help="Which lab; several can stand side by side.")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]
TOPOLOGY = Path("inventories/topology.yaml")


def open_lab(topology: Path, lab: str) -> EmbeddedLab:
    """The lab that the two options name."""
    return EmbeddedLab(Place(lab), load(topology, machine_memory()))


def say(line: str) -> None:
    """Progress, for people, on standard error."""
    console.print(line, style="dim")


@app.command()
def up(topology: TopologyOption = TOPOLOGY, lab: LabOption = "default") -> None:
    """Bring the nodes up, or heal what is broken of them."""
    changes = open_lab(topology, lab).up(say)
    console.print(f"lab {lab} is up; changed: {', '.join(changes) or 'nothing'}")


@app.command()
def down(topology: TopologyOption = TOPOLOGY, lab: LabOption = "default") -> None:
    """Remove the lab and everything that belongs to it."""
    open_lab(topology, lab).down(say)
    console.print(f"lab {lab} is gone")


@app.command()
def ssh(
    node: str,
    command: Annotated[list[str] | None, typer.Argument()] = None,
    topology: TopologyOption = TOPOLOGY,
    lab: LabOption = "default",
) -> None:
    """A shell or a command on a node; its exit code passes through."""
    place = open_lab(topology, lab).place
    os.execvp("ssh", ssh_argv(place, node, command or ()))


def main() -> None:
    """The entry point: every expected error is one line and an exit code, never a traceback."""
    try:
        app()
    except MiglabError as error:
        console.print(str(error), style="red", markup=False)
        sys.exit(error.exit_code)
