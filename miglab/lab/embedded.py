"""The embedded lab: nodes as containers on this machine, brought up, healed, and taken down."""

import socket
from collections.abc import Iterator, Sequence

from miglab.deadline import Deadline
from miglab.errors import NodeError
from miglab.lab import access, container, fabric, image
from miglab.lab.authority import ensure_certificates
from miglab.lab.clearing import clear
from miglab.lab.lab import Lab, Say, require_names, require_root, silence
from miglab.lab.lock import held
from miglab.lab.parallel import each
from miglab.lab.place import Place
from miglab.topology import Node


class EmbeddedLab(Lab):
    """Three (or more) machines that exist in namespaces of this one."""

    origin = "embedded"

    def up(self, say: Say = silence, recreate: Sequence[str] = ()) -> list[str]:
        """Makes what is missing and heals what is broken; what was changed, in words."""
        require_root()
        require_names(recreate, self.topology.nodes)
        with held(self.place.lock):
            container.remove(self.place.node(name) for name in recreate)
            return list(self._up(say))

    def _up(self, say: Say) -> Iterator[str]:
        nodes = self.topology.nodes
        yield from self._images(say)
        access.write_access(self.place, self.topology)
        ensure_certificates(self.place.pki, self.topology.hypervisors)
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
        kind = self.topology.share.kind
        distinct = {self._image(node): node for node in self.topology.nodes}
        missing = [node for tag, node in distinct.items() if not image.exists(tag)]
        for node in missing:
            say(f"building the image of {node.role} nodes, {node.os} (a minute, once)")
        done = each(lambda node: image.ensure(node, kind), missing)
        for node, built in zip(missing, done, strict=True):
            if built:
                yield f"image {self._image(node)}"

    def _image(self, node: Node) -> str:
        return image.tag(node, self.topology.share.kind)

    def _remove_strangers(self) -> Iterator[str]:
        """Nodes that the declaration no longer names, or has given another system."""
        declared = {node.name: self._image(node) for node in self.topology.nodes}
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
            self._ensure_node(node, found, silence)
            self._await(node, silence)
            self._await_network(node)

    def down(self, say: Say = silence) -> None:
        """Leaves nothing of the lab behind, whatever state it is in."""
        take_down(self.place, say)

    def states(self) -> dict[str, str]:
        """By podman."""
        return {name: found.state for name, found in container.containers(self.place).items()}


def take_down(place: Place, say: Say = silence) -> None:
    """Removes everything that carries the lab's prefix; no declaration is needed to find it."""
    require_root()
    with held(place.lock):
        say("removing nodes")
        container.remove(found.name for found in container.containers(place).values())
        container.end_strays(place)
        clear(place)
