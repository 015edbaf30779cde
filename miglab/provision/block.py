"""Our lines in a file that others write too, between two marks; the rest is left as it is."""

import shlex
from collections.abc import Iterator

from pyinfra import host
from pyinfra.api.operation import operation

from miglab.provision.facts import Text

BEGIN, END = "# BEGIN miglab", "# END miglab"


@operation()
def block(path: str, lines: list[str], mode: str = "0644") -> Iterator[str]:
    """``lines`` stand in ``path`` between our marks."""
    yield from block_commands(path, host.get_fact(Text, path=path), lines, mode)


def block_commands(
    path: str, found: str | None, lines: list[str], mode: str = "0600"
) -> Iterator[str]:
    """Makes ``lines`` the content of our block in ``path``, and leaves the rest as it is."""
    wanted = with_block(found or "", lines)
    if wanted != found:
        quoted = shlex.quote(wanted)
        yield f"umask 077 && mkdir -p {path.rpartition('/')[0]} && printf %s {quoted} > {path}.new"
        yield f"chmod {mode} {path}.new && mv {path}.new {path}"


def with_block(text: str, lines: list[str]) -> str:
    """``text`` with our block replaced, or appended if it had none."""
    block = "\n".join([BEGIN, *lines, END]) + "\n"
    before, begin, rest = text.partition(BEGIN + "\n")
    if not begin:
        return text + ("" if not text or text.endswith("\n") else "\n") + block
    return before + block + rest.partition(END + "\n")[2]
