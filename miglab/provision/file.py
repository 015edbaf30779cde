"""Whole files of ours, replaced at a stroke."""

from collections.abc import Generator

from pyinfra import host
from pyinfra.api.operation import operation

from miglab.provision.block import WRITTEN, write_commands
from miglab.provision.facts.system import Text


@operation()
def file(path: str, text: str, mode: str = "0644") -> Generator[str]:
    """``path`` holds ``text``; pyinfra's own ``files.put`` writes over what is being read."""
    yield from write_commands(path, host.get_fact(Text, path=path), text, mode)


@operation()
def absent(path: str) -> Generator[str]:
    """A file that we wrote is no more; another's stays."""
    if WRITTEN.strip() in (host.get_fact(Text, path=path) or ""):
        yield f"rm -f {path}"
