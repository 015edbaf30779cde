"""``miglab up | down | status | ssh``: the machines."""

import os
import shlex
from pathlib import Path
from typing import Annotated

import typer

from miglab.cli.common import (
    LAB,
    TOPOLOGY,
    JsonOption,
    LabOption,
    TopologyOption,
    answer,
    open_lab,
    require_node,
    say,
)
from miglab.errors import LabError, UsageError
from miglab.lab.access import libvirt_uri, ssh_argv
from miglab.lab.lab import LabStatus, require_root
from miglab.lab.origins import take_down
from miglab.lab.place import Place

nodes = typer.Typer()


@nodes.command()
def up(
    recreate: Annotated[
        list[str] | None,
        typer.Option("--recreate", metavar="NODE", help="Make it anew, with an empty disk."),
    ] = None,
    topology: TopologyOption = TOPOLOGY,
    lab: LabOption = LAB,
) -> None:
    """Bring the nodes up, or heal what is broken of them."""
    opened = open_lab(topology, lab)
    changes = opened.up(say, recreate or ())
    say(f"lab {lab} is up; changed: {', '.join(changes) or 'nothing'}")


@nodes.command()
def suspend(topology: TopologyOption = TOPOLOGY, lab: LabOption = LAB) -> None:
    """Put virtual machines' memory on disk; `up` goes on where they were."""
    open_lab(topology, lab).suspend(say)
    say(f"lab {lab} is suspended; `miglab up --lab {lab}` goes on")


@nodes.command()
def box() -> None:
    """Build the box that virtual machines are made of and add it to Vagrant, if it is missing."""
    from miglab.lab import box as boxes

    name, built = boxes.ensure(say)
    say(f"{name} is {'built and added' if built else 'there'}")
    answer(name)


@nodes.command()
def down(topology: TopologyOption = TOPOLOGY, lab: LabOption = LAB) -> None:  # noqa: ARG001 - as on every command
    """Remove the lab and everything that belongs to it, whatever its declaration says now."""
    take_down(Place(lab), say)
    say(f"lab {lab} is gone")


@nodes.command()
def status(
    as_json: JsonOption = False, topology: TopologyOption = TOPOLOGY, lab: LabOption = LAB
) -> None:
    """Say what every node is doing; exit code 0 when all answer, 4 otherwise."""
    found = open_lab(topology, lab).status()
    answer(found.model_dump_json(indent=2) if as_json else _table(found))
    raise typer.Exit(0 if found.up else LabError.exit_code)


def _table(found: LabStatus) -> str:
    lines = []
    for node in found.nodes:
        reach = "answers" if node.reachable else "does not answer"
        words = (node.name, node.role, node.address, node.os, node.state)
        lines.append("".join(f"{word:16}" for word in words) + reach)
    command = Path(found.ssh_command)
    uris = [libvirt_uri(command, node.name) for node in found.nodes if node.role == "hypervisor"]
    return "\n".join([*lines, f"ssh -F {found.ssh_config} NODE", *uris])


@nodes.command(context_settings={"ignore_unknown_options": True})
def ssh(
    node: str,
    command: Annotated[list[str] | None, typer.Argument(help="Behind --")] = None,
    topology: TopologyOption = TOPOLOGY,
    lab: LabOption = LAB,
) -> None:
    """A shell or a command on a node; its exit code passes through."""
    require_root()
    opened = open_lab(topology, lab)
    if node == opened.topology.guest.name:
        raise UsageError(f"{node}: the guest has no shell; `miglab guest status` asks it")
    require_node(opened, node, "NODE")
    opened.require_up()
    words = command or []
    script = words if len(words) < 2 else [shlex.join(words)]  # ssh alone would lose the quoting
    argv = ssh_argv(opened.place, node, script)
    os.execvp(argv[0], argv)
