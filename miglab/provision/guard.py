"""A change that may cut a host off is undone by the host itself, unless it is told to stay.

The host keeps the files it has and sets a timer before anything changes; what ends the timer comes
over a new connection, so it only arrives if the host can still be reached.
"""

import shlex
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pyinfra.api.command import FunctionCommand

SECONDS = 180  # a new connection takes a few, of an emulated machine a hundred
UNDONE = "undone"  # is there once undoing has begun
DIRECTORY = "/var/lib/miglab"


@dataclass(frozen=True)
class Guard:
    """What to put back: ``paths``, between what ``release`` and ``restore`` do.

    ``release`` lets go of what the new files made, ``restore`` has the old ones take effect.
    """

    name: str
    paths: tuple[str, ...]
    release: str
    restore: str

    @property
    def directory(self) -> str:
        """Where the host keeps what it had."""
        return f"{DIRECTORY}/before-{self.name}"

    @property
    def timer(self) -> str:
        """The unit that undoes."""
        return f"miglab-undo-{self.name}"


def guarded(guard: Guard, commands: Iterable[str]) -> Generator[str | FunctionCommand]:
    """``commands``, undone in some minutes after the host could not be reached any more."""
    yield from arm(guard)
    yield from commands
    yield FunctionCommand(reconnect, (), {})
    yield disarm(guard)


def arm(guard: Guard, seconds: int = SECONDS) -> Iterator[str]:
    """Keeps the files and sets the timer; an earlier one that still runs is an error."""
    timer, directory = guard.timer, guard.directory
    yield (
        f"if systemctl --quiet is-active {timer}.timer {timer}.service; then echo"
        " 'an earlier change of the network is about to be undone: run again in some minutes' >&2;"
        " exit 1; fi"
    )
    yield f"rm -rf {directory} && mkdir -p -m 0700 {directory}"
    for number, path in enumerate(guard.paths):
        yield f"if test -e {path}; then cp -a {path} {directory}/{number}; fi"
    yield f"printf %s {shlex.quote(undo_script(guard))} > {directory}/undo"
    yield (
        f"systemd-run --quiet --collect --unit={timer} --on-active={seconds}"
        f" --timer-property=AccuracySec=1s sh {directory}/undo"
    )


def undo_script(guard: Guard) -> str:
    """Puts back what was there and takes away what was not; goes on if a step fails."""
    back = [
        f"if test -e {guard.directory}/{number}; then"
        f" cp -a {guard.directory}/{number} {path}; else rm -f {path}; fi"
        for number, path in enumerate(guard.paths)
    ]
    began = f"touch {guard.directory}/{UNDONE}"
    return "".join(f"{line}\n" for line in (began, guard.release, *back, guard.restore) if line)


def disarm(guard: Guard) -> str:
    """Ends the timer; an error where it was too late, even if by so little that it still undoes."""
    return (
        f"systemctl stop {guard.timer}.timer && ! systemctl --quiet is-active {guard.timer}.service"
        f" && ! test -e {guard.directory}/{UNDONE} && rm -rf {guard.directory} ||"
        f" {{ echo 'the former network was put back: nobody could log in for {SECONDS} s' >&2;"
        " exit 1; }"
    )


def reconnect(state: Any, host: Any) -> bool:  # noqa: ARG001  # pyinfra gives both or none
    """Whether the host lets us in over another connection than the one there was.

    A connector whose connections outlive a run has a way of its own; others connect once.
    """
    if anew := getattr(host.connector, "answers_anew", None):
        return bool(anew())
    host.disconnect()
    host.connect(reason="anew")
    return bool(host.connected)
