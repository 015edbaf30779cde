"""The imports below miglab/ are those that docs/design.md allows."""

import ast
import graphlib
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LIBRARY = ROOT / "miglab"
DESIGN = ROOT / "docs" / "design.md"


@dataclass(frozen=True)
class Import:
    """One import: who, whom (a module of the library without ``miglab.``, or a package), where."""

    importer: str
    imported: str
    ours: bool
    line: int


@dataclass(frozen=True)
class Room:
    """A row of the table: module name prefixes, and the rooms these may import."""

    name: str
    prefixes: tuple[str, ...]
    may_import: frozenset[str]


def table(heading: str) -> list[list[str]]:
    """The cells of the first table below ``heading`` in the design document, its head left out."""
    section = DESIGN.read_text().split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    rows = [line.strip("|") for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row.split("|")] for row in rows[2:]]


def read_rooms() -> dict[str, Room]:
    """The rooms of the house by name."""
    rooms = {}
    for name, modules, allowed in table("Who may import what"):
        may = frozenset(word.strip() for word in allowed.split(",") if word.strip())
        rooms[name] = Room(name, tuple(re.findall(r"`(.+?)`", modules)), may)
    return rooms


def read_homes() -> dict[str, tuple[str, ...]]:
    """Module name prefixes by third-party package; an empty prefix is every module's."""
    return {
        package: ("",) if where == "anywhere" else tuple(re.findall(r"`(.+?)`", where))
        for package, where in table("One home for each package")
    }


def within(module: str, prefix: str) -> bool:
    """Whether ``module`` is ``prefix`` or lies below it."""
    return not prefix or module == prefix or module.startswith(f"{prefix}.")


def room_of(module: str, rooms: dict[str, Room]) -> Room | None:
    """The room whose longest prefix fits."""
    fits = [(len(p), room) for room in rooms.values() for p in room.prefixes if within(module, p)]
    return max(fits, key=lambda fit: fit[0])[1] if fits else None


def module_name(path: Path) -> str:
    """``miglab/lab/keys.py`` as ``lab.keys``; the library itself is the empty name."""
    parts = path.relative_to(LIBRARY).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def library() -> dict[str, str]:
    """The source of every module of the library."""
    return {module_name(path): path.read_text() for path in sorted(LIBRARY.rglob("*.py"))}


def imports(importer: str, source: str, modules: frozenset[str]) -> Iterator[Import]:
    """Every import of one module, wherever it stands, the standard library's left out."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{importer}:{node.lineno}: a relative import"
            deeper = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [
                d if d.removeprefix("miglab.") in modules else str(node.module) for d in deeper
            ]
        else:
            continue
        for name in dict.fromkeys(names):
            top, _, rest = name.partition(".")
            if top == "miglab":
                yield Import(importer, rest, ours=True, line=node.lineno)
            elif top not in sys.stdlib_module_names:
                yield Import(importer, top, ours=False, line=node.lineno)


def all_imports(sources: dict[str, str]) -> list[Import]:
    """Every import of every module."""
    modules = frozenset(sources)
    return [i for name, source in sources.items() for i in imports(name, source, modules)]


def forbidden_edges(found: list[Import], rooms: dict[str, Room]) -> Iterator[str]:
    """Imports from one room into another that the table does not allow."""
    for each in found:
        if not each.ours or not each.imported:  # the bare library is its version and nothing else
            continue
        here, there = room_of(each.importer, rooms), room_of(each.imported, rooms)
        if here and there and here != there and there.name not in here.may_import:
            yield (
                f"miglab.{each.importer}:{each.line} imports {each.imported}:"
                f" {here.name} may import {', '.join(sorted(here.may_import)) or 'nothing'}"
            )


def strangers(found: list[Import], homes: dict[str, tuple[str, ...]]) -> Iterator[str]:
    """Third-party packages imported outside their home."""
    for each in found:
        if not each.ours and not any(
            within(each.importer, h) for h in homes.get(each.imported, ())
        ):
            home = ", ".join(homes.get(each.imported, ())) or "nowhere"
            yield (
                f"miglab.{each.importer}:{each.line} imports {each.imported}, whose home is {home}"
            )


def cycle(found: list[Import]) -> list[str]:
    """The modules of one import cycle, or nothing."""
    graph: dict[str, set[str]] = {}
    for each in found:
        if each.ours and each.imported and each.imported != each.importer:
            graph.setdefault(each.importer, set()).add(each.imported)
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return list(error.args[1])
    return []


@pytest.fixture(scope="module")
def found() -> list[Import]:
    """The imports as they are."""
    return all_imports(library())


def test_every_module_has_a_room() -> None:
    """No module stands outside the house."""
    rooms = read_rooms()
    assert [name for name in library() if name and room_of(name, rooms) is None] == []


def test_no_edge_that_is_not_in_the_table(found: list[Import]) -> None:
    """Rooms import only what docs/design.md lets them."""
    assert list(forbidden_edges(found, read_rooms())) == []


def test_packages_stay_at_home(found: list[Import]) -> None:
    """Each third-party package is imported in its home only."""
    assert list(strangers(found, read_homes())) == []


def test_no_cycle_between_modules(found: list[Import]) -> None:
    """Modules can be read one after the other."""
    assert cycle(found) == []


def test_the_table_has_a_direction() -> None:
    """The table itself allows no way back, and names no room that is not there."""
    graph = {room.name: room.may_import for room in read_rooms().values()}
    order = list(graphlib.TopologicalSorter(graph).static_order())
    assert set(order) == set(graph)


@pytest.mark.parametrize(
    ("importer", "source", "complaint"),
    [
        ("judge.outage", "from miglab.lab import keys", "judge may import"),
        ("lab.keys", "def f():\n    import miglab.judge.outage", "lab may import values"),
        ("topology", "from miglab.lab.keys import ensure_key", "values may import nothing"),
        ("provision.names", "from miglab.lab.keys import ensure_key", "provision may import"),
    ],
)
def test_a_forbidden_edge_is_seen(importer: str, source: str, complaint: str) -> None:
    """The check finds an edge against the direction, at whatever depth it stands."""
    edges = all_imports({"lab.keys": "", "judge.outage": "", importer: source})
    (line,) = forbidden_edges(edges, read_rooms())
    assert complaint in line


@pytest.mark.parametrize(
    ("importer", "source"),
    [
        ("judge.outage", "import libvirt"),
        ("lab.place", "from pyroute2.netns import setns"),
        ("cli", "import nowhere_to_be_found"),
    ],
)
def test_a_stranger_is_seen(importer: str, source: str) -> None:
    """The check finds a package outside its home, and one that has none."""
    (line,) = strangers(all_imports({importer: source}), read_homes())
    assert "whose home is" in line


def test_a_cycle_is_seen() -> None:
    """The check finds modules that import each other."""
    sources = {"a": "from miglab import b", "b": "from miglab.c import x", "c": "import miglab.a"}
    assert set(cycle(all_imports(sources))) == {"a", "b", "c"}
