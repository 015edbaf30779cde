"""The way to hosts of the user's own: one ssh_config and one ``ssh``, from their inventory.

Whoever logs in there by another name than root goes on by sudo, so that all who come by this
``ssh`` (our scripts, pyinfra, libvirt) are root, as on every other lab's nodes.
"""

import re
import shlex
from collections.abc import Iterable, Iterator
from importlib.resources import files
from pathlib import Path

from miglab.errors import NodeError
from miglab.lab.access import shared, ssh_argv
from miglab.lab.command import attempt, last_words
from miglab.lab.keys import write_private
from miglab.lab.own import Own
from miglab.lab.place import Place

THEIRS = ("~/.ssh/config", "/etc/ssh/ssh_config")
SECONDS = 30.0
SSH_FAILED = 255


def write_own_access(place: Place, hosts: Iterable[Own]) -> None:
    """Writes ssh_config and the ``ssh`` wrapper of the lab (0600, 0700); makes no key."""
    known = list(hosts)
    text = f"Host *\n{shared(place)}" + "".join(map(host_block, known))
    write_private(place.ssh_config, text.encode())
    wrapper = files("miglab.lab").joinpath("own_ssh.sh").read_text()
    users = " ".join(own.name for own in known if not own.is_root)
    for mark, value in (("@CONFIG@", str(place.ssh_config)), ("@USERS@", users)):
        wrapper = wrapper.replace(mark, shlex.quote(value))
    write_private(place.ssh_command, wrapper.encode(), mode=0o700)


def host_block(own: Own) -> str:
    """What the inventory says, and after it whatever the user's own ssh_config does."""
    return "\n".join([f"Host {own.name}", *_lines(own), ""])


def _lines(own: Own) -> Iterator[str]:
    given = {"HostName": own.ssh_hostname, "User": own.ssh_user, "Port": own.ssh_port}
    yield from (f"  {key} {value}" for key, value in given.items() if value)
    if own.ssh_key:
        yield f'  IdentityFile "{_absolute(own.ssh_key)}"'
    for path in [_absolute(own.ssh_config_file)] if own.ssh_config_file else THEIRS:
        yield f'  Include "{path}"'


def _absolute(path: str) -> Path:
    return Path(path).expanduser().absolute()


def refusal(place: Place, own: Own) -> str | None:
    """Why ``own`` cannot be used as root, in a line; None if it can."""
    try:
        done = attempt(
            ssh_argv(place, own.name, ["id -u"]), about=own.name, error=NodeError, seconds=SECONDS
        )
    except NodeError as silence:
        return str(silence)
    who, words = own.ssh_user or "root", last_words(done)
    if done.returncode == SSH_FAILED:
        return f"{own.name}: no answer over ssh: {words}"
    if done.returncode and not own.is_root:
        told = re.sub(r"^(sudo|sh|bash): ", "", words)
        return (
            f"{own.name}: expected sudo that asks no password of {who} (NOPASSWD in sudoers),"
            f" found: {told}"
        )
    if done.returncode or done.stdout.strip() != "0":
        return (
            f"{own.name}: expected root, found uid {words}; name who logs in there as ssh_user"
            " in the inventory, and sudo is used"
        )
    return None
