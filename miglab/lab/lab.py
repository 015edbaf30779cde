"""What every lab is, wherever its nodes come from."""

import os
import socket
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from ipaddress import IPv4Address
from pathlib import Path

from miglab.errors import LabError, UsageError
from miglab.lab import access
from miglab.lab.namespace import open_socket
from miglab.lab.parallel import each
from miglab.lab.place import PATIENCE, Origin, Place
from miglab.topology import Node, Topology
from miglab.values import Value

Say = Callable[[str], None]
NESTED_PACE = 50.0


def silence(_: str) -> None:
    """For whoever wants no progress."""


class NodeStatus(Value):
    """One node as it is now."""

    name: str
    role: str
    address: str
    os: str
    state: str
    reachable: bool


class LabStatus(Value):
    """The lab as it is now; ``up`` when every declared node answers."""

    lab: str
    origin: str
    up: bool
    ssh_config: str
    ssh_command: str
    nodes: tuple[NodeStatus, ...]


class Lab(ABC):
    """Machines of one declaration, reached by one ssh_config."""

    origin: Origin
    has_switch = True
    """Whether the frames between the nodes pass where they can be seen."""

    def __init__(self, place: Place, topology: Topology) -> None:
        self.place = place
        self.topology = topology

    @property
    def nested(self) -> bool:
        """Whether guests are emulated by hosts that are emulated themselves."""
        return False

    @property
    def pace(self) -> float:
        """How many times as slowly as in a container things go that are measured here."""
        return NESTED_PACE if self.nested else 1

    @property
    def patience(self) -> float:
        """How many times as long as in containers a command may take."""
        return max(self.place.patience, PATIENCE["vagrant"] if self.nested else 1)

    @property
    def namespace(self) -> Path:
        """The network where clients of the guest sit."""
        return self.place.namespace_path()

    @property
    def client_address(self) -> IPv4Address:
        """What the guest knows those clients by."""
        return self.topology.network.gateway

    @property
    def reached(self) -> tuple[Node, ...]:
        """The nodes that have a shell for us."""
        return self.topology.nodes

    def system(self, node: Node) -> str:
        """Which distribution it runs."""
        return node.os

    @property
    def by_sudo(self) -> frozenset[str]:
        """The nodes where whoever comes by the ssh_config itself is not root yet."""
        return frozenset()

    @abstractmethod
    def up(self, say: Say = silence, recreate: Sequence[str] = ()) -> list[str]:
        """Makes what is missing and heals what is broken; what was changed, in words.

        The nodes named in ``recreate`` are made anew, and what was on their disks is lost.
        """

    @abstractmethod
    def down(self, say: Say = silence) -> None:
        """Leaves nothing of the lab behind, whatever state it is in."""

    def suspend(self, say: Say = silence) -> None:  # noqa: ARG002 - as where it can be done
        """Puts all nodes' memory on disk; ``up`` goes on where they were."""
        raise UsageError(f"lab {self.place.name}: only virtual machines can be suspended")

    @abstractmethod
    def reboot(self, node: Node) -> None:
        """Switches one node off and on; its disk is kept."""

    @abstractmethod
    def states(self) -> Mapping[str, str]:
        """Of each node that exists, by name, what its maker says it is doing."""

    def status(self) -> LabStatus:
        """What every declared node is doing now."""
        require_root()
        states = self.states()

        def look(node: Node) -> NodeStatus:
            return NodeStatus(
                name=node.name,
                role=node.role,
                address=str(node.address),
                os=self.system(node),
                state=states.get(node.name, "absent"),
                reachable=node.name in states and access.answers(self.place, node.name, seconds=5),
            )

        nodes = tuple(each(look, self.reached))
        return LabStatus(
            lab=self.place.name,
            origin=self.origin,
            up=all(node.reachable for node in nodes),
            ssh_config=str(self.place.ssh_config),
            ssh_command=str(self.place.ssh_command),
            nodes=nodes,
        )

    def require_up(self) -> None:
        """Raises LabError unless there is a lab to speak to, and the right to do so."""
        require_root()
        if not self.place.ssh_command.exists():
            raise LabError(f"lab {self.place.name}: is not up; `miglab up` brings it up")

    def socket(self, family: int, kind: int, protocol: int = 0) -> socket.socket:
        """A socket on the lab's network, where clients of the guest sit."""
        return open_socket(self.namespace, family, kind, protocol)


def require_names(names: Sequence[str], nodes: Sequence[Node]) -> None:
    """Raises UsageError for one that none of ``nodes`` has."""
    known = list(dict.fromkeys(node.name for node in nodes))
    if unknown := [name for name in names if name not in known]:
        raise UsageError(f"--recreate: expected one of {', '.join(known)}, found {unknown[0]!r}")


def machine_memory() -> int:
    """Bytes of memory this machine has."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def require_root() -> None:
    """Raises LabError for anybody else."""
    if os.geteuid() != 0:
        raise LabError(
            "root is needed: labs make network namespaces, boot machines and ping by raw sockets"
        )
