"""Hosts of the user's own, by an inventory in pyinfra's form."""

import os
import runpy
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError

from miglab.declaration import problems_of
from miglab.errors import DeclarationError
from miglab.topology import Role
from miglab.values import Value

ANSWERS_SECONDS = 5
INVENTORY = "inventories/site.py"
PASSWORDS = {
    "ssh_password": "have a key let in there, by ssh-copy-id",
    "ssh_key_password": "give the key to ssh-agent, by ssh-add",
}
PYINFRA = (
    *("ssh_allow_agent", "ssh_look_for_keys", "ssh_forward_agent", "ssh_known_hosts_file"),
    *("ssh_strict_host_key_checking", "ssh_paramiko_connect_kwargs", "ssh_connect_retries"),
    *("ssh_connect_retry_min_delay", "ssh_connect_retry_max_delay", "ssh_file_transfer_protocol"),
)
"""What its own connector knows besides; to ours the user's ssh_config says such things."""


class Own(Value):
    """A host of the user's own; the keys are those of pyinfra's ``@ssh``."""

    name: str
    role: Role = "hypervisor"
    ssh_hostname: str | None = None
    ssh_user: str | None = None
    ssh_port: int | None = None
    ssh_key: str | None = None
    ssh_config_file: str | None = None

    @property
    def is_root(self) -> bool:
        """Whether we log in as root; as anybody else we go on by sudo, which may ask nothing."""
        return self.ssh_user in {None, "root"}

    def argv(self, command: str) -> list[str]:
        """The command line that reaches it."""
        options = {"-F": self.ssh_config_file, "-p": self.ssh_port, "-i": self.ssh_key}
        given = [word for key, value in options.items() if value for word in (key, str(value))]
        user = f"{self.ssh_user}@" if self.ssh_user else ""
        limits = ["-o", "BatchMode=yes", "-o", f"ConnectTimeout={ANSWERS_SECONDS}"]
        return ["ssh", *limits, *given, f"{user}{self.ssh_hostname or self.name}", command]


def inventory_path() -> Path:
    """The inventory of own hosts (``MIGLAB_INVENTORY``, default inventories/site.py)."""
    return Path(os.environ.get("MIGLAB_INVENTORY") or INVENTORY)


def declaration_path() -> Path:
    """The declaration that goes with it: of the same name, unless another is named."""
    return inventory_path().with_suffix(".yaml")


def read_inventory(path: Path) -> dict[str, Own]:
    """The hosts of an inventory file, which is Python as pyinfra's are; DeclarationError if wrong.

    Every public list is a group; a host is a name, or a name and its data. A host of a group
    called ``nfs`` or ``storage``, or with such a ``role``, serves the share.
    """
    try:
        found = runpy.run_path(str(path))
    except FileNotFoundError:
        raise DeclarationError([f"{path}: there is no such inventory"]) from None
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever somebody's file does
        raise DeclarationError([f"{path}: cannot be read: {error!r}"]) from None
    hosts: dict[str, Own] = {}
    for group, members in found.items():
        if not group.startswith("_") and isinstance(members, list | tuple):
            for member in members:
                own = _own(path, group, member)
                hosts[own.name] = own
    if (count := sum(own.role == "hypervisor" for own in hosts.values())) < 2:
        raise DeclarationError([f"{path}: expected two hypervisors or more, found {count}"])
    return hosts


def _own(path: Path, group: str, member: Any) -> Own:
    pair = (member, {}) if isinstance(member, str) else member
    if not (isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[1], dict)):
        raise DeclarationError(
            [f"{path}: {group}: expected a name, or a name and its data, found {member!r}"]
        )
    name, data = pair
    role = data.get("role", group if group in get_args(Role) else "hypervisor")
    if role not in get_args(Role):
        known = ", ".join(get_args(Role))
        raise DeclarationError([f"{path}: {name}: role: expected one of {known}, found {role!r}"])
    if problems := [f"{path}: {name}: {each}" for each in _unknown(data)]:
        raise DeclarationError(problems)
    given = {key: data[key] for key in Own.model_fields if key in data and key != "name"}
    try:
        return Own.model_validate({**given, "name": _bare(name), "role": role})
    except ValidationError as error:
        raise DeclarationError([f"{path}: {name}: {each}" for each in problems_of(error)]) from None


def _unknown(data: dict[str, Any]) -> list[str]:
    """What is wrong with the names of its keys; others than ssh's are whoever's."""
    ours = [key for key in Own.model_fields if key.startswith("ssh_")]
    asked = [key for key in data if str(key).startswith("ssh_")]
    words = {key: f"{key}: expected one of {', '.join(ours)}" for key in asked}
    words |= {
        key: f"{key}: expected no such key: nothing is asked; {PASSWORDS[key]}" for key in PASSWORDS
    }
    return [words[key] for key in asked if key not in ours and key not in PYINFRA]


def _bare(name: Any) -> Any:
    """``alice`` of ``@ssh/alice`` or ``@lab/site/alice``, whoever connects to it."""
    return name.rpartition("/")[2] if isinstance(name, str) and name.startswith("@") else name
