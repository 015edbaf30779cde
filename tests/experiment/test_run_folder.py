"""A folder for each run, whoever else makes some at the same moment."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from miglab.errors import LabError
from miglab.experiment.run_folder import new_folder, remove_unused
from tests.histories import history

PLAN = history().plan


def test_no_two_runs_share_a_folder(tmp_path: Path) -> None:
    """Several processes may record into one place in the same second."""
    with ThreadPoolExecutor(8) as pool:
        folders = list(pool.map(lambda _: new_folder(tmp_path / "runs", PLAN), range(40)))
    assert len(set(folders)) == 40
    assert all(folder.is_dir() for folder in folders)


def test_a_place_that_is_none(tmp_path: Path) -> None:
    """Said with the folder that could not be made."""
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(LabError, match=r"runs/.*: the record cannot be written: Not a directory"):
        new_folder(tmp_path / "runs", PLAN)


def test_nothing_is_left_of_an_act_that_was_none(tmp_path: Path) -> None:
    """But whatever else lies there is somebody's."""
    folder = new_folder(tmp_path, PLAN)
    (folder / "ping.csv").write_text("")
    remove_unused(folder)
    assert not folder.exists()
    folder = new_folder(tmp_path, PLAN)
    (folder / "notes.txt").write_text("mine")
    remove_unused(folder)
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]
