"""The record on disk: nothing is lost on the way there and back, and damage is seen."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings

from miglab.errors import EvidenceError, LabError
from miglab.observe.history import RECORDS, History, record_file
from tests import histories
from tests.strategies import histories as any_history

FILES = [f"{name}.json" for name in History.model_fields if name not in RECORDS]


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(any_history())
def test_a_history_comes_back_from_its_folder(history: History) -> None:
    """Whatever was seen is there again, to the last digit."""
    with TemporaryDirectory() as folder:
        assert History.read(histories.write(history, Path(folder))) == history


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The record of a run in which all went well."""
    return histories.write(histories.history(), tmp_path / "run")


def refusal(folder: Path) -> str:
    """The one line with which a record is refused."""
    with pytest.raises(EvidenceError) as refused:
        History.read(folder)
    assert refused.value.exit_code == 3
    line = str(refused.value)
    assert "\n" not in line
    assert str(folder) in line
    return line


def test_an_absent_folder_is_refused(tmp_path: Path) -> None:
    """A mistyped name is told from a bad run."""
    assert "found no plan.json" in refusal(tmp_path / "nowhere")


@pytest.mark.parametrize("name", FILES)
def test_an_absent_file_is_refused(folder: Path, name: str) -> None:
    """A fault whose file is lost must not turn into no fault."""
    (folder / name).unlink()
    assert name in refusal(folder)


@pytest.mark.parametrize("name", FILES)
def test_a_cut_off_file_is_refused(folder: Path, name: str) -> None:
    """The disk was full, or the machine went down."""
    path = folder / name
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert name in refusal(folder)


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe", b"{", b"[" * 100_000, b'{"guest": "\xff"}'], ids=repr
)
def test_what_is_no_json_is_refused(folder: Path, content: bytes) -> None:
    """Whatever lies there instead."""
    (folder / "outcome.json").write_bytes(content)
    assert "outcome.json: expected JSON" in refusal(folder)


@pytest.mark.parametrize(
    ("name", "place", "value", "words"),
    [
        ("plan", "format", 4, "plan.format: Input should be 1, 2 or 3"),
        ("plan", "guest", None, "plan.guest"),
        ("outcome", "surprise", 1, "outcome.surprise: Extra inputs are not permitted"),
        ("guest_before", "load", {}, "guest_before.load"),
    ],
)
def test_another_shape_is_refused(
    folder: Path, name: str, place: str, value: object, words: str
) -> None:
    """The line says where it is wrong."""
    path = folder / f"{name}.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {place: value}))
    assert words in refusal(folder)


@pytest.mark.parametrize("name", RECORDS)
@pytest.mark.parametrize("content", ["", "something else\n", "\xff\n"])
def test_a_damaged_record_is_a_fault(folder: Path, name: str, content: str) -> None:
    """The other vantages are read all the same, and the verdict cannot be a pass."""
    record_file(folder, name).write_text(content)
    found = History.read(folder)
    assert getattr(found, name) is None
    (fault,) = found.faults
    assert f"{name}.csv: expected a {name} record, found" in fault


@pytest.mark.parametrize("name", RECORDS)
def test_a_cut_off_record_says_so(folder: Path, name: str) -> None:
    """Wherever it ends, it is read as far as it goes."""
    path = record_file(folder, name)
    text = path.read_text()
    path.write_text(text[: len(text) // 2])
    assert getattr(History.read(folder), name).complete is False


@pytest.mark.parametrize("name", RECORDS)
def test_a_withheld_record_is_none(folder: Path, name: str) -> None:
    """A vantage may be left out; the judge then has nothing to go by."""
    record_file(folder, name).unlink()
    found = History.read(folder)
    assert getattr(found, name) is None
    assert found.faults == ()


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    """Somebody names a file of the record."""
    (tmp_path / "plan.json").write_text("{}")
    refusal(tmp_path / "plan.json")


def test_the_plan_is_written_last(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An interrupted writing leaves no folder that could be taken for a record."""
    written: list[str] = []
    monkeypatch.setattr(Path, "write_text", lambda self, _: written.append(self.name))
    histories.history().write(folder)
    assert sorted(written) == sorted(FILES)
    assert written[-1] == "plan.json"


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """The run was good, the disk is not: that is the lab's fault."""
    with pytest.raises(LabError, match="gone: the record cannot be written: No such file"):
        histories.history().write(tmp_path / "gone")
