"""``miglab doctor``: what is wrong with a set-up, before a migration costs an outage."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from miglab.cli.common import (
    LAB,
    TOPOLOGY,
    JsonOption,
    LabOption,
    TopologyOption,
    answer,
    open_lab,
    progress,
    say,
)
from miglab.errors import UsageError
from miglab.lab.own import read_inventory
from miglab.lab.place import Place
from miglab.policy import Policy

doctors = typer.Typer()

Deep = Annotated[bool, typer.Option("--deep", help="Try things too: each is said before.")]
Only = Annotated[list[str] | None, typer.Option(help="This check; repeatable.")]
Known = Annotated[bool, typer.Option("--list", help="The checks, and nothing else.")]
Wanted = Annotated[str | None, typer.Option("--policy", help="The way you mean to move guests.")]
Inventory = Annotated[Path | None, typer.Option(help="Your own hosts, in pyinfra's form.")]


@doctors.command()
def doctor(
    deep: Deep = False,
    only: Only = None,
    known: Known = False,
    policy: Wanted = None,
    inventory: Inventory = None,
    as_json: JsonOption = False,
    topology: TopologyOption = TOPOLOGY,
    lab: LabOption = LAB,
) -> None:
    """Name what would break a migration: 0 healthy, 1 findings, 3 not all told, 4 unreachable."""
    from miglab.doctor.checks import CHECKS
    from miglab.doctor.examination import examined, health
    from miglab.doctor.shells import lab_hosts, lab_shell, own_hosts, own_shell
    from miglab.report.doctor_console import show

    if known:
        answer("\n".join(f"{check.id:18}{check.title}" for check in CHECKS))
        return
    ids = {check.id for check in CHECKS}
    if strange := sorted(set(only or ()) - ids):
        raise UsageError(f"--only: expected one of --list, found {', '.join(strange)}")
    way = Policy.named(policy) if policy else None
    if inventory is not None and Place(lab).origin == "site":
        raise UsageError("--inventory: expected without --lab site, which MIGLAB_INVENTORY tells")
    if inventory is not None:
        own = read_inventory(inventory)
        facts = examined(own_shell(own), own_hosts(own), policy=way, deep=deep, say=say)
    else:
        opened = open_lab(topology, lab)
        if opened.origin == "site" or not opened.place.ssh_config.exists():
            opened.require_up()  # which says how; a node that is down later is a finding
        nodes = lab_hosts(opened.reached)
        shell = lab_shell(opened)
        facts = examined(shell, nodes, topology=opened.topology, policy=way, deep=deep, say=say)
    found = health(facts, only or ())
    if as_json:
        answer(found.model_dump_json(indent=2))
    show(progress if as_json else Console(highlight=False), found)
    raise typer.Exit(found.exit_code)
