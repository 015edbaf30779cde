"""Our lines in others' files."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from miglab.provision.block import BEGIN, END, WRITTEN, block_lines, with_block, write_commands

MARKS = {BEGIN, END}
line = st.text(st.characters(exclude_characters="\n"), max_size=12).filter(
    lambda text: text not in MARKS
)
lines = st.lists(line, max_size=5)
texts = st.tuples(lines, st.booleans()).map(
    lambda it: "\n".join(it[0]) + ("\n" if it[0] and it[1] else "")
)


def others(text: str) -> list[str]:
    """The lines that are not ours."""
    kept, ours = [], False
    for each in text.removesuffix("\n").split("\n") if text else []:
        ours = ours or each == BEGIN
        if not ours:
            kept.append(each)
        ours = ours and each != END
    return kept


@settings(deadline=None)
@given(texts, lines)
def test_a_block_is_written_once(text: str, ours: list[str]) -> None:
    """The second time changes nothing."""
    once = with_block(text, ours)
    assert with_block(once, ours) == once
    assert block_lines(once) == ours
    assert once.endswith("\n")


@settings(deadline=None)
@given(texts, lines, lines, lines)
def test_others_lines_stay_in_their_order(
    text: str, ours: list[str], after: list[str], later: list[str]
) -> None:
    """Before and after our block, when it comes, changes, and whatever it holds."""
    first = with_block(text, ours) + "".join(f"{each}\n" for each in after)
    kept = others(first)
    assert others(with_block(first, later)) == kept
    assert kept == [*others(text), *after]
    assert first.index(BEGIN) == with_block(first, later).index(BEGIN)


def test_a_block_without_an_end_takes_nothing_along() -> None:
    """Where the end mark was lost, what follows may be somebody's: all of it is kept."""
    broken = f"a\n{BEGIN}\nold\ntheirs\n"
    assert with_block(broken, ["new"]) == f"a\n{BEGIN}\nnew\n{END}\nold\ntheirs\n"
    assert block_lines(broken) == []


def test_a_block_is_appended_to_a_line_without_an_end() -> None:
    """The last line of a file may lack its newline."""
    assert with_block("a", ["x"]) == f"a\n{BEGIN}\nx\n{END}\n"
    assert with_block("", []) == f"{BEGIN}\n{END}\n"


def test_a_file_is_written_only_when_it_differs() -> None:
    """Beside the old one, with the mode it shall have, then in its place."""
    assert list(write_commands("/etc/x", "a\n", "a\n", "0644")) == []
    assert list(write_commands("/etc/x", None, "it's\n", "0644")) == [
        "umask 077 && mkdir -p /etc && printf %s 'it'\"'\"'s\n' > /etc/x.new",
        "chmod 0644 /etc/x.new && mv -Z /etc/x.new /etc/x",
    ]


@pytest.mark.parametrize("ours", [WRITTEN, f"{BEGIN}\n{END}\n"])
def test_what_was_there_before_us_is_kept_once(tmp_path: Path, ours: str) -> None:
    """With its mode; what we wrote ourselves is not worth keeping."""
    path, kept = tmp_path / "x", tmp_path / "x.before-miglab"
    path.write_text("theirs\n")
    path.chmod(0o640)
    for found, wanted in (("theirs\n", f"{ours}1\n"), (f"{ours}1\n", f"{ours}2\n")):
        for command in write_commands(str(path), found, wanted, "0600"):
            subprocess.run(["sh", "-c", command], check=True)
        assert path.read_text() == wanted
        assert kept.read_text() == "theirs\n"
        assert (kept.stat().st_mode & 0o777, path.stat().st_mode & 0o777) == (0o640, 0o600)
    assert next(write_commands(str(path), "again\n", "x\n", "0600")).startswith("test -e ")
    assert not [c for c in write_commands(str(path), ours, "x\n", "0600") if "cp -a" in c]
    assert sorted(each.name for each in tmp_path.iterdir()) == ["x", "x.before-miglab"]
