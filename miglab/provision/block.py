"""Our lines in a file that others write too, between two marks; the rest is left as it is."""

import shlex
from collections.abc import Generator

BEGIN, END = "# BEGIN miglab", "# END miglab"


def write_commands(path: str, found: str | None, wanted: str, mode: str) -> Generator[str]:
    """Makes ``wanted`` the content of ``path`` at a stroke, if it was not ``found`` there."""
    if wanted != found:
        directory, quoted = path.rpartition("/")[0], shlex.quote(wanted)
        yield f"umask 077 && mkdir -p {directory} && printf %s {quoted} > {path}.new"
        yield f"chmod {mode} {path}.new && mv {path}.new {path}"


def with_block(text: str, lines: list[str]) -> str:
    """``text`` with our block replaced, or appended if it had none."""
    before, _, after = parts(text)
    return "".join(f"{line}\n" for line in [*before, BEGIN, *lines, END, *after])


def block_lines(text: str) -> list[str]:
    """What stands in our block."""
    return parts(text)[1]


def parts(text: str) -> tuple[list[str], list[str], list[str]]:
    """The lines before our block, in it, and after it.

    Where the end mark was lost, nobody can say which lines are ours: then they are all others'.
    """
    lines = text.removesuffix("\n").split("\n") if text else []
    if BEGIN not in lines:
        return lines, [], []
    start = lines.index(BEGIN)
    before, rest = lines[:start], lines[start + 1 :]
    end = rest.index(END) if END in rest else -1
    return (before, rest[:end], rest[end + 1 :]) if end >= 0 else (before, [], rest)
