"""``miglab deploy``: makes hosts conform to the declaration, or says what that would do."""

from collections.abc import Mapping, Sequence
from typing import Annotated

import typer

from miglab.cli.common import (
    LAB,
    TOPOLOGY,
    LabOption,
    TopologyOption,
    answer,
    declared,
    open_lab,
    require_node,
    say,
)
from miglab.lab.place import Place
from miglab.roles import chosen

deploying = typer.Typer()

Only = Annotated[str | None, typer.Option(help="These roles, such as names,trust; else all.")]
Dry = Annotated[bool, typer.Option("--dry", help="Change nothing; show what would change.")]
Limit = Annotated[list[str] | None, typer.Option(help="This node only; repeatable.")]


@deploying.command()
def deploy(
    only: Only = None,
    dry: Dry = False,
    limit: Limit = None,
    topology: TopologyOption = TOPOLOGY,
    lab: LabOption = LAB,
) -> None:
    """Make the nodes conform to the declaration: all of it, or some roles of it."""
    from miglab.lab.deployment import HOME, DeployError, plan
    from miglab.lab.deployment import deploy as deployed

    chosen(only)
    opened = open_lab(topology, lab)
    if opened.origin == "site" and not limit:
        opened.up(say)  # which tells why a host cannot be used
    else:
        opened.require_up()
    path, options = declared(topology, Place(lab)), [f"--data=only={only}"] if only else []
    for name in limit or ():
        require_node(opened, name, "--limit")
        options.append(f"--limit={name}")
    if dry:
        answer(plan(opened.place, path, HOME, *options).rstrip() or "nothing would change")
        return
    try:
        _tell(deployed(opened.place, path, HOME, *options).changed)
    except DeployError as failure:
        _tell(failure.deployment.changed)
        raise


def _tell(changed: Mapping[str, Sequence[str]]) -> None:
    for host, changes in changed.items():
        for change in changes:
            answer(f"{host}: {change}")
        say(f"{host}: {len(changes)} changes")
