"""``make pictures``: does what the tutorial says, and draws what is seen of it on the way.

An SVG shows the block of commands above it and all that they printed. A PNG shows virt-manager,
which also makes the migration that the tutorial clicks.
"""

import argparse
import sys
from contextlib import ExitStack
from pathlib import Path

from docs.pictures.desk import MANAGER, WIZARD, Desk, desk, lacking
from docs.pictures.page import TUTORIAL, Step, script
from docs.pictures.terminal import TOPOLOGY, draw, run
from miglab.declaration import load
from miglab.errors import LabError, MiglabError
from miglab.lab.embedded import EmbeddedLab, take_down
from miglab.lab.place import Place


class Painter:
    """At work in one lab; virt-manager is started for the first picture of it."""

    def __init__(self, lab: EmbeddedLab, stack: ExitStack) -> None:
        self._lab, self._stack = lab, stack
        self._desk: Desk | None = None
        self._said: list[tuple[str, str]] = []

    def do(self, step: Step) -> None:
        """Types a block of commands, or draws what is seen after it."""
        if isinstance(step, list):
            done = [each for each in step if each.check != "make"]  # we run: it is installed
            self._said = [(each.text, run(each, self._lab.place.name)) for each in done]
        elif step.suffix == ".svg":
            draw(self._said, step)
        else:
            self._photograph(step)

    def _photograph(self, path: Path) -> None:
        sitting = self._desk = self._desk or self._stack.enter_context(desk(self._lab))
        guest, (source, target, *_) = self._lab.topology.guest.name, self._hosts()
        match path.stem:
            case "virt-manager-source":
                sitting.await_listed({source: {guest: "Running"}, target: {}})
            case "virt-manager-migrate":
                sitting.ask_to_migrate(guest, target)
            case "virt-manager-target":
                sitting.migrate()
                sitting.await_listed({source: {}, target: {guest: "Running"}})
            case _:
                raise LabError(f"{path.name}: expected a name that is known here")
        sitting.photograph(WIZARD if path.stem == "virt-manager-migrate" else MANAGER, path)

    def _hosts(self) -> list[str]:
        return [node.name for node in self._lab.topology.hypervisors]


def main() -> int:
    """0 when all pictures are drawn; the lab is gone afterwards, whatever happened."""
    parser = argparse.ArgumentParser(prog="python -m docs.pictures", description=__doc__)
    parser.add_argument("--lab", default="tutorial", help="a lab of its own, gone at the end")
    place = Place(parser.parse_args().lab)
    lab = EmbeddedLab(place, load(TOPOLOGY))
    try:
        if why := lacking():
            raise LabError(why)
        with ExitStack() as stack:
            stack.callback(take_down, place)
            painter = Painter(lab, stack)
            for step in script(TUTORIAL):
                words = [each.text for each in step] if isinstance(step, list) else [step.name]
                sys.stderr.write("".join(f"{each}\n" for each in words))
                painter.do(step)
    except MiglabError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


sys.exit(main())
