"""A lab of a scenario's own, beside the session's."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from miglab.declaration import load
from miglab.lab.deployment import HOME, deploy
from miglab.lab.embedded import EmbeddedLab
from miglab.lab.place import Place


@contextmanager
def own_lab(name: str, declaration: Path) -> Iterator[EmbeddedLab]:
    """Up and provisioned for the block, and gone after it."""
    opened = EmbeddedLab(Place(name), load(declaration))
    try:
        opened.up()
        deploy(opened.place, declaration, HOME)
        yield opened
    finally:
        opened.down()
