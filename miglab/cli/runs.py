"""``miglab migrate | watch``: measured runs."""

from pathlib import Path
from typing import Annotated

import typer

from miglab.cli.common import (
    LAB,
    TOPOLOGY,
    JsonOption,
    LabOption,
    TopologyOption,
    open_lab,
    say,
)
from miglab.cli.explaining import explain
from miglab.cli.judging import EXIT_CODES, judged
from miglab.lab.lab import Lab
from miglab.policy import Budget, Policy
from miglab.scenario import Scenario
from miglab.workload import Load

runs = typer.Typer()

To = Annotated[str | None, typer.Option("--to", help="The host to move to (the next one).")]
PolicyName = Annotated[
    str, typer.Option("--policy", help="How to move; an unknown name lists all there are.")
]
LoadText = Annotated[
    str | None,
    typer.Option(
        "--load", help="off, or ws=64MiB,rate=50MiB/s,pattern=sequential; if not given, as it is."
    ),
]
Bandwidth = Annotated[str | None, typer.Option(help="At most so fast, such as 64MiB/s.")]
Limit = Annotated[int | None, typer.Option(min=1, help="QEMU's limit for the last stop.")]
BudgetMs = Annotated[int | None, typer.Option(min=1, help="The network may be dark so long.")]
PeerToPeer = Annotated[bool, typer.Option("--p2p", help="The source drives, by ssh to the target.")]
Timeout = Annotated[float, typer.Option(min=1, help="Cancel after so many seconds.")]
Seconds = Annotated[float | None, typer.Option(min=0.1, help="Watch for so long at most.")]
Without = Annotated[
    list[str] | None,
    typer.Option(help="A vantage not to record: client, stream, guest, disk or wire."),
]
Out = Annotated[Path, typer.Option("--out", help="The folder that runs are recorded in.")]
CommandLine = Annotated[
    list[str] | None, typer.Argument(metavar="[-- CMD …]", help="What to watch; else Ctrl-C ends.")
]


@runs.command()
def migrate(
    to: To = None,
    policy: PolicyName = "precopy",
    load: LoadText = None,
    bandwidth: Bandwidth = None,
    max_downtime_ms: Limit = None,
    budget_ms: BudgetMs = None,
    p2p: PeerToPeer = False,
    timeout: Timeout = 120,
    without: Without = None,
    as_json: JsonOption = False,
    out: Out = Path("runs"),
    topology: TopologyOption = TOPOLOGY,
    lab: LabOption = LAB,
) -> None:
    """One measured migration: exit code 0 pass, 1 fail, 2 usage, 3 unknown, 4 the lab is broken."""
    from miglab.experiment.migrate import Experiment
    from miglab.experiment.setting import Setting, vantages
    from miglab.report.console import progress_line

    scenario = Scenario(
        load=load if load is None or load == "off" else Load.parse(load),
        policy=Policy.named(
            policy,
            bandwidth=bandwidth,
            downtime_ms_max=max_downtime_ms,
            peer_to_peer=p2p or None,
        ),
        budget=Budget(client_ms_max=budget_ms),
    )
    setting = Setting(
        to=to,
        without=vantages(without or []),
        timeout_seconds=timeout,
        say=say,
        show=lambda moment: say(progress_line(moment)),
    )
    opened = open_lab(topology, lab)
    raise typer.Exit(told(opened, Experiment(opened, scenario, out, setting).run(), as_json))


@runs.command()
def watch(
    command: CommandLine = None,
    seconds: Seconds = None,
    budget_ms: BudgetMs = None,
    without: Without = None,
    as_json: JsonOption = False,
    out: Out = Path("runs"),
    topology: TopologyOption = TOPOLOGY,
    lab: LabOption = LAB,
) -> None:
    """Measure what any other command, or a person, does to the guest; exit codes as of migrate."""
    from miglab.experiment.setting import Setting, vantages
    from miglab.experiment.watch import Watching, running, waiting
    from miglab.report.console import progress_line

    deed = running(command, seconds, quiet=as_json) if command else waiting(seconds, say)
    setting = Setting(
        without=vantages(without or []),
        say=say,
        show=lambda moment: say(progress_line(moment)),
    )
    budget = Budget(client_ms_max=budget_ms)
    opened = open_lab(topology, lab)
    raise typer.Exit(told(opened, Watching(opened, deed, out, budget, setting).run(), as_json))


def told(lab: Lab, folder: Path, as_json: bool) -> int:
    """The verdict, and for one that is not good what the doctor makes of it; the exit code."""
    code = judged(folder, as_json)
    if code == EXIT_CODES["fail"]:
        explain(lab, folder, as_json)
    return code
