"""The documents agree with the code: commands, options, keys, files and links."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from pydantic import BaseModel

from miglab import policy_name, pytest_plugin
from miglab.cli import app
from miglab.declaration import load
from miglab.errors import MiglabError
from miglab.observe.history import RECORDS, History
from miglab.policy import NAMED, Policy
from miglab.topology import Topology
from miglab.workload import SHORT, Load
from tests.documents import DOCUMENTS, ROOT, Command, commands, declarations

REFERENCE = ROOT / "docs" / "reference"
SHIPPED = ROOT / "inventories" / "topology.yaml"
LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)")
ALL = [command for document in DOCUMENTS for command in commands(document)]


@pytest.mark.parametrize("command", ALL, ids=lambda command: command.place)
def test_every_command_is_checked_somehow(command: Command) -> None:
    """One that no pattern of tests/documents.py knows would never be run."""
    assert command.check, f"{command.place}: `{command.text}` is of no known kind"


def test_no_example_takes_down_the_lab_of_the_session() -> None:
    """What ends a lab runs on one of its own."""
    ends = [c for c in ALL if re.search(r"\b(miglab|make) down\b", c.text) and c.check == "run"]
    assert ends
    assert all(command.own_lab for command in ends)


@pytest.mark.parametrize(
    "target", sorted({c.text.split("make ")[1] for c in ALL if c.check == "make"})
)
def test_make_targets_are_there(target: str) -> None:
    """``make -n`` knows what to do."""
    done = subprocess.run(
        ["make", "-n", *target.split()], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def anchors(document: Path) -> set[str]:
    """What GitHub makes of the headings."""
    titles = re.findall(r"^#+ (.*)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def links(document: Path) -> Iterator[str]:
    """The links of a document that lead to a place in this repository."""
    yield from (link for link in LINK.findall(document.read_text()) if ":" not in link)


PAGES = [*DOCUMENTS, *(ROOT / "docs").glob("*.md"), ROOT / "CHANGELOG.md"]


@pytest.mark.parametrize("document", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    """To a file that is there, and to a heading that is in it."""
    for link in links(document):
        name, _, anchor = link.partition("#")
        path = (document.parent / name).resolve() if name else document
        assert path.exists(), f"{link}: leads nowhere"
        assert not anchor or anchor in anchors(path), f"{link}: has no such heading"


def test_every_page_can_be_reached_from_the_readme() -> None:
    """By links alone."""
    reached, ahead = set(), [DOCUMENTS[0]]
    while ahead:
        page = ahead.pop()
        if page not in reached and page.suffix == ".md":
            reached.add(page)
            ahead += [(page.parent / link.split("#")[0]).resolve() for link in links(page)]
    assert set(PAGES) <= reached


def sections(document: Path) -> dict[str, str]:
    """By heading, the text below it, backquotes left out of the heading."""
    _, *parts = re.split(r"^#+ (.*)\n", document.read_text(), flags=re.MULTILINE)
    titles = [title.replace("`", "") for title in parts[::2]]
    return dict(zip(titles, parts[1::2], strict=True))


def command_line(command: Any, path: str = "miglab") -> Iterator[tuple[str, list[str]]]:
    """Every command by its full name, with its options."""
    if nested := getattr(command, "commands", {}):
        for name, each in nested.items():
            yield from command_line(each, f"{path} {name}")
    else:
        yield path, [o for p in command.params for o in p.opts if o.startswith("--")]


@pytest.mark.parametrize(("command", "options"), list(command_line(typer.main.get_command(app))))
def test_every_command_and_option_is_described(command: str, options: list[str]) -> None:
    """Each command has a section; its options stand there or among those of every command."""
    found = sections(REFERENCE / "commands.md")
    assert command in found, f"{command}: has no section"
    text = found[command] + found["Options of every command"]
    assert [option for option in options if not re.search(rf"`{option}[ `]", text)] == []


def keys(model: type[BaseModel], path: str = "") -> Iterator[str]:
    """``network.subnet``, ``nodes[].name``, …: the keys of a declaration."""
    for name, field in model.model_fields.items():
        kind = field.annotation
        inner = kind if isinstance(kind, type) else getattr(kind, "__args__", (None,))[0]
        many = "[]" if inner is not kind else ""
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from keys(inner, f"{path}{name}{many}.")
        else:
            yield f"{path}{name}"


@pytest.mark.parametrize("key", list(keys(Topology)))
def test_every_key_of_a_declaration_is_described(key: str) -> None:
    """As the first cell of a row."""
    assert f"\n| `{key}` |" in (REFERENCE / "topology.md").read_text()


FORMS = {part.form.replace("{}", "N") for part in policy_name.PARTS}


@pytest.mark.parametrize("key", sorted({*keys(Policy), *keys(Load), *SHORT, *NAMED, *FORMS}))
def test_every_word_of_policies_and_loads_is_described(key: str) -> None:
    """Fields, their short names, the named policies, and the words that names are made of."""
    assert f"`{key}`" in (REFERENCE / "policies-and-loads.md").read_text()


def test_every_option_and_fixture_of_the_plugin_is_described() -> None:
    """As the plugin itself declares them."""
    text = (REFERENCE / "pytest-plugin.md").read_text()
    parts = Path(str(pytest_plugin.__file__)).parent.glob("*.py")
    source = "\n".join(part.read_text() for part in parts)
    options = re.findall(r'"(--lab[a-z-]*)"', source)
    fixtures = re.findall(r"@pytest\.fixture.*\ndef (\w+)\(", source)
    assert options
    assert fixtures
    assert [word for word in {*options, *fixtures} if f"| `{word}" not in text] == []


def test_every_file_of_a_record_is_described() -> None:
    """One for each field of a history, and the verdict."""
    text = (REFERENCE / "run-folder.md").read_text()
    names = [
        f"{field}.csv" if field in RECORDS else f"{field}.json" for field in History.model_fields
    ]
    assert [name for name in [*names, "verdict.json"] if f"\n| `{name}` |" not in text] == []


def test_every_exit_code_is_described() -> None:
    """Of every kind of error."""
    text = (REFERENCE / "commands.md").read_text()
    codes = {each.exit_code for each in MiglabError.__subclasses__()}
    assert [code for code in codes if f"\n| {code} |" not in text] == []


@pytest.mark.parametrize("path", sorted((ROOT / "inventories").glob("*.yaml")), ids=str)
def test_shipped_declarations_can_be_used(path: Path) -> None:
    """Nothing is wrong with them."""
    assert load(path).source.name


PARTS = [part for document in DOCUMENTS for part in declarations(document)]


@pytest.mark.parametrize(("place", "part"), PARTS, ids=[place for place, _ in PARTS])
def test_declarations_in_documents_can_be_used(
    place: str, part: dict[str, Any], tmp_path: Path
) -> None:
    """Each is a part that changes the shipped declaration: a list replaces, keys are merged."""
    whole = yaml.safe_load(SHIPPED.read_text())
    for key, value in part.items():
        whole[key] = {**whole[key], **value} if isinstance(value, dict) else value
    path = tmp_path / place.replace("/", "-")
    path.write_text(yaml.safe_dump(whole))
    assert load(path).guest.name


def test_a_command_of_no_known_kind_is_seen() -> None:
    """Also one that only begins like a known one."""
    for text in ("rm -rf runs", "miglab", "miglabs up", "sudo miglab up", "pytest tests"):
        assert Command("here", text).check is None


def test_commands_are_read_with_their_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines that go on, exit codes, and output that is none of both."""
    monkeypatch.setattr("tests.documents.ROOT", tmp_path)
    page = tmp_path / "page.md"
    page.write_text(
        "# Page\n```console\n$ one \\\n    two\nsaid\n# exit code 3\n$ three\n```\n"
        "```\n$ none\n```\n"
    )
    assert commands(page) == [Command("page.md:3", "one two", 3), Command("page.md:7", "three")]


@pytest.mark.parametrize(
    ("text", "lab"),
    [
        ("miglab down", "docs"),
        ("miglab down --lab second", "second"),
        ("MIGLAB_LAB=three miglab up", "three"),
        ("miglab up", None),
    ],
)
def test_what_needs_a_lab_of_its_own_gets_one(text: str, lab: str | None) -> None:
    """What names a lab, and what ends any."""
    assert Command("here", text).own_lab == lab
