"""Files of ours, and our lines in a file that others write too, between two marks."""

import shlex
from collections.abc import Generator

BEGIN, END = "# BEGIN miglab", "# END miglab"
WRITTEN = "# Written by miglab from the declaration: changes are overwritten.\n"
KEPT = ".before-miglab"
WRITES = " && printf %s "


def write_commands(path: str, found: str | None, wanted: str, mode: str) -> Generator[str]:
    """Makes ``wanted`` the content of ``path`` at a stroke, if it was not ``found`` there."""
    if wanted != found:
        directory, quoted = path.rpartition("/")[0], shlex.quote(wanted)
        yield from keep_commands(path, found)
        yield f"umask 077 && mkdir -p {directory}{WRITES}{quoted} > {path}.new"
        yield f"chmod {mode} {path}.new && {into_place(path)}"


def written(command: str) -> tuple[str, str] | None:
    """Path and content where ``command`` is one of ours that writes a file, else None."""
    if WRITES not in command:
        return None
    *_, content, _, target = shlex.split(command)
    return target.removesuffix(".new"), content


def keep_commands(path: str, found: str | None) -> Generator[str]:
    """Keeps what was ``found`` beside it, once, unless we wrote it, or lines in it."""
    if found is not None and WRITTEN.strip() not in found and BEGIN not in found:
        yield f"test -e {path}{KEPT} || cp -a {path} {path}{KEPT}"


def into_place(path: str) -> str:
    """``-Z`` gives the label that SELinux wants of a file there, and does nothing without it."""
    return f"mv -Z {path}.new {path}"


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
