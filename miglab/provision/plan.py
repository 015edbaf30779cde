"""What a deploy would do to a host: operations, commands, and files as they would differ."""

from collections.abc import Iterator
from difflib import unified_diff
from typing import Any

from pyinfra.api.command import FileUploadCommand, FunctionCommand
from pyinfra.api.host import Host

from miglab.provision.block import written
from miglab.provision.facts.system import Text

SECRET = "PRIVATE KEY"  # noqa: S105 - what marks one


def steps(host: Host) -> Iterator[str]:
    """Lines about every operation that would change ``host``; none if all is as it should be.

    One that only follows others is left out where nothing before it, in its role, would change.
    """
    changing = set()
    for op_hash in host.op_hash_order:
        operation = host.state.ops[host][op_hash]
        (name,) = host.state.op_meta[op_hash].names
        role, follows = name.partition(" | ")[0], bool(operation.global_arguments["_if"])
        if not operation.operation_meta._maybe_is_change or (follows and role not in changing):
            continue
        changing.add(role)
        yield f"{host.data.node}: {name}" + (" (if what it follows changes)" if follows else "")
        for command in list(operation.command_generator()):
            yield from (f"    {line}" for line in shown(host, command))


def shown(host: Host, command: Any) -> list[str]:
    """One command: a file by its difference, anything else as it is typed."""
    if isinstance(command, FunctionCommand):
        return [f"({command.function.__name__})"]
    if isinstance(command, FileUploadCommand):
        return _file(host, command.dest.removesuffix(".new"), _content(command))
    text = str(command)
    if (found := written(text)) is not None:
        return _file(host, *found)
    return [f"$ {line}" for line in text.splitlines()]


def _content(command: FileUploadCommand) -> str | None:
    """The text that would be uploaded; None for what is none."""
    if isinstance(command.src, str):
        return None
    command.src.seek(0)
    content = command.src.read()
    return content if isinstance(content, str) else None


def _file(host: Host, path: str, wanted: str | None) -> list[str]:
    if wanted is None or SECRET in wanted:
        return [f"{path} is written"]
    return difference(path, host.get_fact(Text, path=path), wanted)


def difference(path: str, found: str | None, wanted: str) -> list[str]:
    """From what is ``found`` at ``path`` to what is ``wanted``, as ``diff -u`` shows it."""
    before, after = (found or "").splitlines(), wanted.splitlines()
    name = "/dev/null" if found is None else path
    return list(unified_diff(before, after, name, path, lineterm="", n=2))
