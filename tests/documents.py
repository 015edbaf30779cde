"""What the documents tell a reader to type, link to and declare, and how each command is checked.

In a ``console`` block a line that begins with ``$ `` is a command. ``# exit code N`` behind it says
how it ends, if not with 0; every other line is what it printed once, for the reader.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

ROOT = Path(__file__).parents[1]
DOCUMENTS = (
    ROOT / "README.md",
    *(
        path
        for room in ("tutorial", "how-to", "reference", "explanation")
        for path in sorted((ROOT / "docs" / room).rglob("*.md"))
    ),
)
"""In the order in which their commands are run."""

Check = Literal["make", "clone", "collect", "virsh", "run"]
LAB = r"(MIGLAB_[A-Z]+=\S+ )*"
CHECKS: tuple[tuple[Check, str], ...] = (
    ("make", rf"{LAB}make [a-z]+"),
    ("clone", r"git clone \S+ \S+"),
    ("collect", r"pytest (scenarios|docs/examples/[a-z-]+)( .*)?"),
    ("virsh", r"virsh -c '[^']+' \S.*"),
    ("run", rf"{LAB}pyinfra inventories/(lab|vagrant)\.py deploy\.py( .*)?"),
    (
        "run",
        rf"{LAB}miglab (up|suspend|box|down|status|ssh|deploy|guest|migrate|edge|watch|doctor"
        r"|report|--help)( .*)?",
    ),
    ("run", r"(\. \.venv/bin/activate|cd \S+|ls|ls runs\S*|cat runs/\S+|ip netns list)"),
    ("run", r"/var/lib/miglab/labs/vagrant/vagrant \w+"),
    ("run", r"(podman ps|python -m json\.tool|ssh -F) .*"),
)
"""How a command is checked, by the first pattern that it matches as a whole.

``make``: the target is there; ``clone``: nothing to check; ``collect``: pytest finds its tests;
``virsh``: where that program is missing, the URI is opened in its place; ``run``: for real.
"""

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
OWN_LAB = re.compile(r"(--lab |MIGLAB_LAB=)(\S+)")
EXIT_CODE = re.compile(r"# exit code (\d+)")


@dataclass(frozen=True)
class Command:
    """One command of a document, on one line of text."""

    place: str
    text: str
    exit_code: int = 0

    @property
    def check(self) -> Check | None:
        """How it is checked; None for one that no pattern knows."""
        fits = (check for check, pattern in CHECKS if re.fullmatch(pattern, self.text))
        return next(fits, None)

    @property
    def own_lab(self) -> str | None:
        """The lab that it must have to itself: named, or any whose end it is."""
        if named := OWN_LAB.search(self.text):
            return named[2]
        return "docs" if re.match(r"miglab down\b", self.text) else None


def blocks(document: Path, language: str) -> Iterator[tuple[int, str]]:
    """Line number of the first line, and text, of every block in ``language``."""
    text = document.read_text()
    for block in BLOCK.finditer(text):
        if block[1] == language:
            yield text.count("\n", 0, block.start(2)) + 1, block[2]


def commands(document: Path) -> list[Command]:
    """Every command of ``document``, in order; a line that ends in a backslash goes on."""
    found: list[Command] = []
    for first, text in blocks(document, "console"):
        lines = enumerate(text.splitlines(), first)
        for number, line in lines:
            if line.startswith("$ "):
                words = line[2:]
                while words.endswith("\\"):
                    words = words[:-1].rstrip() + " " + next(lines)[1].strip()
                found.append(Command(f"{document.relative_to(ROOT)}:{number}", words))
            elif (code := EXIT_CODE.fullmatch(line)) and found:
                last = found.pop()
                found.append(Command(last.place, last.text, int(code[1])))
    return found


def declarations(document: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Place and content of every ``yaml`` block that is a part of a declaration."""
    for line, text in blocks(document, "yaml"):
        content = yaml.safe_load(text)
        if set(content) <= {"network", "share", "nodes", "guest"}:
            yield f"{document.relative_to(ROOT)}:{line}", content
