"""The ``miglab`` command: words in, exit codes out; everything else happens elsewhere.

Rooms that take time to enter (libvirt, the judge) are imported by the commands that need them.
"""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from miglab.declaration import load
from miglab.errors import MiglabError, UsageError
from miglab.lab.access import ssh_argv
from miglab.lab.embedded import EmbeddedLab, machine_memory
from miglab.lab.place import Place

if TYPE_CHECKING:
    from miglab.judge.verdict import Verdict
    from miglab.policy import Policy

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
guest_app = typer.Typer(no_args_is_help=True, help="The machine that moves.")
app.add_typer(guest_app, name="guest")
console = Console(stderr=True, highlight=False)

TopologyOption = Annotated[Path, typer.Option("--topology", envvar="MIGLAB_TOPOLOGY", help="The declaration.")]
LabOption = Annotated[str, typer.Option("--lab", help="Which lab; several can stand side by side.")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]
TOPOLOGY = Path("inventories/topology.yaml")
EXIT_CODES = {"pass": 0, "fail": 1, "unknown": 3}


def open_lab(topology: Path, lab: str) -> EmbeddedLab:
    """The lab that the two options name."""
    return EmbeddedLab(Place(lab), load(topology, machine_memory()))


def say(line: str) -> None:
    """Progress, for people, on standard error."""
    console.print(line, style="dim", markup=False, soft_wrap=True)


@app.command()
def up(topology: TopologyOption = TOPOLOGY, lab: LabOption = "default") -> None:
    """Bring the nodes up, or heal what is broken of them."""
    changes = open_lab(topology, lab).up(say)
    say(f"lab {lab} is up; changed: {', '.join(changes) or 'nothing'}")


@app.command()
def down(topology: TopologyOption = TOPOLOGY, lab: LabOption = "default") -> None:
    """Remove the lab and everything that belongs to it."""
    open_lab(topology, lab).down(say)
    say(f"lab {lab} is gone")


@app.command()
def status(
    as_json: JsonOption = False, topology: TopologyOption = TOPOLOGY, lab: LabOption = "default"
) -> None:
    """Say what every node is doing; exit code 0 when all answer, 4 otherwise."""
    found = open_lab(topology, lab).status()
    if as_json:
        print(found.model_dump_json(indent=2))
    else:
        for node in found.nodes:
            answer = "answers" if node.reachable else "does not answer"
            print(
                f"{node.name:16}{node.role:12}{node.address:16}{node.os:12}{node.state:10}{answer}"
            )
        for node in found.nodes:
            if node.role == "hypervisor" and node.reachable:
                print(
                    f"virt-manager:   qemu+ssh://root@{node.name}/system  (ssh -F {found.ssh_config})"
                )
    raise typer.Exit(0 if found.up else 4)


@app.command(context_settings={"ignore_unknown_options": True})
def ssh(
    node: str,
    command: Annotated[list[str] | None, typer.Argument(help="Behind --")] = None,
    topology: TopologyOption = TOPOLOGY,
    lab: LabOption = "default",
) -> None:
    """A shell or a command on a node; its exit code passes through."""
    opened = open_lab(topology, lab)
    if node == opened.topology.guest.name:
        raise UsageError(f"{node}: the guest has no shell; `miglab guest status` asks it")
    if opened.topology.node(node) is None:
        names = ", ".join(each.name for each in opened.topology.nodes)
        raise UsageError(f"NODE: expected one of {names}, found {node!r}")
    if not opened.place.ssh_config.exists():
        raise MiglabError(f"lab {lab}: is not up; `miglab up` brings it up")
    os.execvp("ssh", ssh_argv(opened.place, node, command or ()))


@guest_app.command()
def start(topology: TopologyOption = TOPOLOGY, lab: LabOption = "default") -> None:
    """Start the guest on the first hypervisor, unless it runs somewhere, and wait until it answers."""
    from miglab.guest_life import start_guest

    opened = open_lab(topology, lab)
    where, answer = start_guest(opened, say)
    say(f"{opened.topology.guest.name} runs on {where}, boot id {answer.boot_id}")


@guest_app.command()
def stop(topology: TopologyOption = TOPOLOGY, lab: LabOption = "default") -> None:
    """End the guest at once, wherever it is."""
    from miglab.guest_life import stop_guest

    stop_guest(open_lab(topology, lab))


@guest_app.command(name="status")
def guest_status(topology: TopologyOption = TOPOLOGY, lab: LabOption = "default") -> None:
    """Where the guest is, and what it says of itself, as JSON."""
    from miglab.guest_life import ask_guest

    print(ask_guest(open_lab(topology, lab)).model_dump_json(indent=2))


@app.command()
def migrate(
    to: Annotated[str | None, typer.Option("--to", help="The host to move to.")] = None,
    policy: Annotated[
        str, typer.Option("--policy", help="How to move; an unknown name lists all.")
    ] = "precopy",
    load_text: Annotated[
        str | None,
        typer.Option(
            "--load",
            help="off, or ws=64MiB,rate=50MiB/s,pattern=sequential; kept as it is if not given.",
        ),
    ] = None,
    bandwidth: Annotated[str | None, typer.Option(help="At most so fast, such as 64MiB/s.")] = None,
    max_downtime_ms: Annotated[
        int | None, typer.Option(min=1, help="QEMU's limit for the last stop.")
    ] = None,
    budget_ms: Annotated[
        int | None, typer.Option(min=1, help="The network may be dark so long.")
    ] = None,
    p2p: Annotated[
        bool, typer.Option("--p2p", help="The source drives, over ssh to the target.")
    ] = False,
    timeout: Annotated[float, typer.Option(min=1, help="Cancel after so many seconds.")] = 120,
    without: Annotated[
        list[str] | None, typer.Option(help="A vantage not to record: client.")
    ] = None,
    as_json: JsonOption = False,
    out: Annotated[
        Path, typer.Option("--out", help="The folder that runs are recorded in.")
    ] = Path("runs"),
    topology: TopologyOption = TOPOLOGY,
    lab: LabOption = "default",
) -> None:
    """One measured migration: exit code 0 pass, 1 fail, 2 usage, 3 unknown, 4 the lab is broken."""
    from miglab.experiment import Experiment, Setting
    from miglab.policy import Budget
    from miglab.report.console import progress_line
    from miglab.scenario import Scenario
    from miglab.workload import Load

    scenario = Scenario(
        load="off" if load_text == "off" else Load.parse(load_text) if load_text else None,
        policy=_policy(policy, bandwidth, max_downtime_ms, p2p),
        budget=Budget(client_ms_max=budget_ms),
    )
    if unknown := set(without or ()) - {"client"}:
        raise UsageError(f"--without: expected client, found {', '.join(sorted(unknown))}")
    setting = Setting(
        to=to,
        without=frozenset(without or ()),
        timeout_seconds=timeout,
        say=say,
        show=lambda progress: say(progress_line(progress)),
    )
    folder = Experiment(open_lab(topology, lab), scenario, out, setting).run()
    _conclude(folder, as_json)


@app.command()
def report(
    runs: Annotated[list[Path], typer.Argument(help="Folders with recorded runs.")],
    as_json: JsonOption = False,
) -> None:
    """Judge recorded runs again; the worst verdict is the exit code."""
    if as_json and len(runs) > 1:
        raise UsageError("--json: expected one run, since it prints one object")
    codes = [_judge(run, as_json) for run in runs]
    raise typer.Exit(max(codes, key=[0, 3, 1].index))


def _conclude(folder: Path, as_json: bool) -> None:
    raise typer.Exit(_judge(folder, as_json))


def _judge(folder: Path, as_json: bool) -> int:
    """Judges, writes the verdict beside the record, prints it; the exit code."""
    from miglab.judge.verdict import judge
    from miglab.observe.history import History
    from miglab.report.console import show

    verdict: Verdict = judge(History.read(folder))
    text = verdict.model_dump_json(indent=2, by_alias=True)
    (folder / "verdict.json").write_text(text + "\n")
    if as_json:
        print(text)
    show(console if as_json else Console(highlight=False), verdict, folder)
    return EXIT_CODES[verdict.verdict]


def _policy(name: str, bandwidth: str | None, downtime_ms: int | None, p2p: bool) -> "Policy":
    from pydantic import ValidationError

    from miglab.declaration import problems_of
    from miglab.policy import Policy, named

    given = {"bandwidth": bandwidth, "downtime_ms_max": downtime_ms, "peer_to_peer": p2p or None}
    chosen = {key: value for key, value in given.items() if value is not None}
    try:
        return Policy.model_validate({**named(name).model_dump(), **chosen})
    except ValidationError as error:
        raise UsageError(f"--policy {name}: {'; '.join(problems_of(error))}") from None


def main() -> None:
    """The entry point: every expected error is one line and an exit code, never a traceback."""
    try:
        app()
    except MiglabError as error:
        console.print(str(error), style="red", markup=False, soft_wrap=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        console.print(
            "interrupted; `miglab up` heals the lab, `miglab down` removes it", style="red"
        )
        sys.exit(130)
