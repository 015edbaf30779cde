"""``miglab edge``: the dirty rate at which a promise begins to break."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import ValidationError
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
from miglab.cli.runs import Bandwidth, Limit, Out, PolicyName
from miglab.declaration import problems_of
from miglab.errors import EvidenceError, LabError, UsageError
from miglab.policy import Policy
from miglab.workload import Load, Pattern

if TYPE_CHECKING:
    from miglab.experiment.edge import EdgeExperiment
    from miglab.judge.edge import EdgeSearch
    from miglab.judge.promise import Promise

edges = typer.Typer()

EXIT_CODES = {"found": 0, "never": 0, "always": 1, "unknown": EvidenceError.exit_code}
ANSWER, PAGE = "edge.json", "edge.html"

Dark = Annotated[int | None, typer.Option(min=1, help="Promise: the network is dark so long.")]
Total = Annotated[float | None, typer.Option(min=0.1, help="Promise: all is done so soon.")]
PatternName = Annotated[Pattern, typer.Option(help="How the guest writes.")]
WorkingSet = Annotated[str, typer.Option(help="How much it rewrites, at most.")]
TrialsMax = Annotated[int, typer.Option(min=1, help="Migrations at most.")]


@edges.command()
def edge(
    policy: PolicyName = "precopy",
    bandwidth: Bandwidth = None,
    max_downtime_ms: Limit = None,
    budget_ms: Dark = None,
    total_seconds: Total = None,
    pattern: PatternName = "sequential",
    ws: WorkingSet = "64MiB",
    trials_max: TrialsMax = 40,
    as_json: JsonOption = False,
    out: Out = Path("runs"),
    topology: TopologyOption = TOPOLOGY,
    lab: LabOption = LAB,
) -> None:
    """Search the dirty rate that breaks a promise: 0 found or none does, 1 all do, 3 unknown."""
    from miglab.experiment.edge import EdgeExperiment, search_folder
    from miglab.judge.edge import EdgeSearch
    from miglab.judge.trial import Terms
    from miglab.report.edge_rows import told

    promise = promised(budget_ms, total_seconds)
    way = Policy.named(policy, bandwidth=bandwidth, downtime_ms_max=max_downtime_ms)
    if way.mode == "offline":
        raise UsageError(f"--policy: expected one that moves a running guest, found {policy!r}")
    load = written(ws, pattern)
    opened = open_lab(topology, lab)
    terms = Terms(promise=promise, policy=way, memory_bytes=opened.topology.guest.memory)
    search = EdgeSearch(terms, load)
    experiment = EdgeExperiment(
        opened,
        search,
        search_folder(out, search),
        trials_max,
        say=lambda trial: say(f"trial {len(search.trials)}: {told(trial)}"),
    )
    raise typer.Exit(found(experiment, as_json))


def promised(budget_ms: int | None, total_seconds: float | None) -> "Promise":
    """The promise; UsageError for none."""
    from miglab.judge.promise import Promise

    if budget_ms is None and total_seconds is None:
        raise UsageError("expected --budget-ms, --total-seconds or both: a promise to be broken")
    total_ms = None if total_seconds is None else round(total_seconds * 1000)
    return Promise(client_ms_max=budget_ms, total_ms_max=total_ms)


def written(ws: str, pattern: Pattern) -> Load:
    """What the guest rewrites; UsageError for a working set that there cannot be."""
    try:
        return Load.model_validate({"working_set": ws, "pattern": pattern})
    except ValidationError as error:
        problems = "; ".join(problems_of(error)).removeprefix("working_set: ")
        raise UsageError(f"--ws: {problems}") from None


def found(experiment: "EdgeExperiment", as_json: bool) -> int:
    """Searches, and tells what is known, also when it is interrupted; the exit code."""
    try:
        experiment.run()
    finally:
        if experiment.search.trials:
            _tell(experiment.search, experiment.folder, as_json)
    return EXIT_CODES[experiment.search.answer.state]


def _tell(search: "EdgeSearch", folder: Path, as_json: bool) -> None:
    from miglab.report.edge_console import show
    from miglab.report.edge_page import write

    known = search.answer
    text = known.model_dump_json(indent=2)
    if as_json:
        answer(text)
    show(progress if as_json else Console(highlight=False), known, folder)
    try:
        (folder / ANSWER).write_text(text + "\n")
    except OSError as error:
        raise LabError(f"{folder}: the answer cannot be written: {error.strerror}") from None
    write(known, folder / PAGE)
    say(f"page: {folder / PAGE}")
