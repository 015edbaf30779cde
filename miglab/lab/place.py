"""The names and paths of one lab; all it makes carries its prefix, so it can be found again."""

import os
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from miglab.errors import UsageError

Origin = Literal["embedded", "vagrant", "site"]
PATIENCE: dict[Origin, float] = {"embedded": 1, "vagrant": 10, "site": 2}
"""How many times as long as in containers things may take: virtual machines may be emulated."""

NETNS = Path("/run/netns")


def state_root() -> Path:
    """The directory above all labs (``MIGLAB_STATE``, default /var/lib/miglab)."""
    return Path(os.environ.get("MIGLAB_STATE", "/var/lib/miglab"))


@dataclass(frozen=True)
class Place:
    """What belongs to the lab ``name``: nothing without this prefix is ever touched."""

    name: str = "default"

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9-]{0,19}", self.name):
            raise UsageError(
                "--lab: expected up to 20 lower-case letters, digits and dashes,"
                f" found {self.name!r}"
            )

    @property
    def origin(self) -> Origin:
        """Where its nodes come from: ``vagrant``, ``site``, or these and more behind a dash."""
        match self.name.split("-")[0]:
            case "vagrant" | "site" as origin:
                return origin
            case _:
                return "embedded"

    @property
    def patience(self) -> float:
        """How many times as long as in containers things may take."""
        return PATIENCE[self.origin]

    @cached_property
    def directory(self) -> Path:
        """Keys, ssh_config, seeds and the share's storage of this lab."""
        return state_root() / "labs" / self.name

    @property
    def ssh_config(self) -> Path:
        """The one way in, for our own tools and for ``ssh -F``."""
        return self.directory / "ssh_config"

    @property
    def ssh_command(self) -> Path:
        """``ssh`` with this lab's configuration, for programs that only take a command."""
        return self.directory / "ssh"

    @property
    def pki(self) -> Path:
        """The lab's certificate authority, and what it vouches for."""
        return self.directory / "pki"

    @property
    def fabric(self) -> str:
        """The namespace that holds the lab's network."""
        return f"miglab.{self.name}"

    @property
    def lock(self) -> str:
        """What is held by whoever changes the lab or moves its guest."""
        return f"lab {self.name}"

    def node(self, node: str) -> str:
        """The container, and the network namespace, of one node."""
        return f"{self.fabric}.{node}"

    def seed(self, node: str) -> Path:
        """What a node is given before its first boot: its keys and its first address."""
        return self.directory / "nodes" / node

    def namespace_path(self, node: str | None = None) -> Path:
        """Where the fabric's (or a node's) namespace is pinned."""
        return NETNS / (self.node(node) if node else self.fabric)

    def namespaces(self) -> list[str]:
        """Names of the namespaces of this lab that exist, the fabric's last."""
        names = [path.name for path in NETNS.glob(f"{self.fabric}*")]
        mine = [n for n in names if n == self.fabric or n.startswith(f"{self.fabric}.")]
        return sorted(mine, key=len, reverse=True)
