"""The embedded lab: nodes as containers on this machine, brought up, healed, and taken down."""

import os
import shutil
import socket
from collections.abc import Callable, Iterator

from miglab.deadline import Deadline
from miglab.errors import LabError, NodeError
from miglab.lab import access, container, fabric, image
from miglab.lab.lock import held
from miglab.lab.namespace import open_socket
from miglab.lab.parallel import each
from miglab.lab.place import Place
from miglab.topology import Node, Topology
from miglab.values import Value

Say = Callable[[str], None]


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


class EmbeddedLab:
    """Three (or more) machines that exist in namespaces of this one."""

    origin = "embedded"

    def __init__(self, place: Place, topology: Topology) -> None:
        self.place = place
        self.topology = topology

    def up(self, say: Say = lambda _: None) -> list[str]:
        """Makes what is missing and heals what is broken; what was changed, in words."""
        require_root()
        with held(self.place.lock):
            return list(self._up(say))

    def _up(self, say: Say) -> Iterator[str]:
        nodes = self.topology.nodes
        yield from self._images(say)
        access.write_access(self.place, self.topology)
        yield from self._remove_strangers()
        container.end_strays(self.place)
        say("making sure of the network")
        if fabric.ensure_fabric(self.place, self.topology.network):
            yield "network"
        present = container.containers(self.place)
        changed = each(lambda node: self._ensure_node(node, present.get(node.name), say), nodes)
        yield from (node.name for node, change in zip(nodes, changed, strict=True) if change)
        each(lambda node: self._await(node, say), nodes)
        each(self._await_network, [n for n, new in zip(nodes, changed, strict=True) if new])

    def _images(self, say: Say) -> Iterator[str]:
        distinct = {image.tag(node): node for node in self.topology.nodes}
        missing = [node for tag, node in distinct.items() if not image.exists(tag)]
        for node in missing:
            say(f"building the image of {node.role} nodes, {node.os} (a minute, once)")
        for node, built in zip(missing, each(image.ensure, missing), strict=True):
            if built:
                yield f"image {image.tag(node)}"

    def _remove_strangers(self) -> Iterator[str]:
        """Nodes that the declaration no longer names, or has given another system."""
        declared = {node.name: image.tag(node) for node in self.topology.nodes}
        for name, found in container.containers(self.place).items():
            if declared.get(name) != found.image:
                container.remove([found.name])
                yield f"{name} removed"

    def _ensure_node(self, node: Node, found: container.Container | None, say: Say) -> bool:
        path = self.place.namespace_path(node.name)
        if found and found.running and found.is_in(path):
            plugged = fabric.ensure_cable(self.place, self.topology.network, node)
            if self._is_reachable(node, seconds=5):
                return plugged
        access.forget(self.place, node.name)
        if found and found.running:  # a reboot gives it another namespace, and starts its sshd
            say(f"{node.name}: not at {node.address}, switching off")
            container.stop(self.place, node.name)
            found = container.containers(self.place).get(node.name)
        fabric.renew_namespace(self.place.node(node.name))
        fabric.ensure_cable(self.place, self.topology.network, node)
        if found and found.is_off:
            say(f"{node.name}: switching on")
            container.start(self.place, node.name)
        else:
            say(f"{node.name}: booting {node.os}")
            container.remove([found.name] if found else [])
            container.create(self.place, self.topology.network, self.topology.share, node)
        return True

    def _await(self, node: Node, say: Say) -> None:
        say(f"{node.name}: waiting for ssh")
        Deadline(60).until(
            lambda: access.answers(self.place, node.name),
            lambda: NodeError(
                f"{node.name}: no answer over ssh within 60 s;"
                f" `podman logs {self.place.node(node.name)}` shows its console"
            ),
        )

    def _await_network(self, node: Node) -> None:
        """A node that has just been switched on answers at its address, not only on its console."""
        if not self._is_reachable(node, seconds=20):
            raise NodeError(f"{node.name}: no answer at {node.address} within 20 s of booting")

    def _is_reachable(self, node: Node, seconds: float) -> bool:
        """Whether the node's sshd answers on the lab's network before ``seconds`` are over."""

        def probe() -> bool:
            with self.socket(socket.AF_INET, socket.SOCK_STREAM) as channel:
                channel.settimeout(1)
                return channel.connect_ex((str(node.address), 22)) == 0

        try:
            return Deadline(seconds).until(probe, TimeoutError)
        except TimeoutError:
            return False

    def reboot(self, node: Node) -> None:
        """Switches one node off and on: its network interfaces are new, its disk is kept."""
        with held(self.place.lock):
            container.stop(self.place, node.name)
            found = container.containers(self.place).get(node.name)
            self._ensure_node(node, found, lambda _: None)
            self._await(node, lambda _: None)
            self._await_network(node)

    def down(self, say: Say = lambda _: None) -> None:
        """Leaves nothing of the lab behind, whatever state it is in."""
        take_down(self.place, say)

    def require_up(self) -> None:
        """Raises LabError unless there is a lab to speak to, and the right to do so."""
        require_root()
        if not self.place.ssh_command.exists():
            raise LabError(f"lab {self.place.name}: is not up; `miglab up` brings it up")

    def status(self) -> LabStatus:
        """What every declared node is doing now."""
        require_root()
        present = container.containers(self.place)

        def look(node: Node) -> NodeStatus:
            found = present.get(node.name)
            running = bool(found and found.running)
            return NodeStatus(
                name=node.name,
                role=node.role,
                address=str(node.address),
                os=node.os,
                state=found.state if found else "absent",
                reachable=running and access.answers(self.place, node.name, seconds=5),
            )

        nodes = tuple(each(look, self.topology.nodes))
        up = all(node.reachable for node in nodes)
        return LabStatus(
            lab=self.place.name,
            origin=self.origin,
            up=up,
            ssh_config=str(self.place.ssh_config),
            ssh_command=str(self.place.ssh_command),
            nodes=nodes,
        )

    def socket(self, family: int, kind: int, protocol: int = 0) -> socket.socket:
        """A socket on the lab's network, where clients of the guest sit."""
        return open_socket(self.place.namespace_path(), family, kind, protocol)


def take_down(place: Place, say: Say = lambda _: None) -> None:
    """Removes everything that carries the lab's prefix; no declaration is needed to find it."""
    require_root()
    with held(place.lock):
        say("removing nodes")
        container.remove(found.name for found in container.containers(place).values())
        container.end_strays(place)
        access.forget(place)
        fabric.remove_namespaces(place)
        shutil.rmtree(place.directory, ignore_errors=True)
        image.sweep()
    if place.directory.exists():
        raise LabError(f"{place.directory}: cannot be removed; is something mounted there?")


def machine_memory() -> int:
    """Bytes of memory this machine has."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def require_root() -> None:
    """Raises LabError for anybody else."""
    if os.geteuid() != 0:
        raise LabError("root is needed: the lab makes network namespaces and boots containers")
