"""The tutorial as a script: what it has typed, and what it shows after that."""

import re
from pathlib import Path

from tests.documents import ROOT, Command, blocks, commands

TUTORIAL = ROOT / "docs" / "tutorial" / "kvm-live-migration.md"
PICTURE = re.compile(r"^!\[[^\]]+\]\(([\w-]+\.(?:svg|png))\)$", re.MULTILINE)

Step = list[Command] | Path


def script(page: Path) -> list[Step]:
    """Blocks of commands, and pictures, in the order in which they stand."""
    text = page.read_text()
    steps: dict[int, Step] = {
        text.count("\n", 0, found.start()) + 1: page.parent / found[1]
        for found in PICTURE.finditer(text)
    }
    for first, block in blocks(page, "console"):
        lines = range(first, first + block.count("\n"))
        steps[first] = [each for each in commands(page) if line(each) in lines]
    return [steps[number] for number in sorted(steps)]


def line(command: Command) -> int:
    """Where it stands."""
    return int(command.place.rpartition(":")[2])
