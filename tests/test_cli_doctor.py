"""``miglab doctor``: words that are wrong, and the list of what it knows."""

from pathlib import Path

import pytest

from miglab.doctor.checks import CHECKS
from tests.documents import ROOT
from tests.test_cli import Miglab, miglab

__all__ = ["miglab"]  # a fixture


def test_the_list_names_every_check(miglab: Miglab) -> None:
    """Without asking anybody."""
    said = miglab("doctor", "--list")
    assert (said.code or 0, said.err) == (0, "")
    assert [line.split()[0] for line in said.out.splitlines()] == [check.id for check in CHECKS]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--only", "nonsense"], "--only: expected one of --list, found nonsense"),
        (["--inventory", "nope.py"], "nope.py: there is no such inventory"),
        (["--policy", "nonsense"], "--policy: "),
    ],
)
def test_a_wrong_word_is_one_line(miglab: Miglab, words: list[str], line: str) -> None:
    """With exit code 2."""
    said = miglab("doctor", *words)
    assert said.code == 2
    assert said.complaint.startswith(line)


def test_a_lab_that_is_not_up_is_said_so(miglab: Miglab) -> None:
    """It is the lab that is broken."""
    said = miglab("doctor", "--lab", "default")
    assert said.code == 4
    assert said.complaint.startswith("lab default: is not up")


@pytest.mark.parametrize("ident", sorted({check.id for check in CHECKS}))
def test_every_check_has_a_page(ident: str) -> None:
    """With its cause, its evidence and its remedy; and the overview leads to it."""
    page = ROOT / "docs" / "reference" / "doctor" / f"{ident}.md"
    text = page.read_text()
    for head in (f"# {ident}", "## Cause", "## Evidence", "## Remedy", "## What libvirt says"):
        assert f"{head}\n" in text
    assert f"(doctor/{ident}.md)" in (page.parents[1] / "doctor.md").read_text()


def test_no_page_is_of_a_check_that_is_gone() -> None:
    """Identifiers are for ever, or gone altogether."""
    pages = {Path(page).stem for page in (ROOT / "docs/reference/doctor").glob("*.md")}
    assert pages == {check.id for check in CHECKS}
