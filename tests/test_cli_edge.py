"""``miglab edge``: the answer, its files and exit code, where all goes by the model."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

from miglab.cli.edge import found, promised, written
from miglab.errors import GuestError, UsageError
from miglab.experiment.edge import EdgeExperiment
from miglab.judge.edge import Answer, EdgeSearch
from miglab.workload import Load
from tests.edges import searched, terms


@dataclass
class Searching(EdgeExperiment):
    """An experiment without a lab; ``error`` is how it ends."""

    error: BaseException | None = None

    def run(self) -> None:
        """At once."""
        searched(self.search, self.trials_max)
        if self.error:
            raise self.error


def searching(
    folder: Path,
    total_ms_max: int = 4000,
    trials_max: int = 100,
    error: BaseException | None = None,
) -> Searching:
    """A search with that promise."""
    search, nowhere = EdgeSearch(terms(total_ms_max=total_ms_max), Load()), cast(Any, None)
    return Searching(nowhere, search, folder, trials_max, error=error)


@pytest.mark.parametrize(
    ("total_ms_max", "trials_max", "code", "word"),
    [
        (4000, 100, 0, "EDGE FOUND"),
        (100, 100, 1, "BROKEN"),
        (4000, 2, 3, "UNKNOWN"),
        (4000, 7, 0, "EDGE FOUND"),
    ],
)
def test_the_exit_code_says_how_it_ended(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    total_ms_max: int,
    trials_max: int,
    code: int,
    word: str,
) -> None:
    """Also without the working set, which is a second question."""
    assert found(searching(tmp_path, total_ms_max, trials_max), as_json=False) == code
    said = capsys.readouterr()
    assert f"\n{word}  precopy+64MiB/s" in said.out
    assert said.err == f"page: {tmp_path / 'edge.html'}\n"
    assert (tmp_path / "edge.html").exists()


def test_json_is_one_object_and_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """On standard output, and in the folder; what people read goes to standard error."""
    experiment = searching(tmp_path)
    assert found(experiment, as_json=True) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["schema_version"] == 1
    assert Answer.model_validate_json(said.out) == experiment.search.answer
    assert (tmp_path / "edge.json").read_text() == said.out
    assert "EDGE FOUND" in said.err


@pytest.mark.parametrize("error", [KeyboardInterrupt(), GuestError("memory broken")])
def test_what_is_known_is_told_before_it_ends_early(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], error: BaseException
) -> None:
    """By Ctrl-C or by an error, which goes its way."""
    with pytest.raises(type(error)):
        found(searching(tmp_path, trials_max=2, error=error), as_json=False)
    assert "UNKNOWN" in capsys.readouterr().out


def test_without_a_trial_there_is_nothing_to_tell(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only the error."""
    with pytest.raises(GuestError):
        found(searching(tmp_path, trials_max=0, error=GuestError("away")), as_json=True)
    assert capsys.readouterr() == ("", "")
    assert list(tmp_path.iterdir()) == []


def test_a_promise_is_asked_for() -> None:
    """Seconds become milliseconds."""
    assert promised(100, 2.5).model_dump() == {"client_ms_max": 100, "total_ms_max": 2500}
    with pytest.raises(UsageError, match="expected --budget-ms, --total-seconds or both"):
        promised(None, None)


def test_a_working_set_that_cannot_be_is_refused() -> None:
    """By the name of the option."""
    assert written("8MiB", "random").working_set == 8 << 20
    with pytest.raises(UsageError, match=r"^--ws: expected a size such as 256MiB, found 'lots'$"):
        written("lots", "random")
    with pytest.raises(UsageError, match=r"^--ws: expected at least one page"):
        written("1KiB", "random")
