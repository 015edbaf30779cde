"""The tutorial's pictures and rows agree with its page; how pictures are drawn."""

import ast
import re
from pathlib import Path

import pytest

from docs.pictures import desk, terminal
from docs.pictures.page import TUTORIAL, script
from miglab.errors import LabError
from tests.documents import ROOT, Command

SHOWN = {step for step in script(TUTORIAL) if isinstance(step, Path)}
ROW = re.compile(r"^\| (\d+) \|.*\| ([^|]+) \|$", re.MULTILINE)
SCENARIO = ROOT / "scenarios" / "test_tutorial.py"


def test_every_picture_is_there_and_shown() -> None:
    """And is small enough to be read over a slow line."""
    lie = {path for path in TUTORIAL.parent.iterdir() if path.suffix in {".svg", ".png"}}
    assert lie == SHOWN
    assert [path.name for path in lie if path.stat().st_size > 100_000] == []


def test_no_picture_asks_a_server() -> None:
    """Whoever looks at the page is told to nobody else."""
    told = {path.name for path in SHOWN if re.search(rb"url\(.?http|href=.http", path.read_bytes())}
    assert told == set()


def test_every_row_of_the_original_has_tests_that_name_it() -> None:
    """And every test that names a row stands in the table."""
    functions = {
        each.name for each in ast.parse(SCENARIO.read_text()).body if hasattr(each, "name")
    }
    rows = {int(row): re.findall(r"`(test_\w+)`", cell) for row, cell in rows_of(TUTORIAL)}
    assert sorted(rows) == list(range(1, 17))
    assert all(rows.values())
    assert [
        (row, name) for row in rows for name in rows[row] if not name.startswith(f"test_row_{row}_")
    ] == []
    named = {name for names in rows.values() for name in names}
    assert named == {name for name in functions if name.startswith("test_row_")}


def rows_of(page: Path) -> list[tuple[str, str]]:
    """Number and last cell."""
    return ROW.findall(page.read_text())


def test_a_page_is_read_as_a_script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks and pictures in their order; what is no block of commands is left out."""
    monkeypatch.setattr("tests.documents.ROOT", tmp_path)
    page = tmp_path / "page.md"
    page.write_text(
        "![none](../far.svg)\n```console\n$ one\n$ two\n# exit code 1\n```\n![an end](a.svg)\n"
        "```\n$ none\n```\n![a window](b.png)\n```console\n$ three\n```\n"
    )
    one, two = Command("page.md:3", "one"), Command("page.md:4", "two", 1)
    assert script(page) == [
        [one, two],
        tmp_path / "a.svg",
        tmp_path / "b.png",
        [Command("page.md:13", "three")],
    ]


def test_a_terminal_is_drawn_with_its_colours(tmp_path: Path) -> None:
    """Every word of it, and no font of a server's."""
    command = Command("here", r"printf '\033[31mred\033[0m\n'; echo $MIGLAB_LAB >&2")
    path = tmp_path / "drawn.svg"
    terminal.draw([("a command", terminal.run(command, "mine"))], path)
    drawn = path.read_text()
    words = re.findall(r">([^<]+)</text>", drawn)
    assert {"red", "mine"} <= set(words)
    assert "a&#160;command" in drawn
    assert "@font-face" not in drawn


def test_a_command_that_ends_otherwise_is_not_drawn() -> None:
    """The page would show what it does not say."""
    with pytest.raises(LabError, match="here: `exit 3` ended with 3, expected 0"):
        terminal.run(Command("here", "exit 3"), "mine")


def test_what_a_desk_lacks_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the command that installs it."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert desk.lacking() == (
        "virt-manager, Xvfb, dbus-daemon: missing; `make install purpose=pictures` installs it"
    )
