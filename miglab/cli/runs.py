"""``miglab migrate | report``: runs, and what is concluded from them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
from miglab.errors import EvidenceError, LabError, MiglabError, UsageError
from miglab.policy import Budget, Policy
from miglab.scenario import Scenario
from miglab.workload import Load

if TYPE_CHECKING:
    from miglab.judge.verdict import Verdict

runs = typer.Typer()

EXIT_CODES = {"pass": 0, "fail": 1, "unknown": EvidenceError.exit_code}
WORST_LAST = (0, 3, 1, 4)
VANTAGES = frozenset({"client"})

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
Without = Annotated[list[str] | None, typer.Option(help="A vantage not to record: client.")]
Out = Annotated[Path, typer.Option("--out", help="The folder that runs are recorded in.")]


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
    from miglab.experiment import Experiment, Setting
    from miglab.report.console import progress_line

    scenario = Scenario(
        load=load if load is None or load == "off" else Load.parse(load),
        policy=Policy.chosen(
            policy,
            bandwidth=bandwidth,
            downtime_ms_max=max_downtime_ms,
            peer_to_peer=p2p or None,
        ),
        budget=Budget(client_ms_max=budget_ms),
    )
    setting = Setting(
        to=to,
        without=_vantages(without or []),
        timeout_seconds=timeout,
        say=say,
        show=lambda moment: say(progress_line(moment)),
    )
    folder = Experiment(open_lab(topology, lab), scenario, out, setting).run()
    raise typer.Exit(_judge(folder, as_json))


@runs.command()
def report(
    recorded: Annotated[list[Path], typer.Argument(metavar="RUN…", help="Recorded runs.")],
    as_json: JsonOption = False,
) -> None:
    """Judge recorded runs again; the worst verdict is the exit code."""
    if as_json and len(recorded) > 1:
        raise UsageError("--json: expected one run, since it prints one object")
    raise typer.Exit(max((_judged(run, as_json) for run in recorded), key=WORST_LAST.index))


def _judged(folder: Path, as_json: bool) -> int:
    """As :func:`_judge`; a record that cannot be read costs its own line, not the other runs'."""
    try:
        return _judge(folder, as_json)
    except MiglabError as error:
        say(str(error), style="red")
        return error.exit_code


def _judge(folder: Path, as_json: bool) -> int:
    """Judges, writes the verdict beside the record, prints it; the exit code."""
    from miglab.judge.verdict import judge
    from miglab.observe.history import History
    from miglab.report.console import show

    verdict: Verdict = judge(History.read(folder))
    text = verdict.model_dump_json(indent=2, by_alias=True)
    try:
        (folder / "verdict.json").write_text(text + "\n")
    except OSError as error:
        raise LabError(f"{folder}: the verdict cannot be written: {error.strerror}") from None
    if as_json:
        answer(text)
    show(progress if as_json else Console(highlight=False), verdict, folder)
    return EXIT_CODES[verdict.verdict]


def _vantages(names: list[str]) -> frozenset[str]:
    if unknown := set(names) - VANTAGES:
        expected = ", ".join(sorted(VANTAGES))
        raise UsageError(f"--without: expected {expected}, found {', '.join(sorted(unknown))}")
    return frozenset(names)
