"""A terminal's picture as SVG: commands, and all that they print, in their own colours."""

import io
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from miglab.errors import LabError
from tests.documents import ROOT, Command

TOPOLOGY = ROOT / "inventories" / "topology.yaml"
WIDTH = 110
SECONDS = 900.0
FONTS = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)
"""Rich's picture asks a server for its font; whoever looks at ours asks nobody."""


def run(command: Command, lab: str) -> str:
    """What it prints, as on a terminal that wide; raises LabError when it ends otherwise."""
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "MIGLAB_LAB": lab,
        "MIGLAB_TOPOLOGY": str(TOPOLOGY),
        "FORCE_COLOR": "1",
        "COLUMNS": str(WIDTH),
    }
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command.text],
        cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, timeout=SECONDS, check=False,
    )  # fmt: skip
    if done.returncode != command.exit_code:
        raise LabError(
            f"{command.place}: `{command.text}` ended with {done.returncode},"
            f" expected {command.exit_code}: {done.stdout[-300:]}"
        )
    return done.stdout


def draw(said: Sequence[tuple[str, str]], path: Path) -> None:
    """Commands with what they printed, as ``path``."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    for command, output in said:
        console.print(Text.assemble(("$ ", "dim"), (command, "bold")))
        console.print(Text.from_ansi(output.rstrip("\n")))
    path.write_text(FONTS.sub("", console.export_svg(title="miglab")))
