"""The convergence edge of a narrow link: low rates keep a promise there, the highest breaks it."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ByteSize

from miglab.experiment.edge import EdgeExperiment, search_folder
from miglab.guest.control import GuestControl
from miglab.judge.edge import MIB, EdgeSearch
from miglab.judge.promise import Promise
from miglab.judge.trial import Terms, trial
from miglab.judge.verdict import judge
from miglab.lab.embedded import EmbeddedLab
from miglab.observe.history import History
from miglab.policy import Policy
from miglab.report.edge_words import answered
from miglab.workload import Load, Pace

NARROW = Policy(bandwidth=ByteSize(32 * MIB))
LOAD = Load(working_set=ByteSize(64 * MIB))
SMALL = ByteSize(4 * MIB)  # what is left of it at any rate can be sent within QEMU's 300 ms
PROMISE = Promise(total_ms_max=8000)
"""The low rate takes some 5 s, more on a busy machine; the highest never ends."""

pytestmark = pytest.mark.slow


@pytest.mark.measured
@pytest.mark.usefixtures("guest")
def test_a_narrow_link_has_an_edge(lab: EmbeddedLab, records: Path) -> None:
    """It is found on both axes, and each record says the same when it is judged again."""
    terms = Terms(promise=PROMISE, policy=NARROW, memory_bytes=lab.topology.guest.memory)
    rates: tuple[Pace, ...] = (ByteSize(4 * MIB), "max")
    search = EdgeSearch(terms, LOAD, rates=rates, sizes=(SMALL, LOAD.working_set))
    folder = search_folder(records, search)
    EdgeExperiment(lab, search, folder, trials_max=16).run()
    answer = search.answer
    assert answer.state == "found", answered(answer)
    assert answer.rates.held == LOAD.model_copy(update={"rate": rates[0]})
    assert answer.rates.broken == LOAD.model_copy(update={"rate": "max"})
    slow, fast = (point.achieved_bytes_per_s or 0 for point in answer.rates.points)
    assert slow < fast
    assert any("not done within" in (tried.error or "") for tried in answer.trials)
    assert answer.working_sets is not None
    assert answer.working_sets.state == "found", answered(answer)
    for tried in answer.trials:
        history = History.read(folder / tried.record)
        assert trial(terms, tried.load, history, judge(history), tried.record) == tried


def test_ctrl_c_tells_what_is_known(lab: EmbeddedLab, project: Path, guest: GuestControl) -> None:
    """After the first trial, in the middle of the second; the guest runs on as it was."""
    before = guest.status()
    command = [sys.executable, "-m", "miglab", "edge", "--lab", lab.place.name, "--json"]
    command += ["--bandwidth", "64MiB/s", "--ws", "16MiB", "--total-seconds", "4"]
    with subprocess.Popen(
        command, cwd=project, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        said = next(line for line in process.stderr if line.startswith("trial 1: "))
        process.send_signal(signal.SIGINT)
        out, rest = process.communicate(timeout=60)
    assert process.returncode == 130, said + rest
    answer = json.loads(out)
    assert (answer["state"], len(answer["trials"])) == ("unknown", 1)
    assert "UNKNOWN" in rest
    assert guest.status().boot_id == before.boot_id
