"""The lab as virtual machines with kernels of their own, made by Vagrant from our Vagrantfile.

They live under a libvirtd of the lab's own, inside the lab's namespace, so that no address of
theirs appears on the machine's network.
"""

import time
from collections.abc import Iterator, Sequence
from functools import cached_property

from miglab.deadline import Deadline
from miglab.errors import LabError, NodeError
from miglab.lab import access, fabric, libvirtd
from miglab.lab.access import Way, answers
from miglab.lab.authority import ensure_certificates
from miglab.lab.clearing import clear
from miglab.lab.command import require
from miglab.lab.keys import ensure_key, write_private
from miglab.lab.lab import Lab, Say, require_names, require_root, silence
from miglab.lab.lock import held
from miglab.lab.machines import Machines, decide
from miglab.lab.parallel import each
from miglab.lab.place import Place
from miglab.lab.vagrant_program import VagrantProgram, up_seconds
from miglab.topology import Node

PROGRAMS = ("vagrant", "libvirtd", "virsh", "dnsmasq", "qemu-img")
ANSWER_SECONDS = 120


class VagrantLab(Lab):
    """Machines that boot kernels of their own."""

    origin = "vagrant"

    @property
    def nested(self) -> bool:
        """An emulated machine emulates its guests in turn."""
        made = Machines.read(self.place)
        return made is not None and made.driver == "qemu"

    def up(self, say: Say = silence, recreate: Sequence[str] = ()) -> list[str]:
        """Makes what is missing and heals what is broken; what was changed, in words.

        A machine that is declared otherwise than it was made is made anew only if it is one of
        ``recreate``; otherwise LabError says which these are.
        """
        require_root()
        for program in PROGRAMS:
            require(program, about=f"lab {self.place.name}", way="make install purpose=vagrant")
        with held(self.place.lock):
            return list(self._up(say, recreate))

    def _up(self, say: Say, recreate: Sequence[str]) -> Iterator[str]:
        self._keys()
        if fabric.ensure_outside(self.place):
            yield "network"
        if libvirtd.ensure(self.place):
            yield "libvirtd"
        known = Machines.read(self.place)
        yield from self._make_way(known, recreate, say)
        decide(self.topology, known, say).write(self.place)
        before = self.states()
        new = [node for node in self.topology.nodes if before.get(node.name) != "running"]
        if new:
            self._bring_up(say)
            yield from (node.name for node in new)
        access.write_access(self.place, self.topology, self._way)
        came = each(self._comes, self.topology.nodes)
        away = [n for n, is_there in zip(self.topology.nodes, came, strict=True) if not is_there]
        for node in away:
            say(f"{node.name}: runs and does not answer, switching off and on")
            self._reload(node)
            yield node.name
        if away:  # each may have another address now
            access.write_access(self.place, self.topology, self._way)
            each(self._await, away)
        each(self._set_clock, new)

    def _keys(self) -> None:
        """What the machines are given when they are made; see the Vagrantfile."""
        own = self.place.directory / "id_ed25519"
        write_private(own.with_suffix(".pub"), f"{ensure_key(own)}\n".encode())
        for node in self.topology.nodes:
            access.host_key(self.place, node)
        ensure_certificates(self.place.pki, self.topology.hypervisors)

    def _make_way(self, known: Machines | None, recreate: Sequence[str], say: Say) -> Iterator[str]:
        """Removes machines that are to be made anew; raises LabError if others ought to be."""
        made = known.topology.nodes if known else ()
        require_names(recreate, [*made, *self.topology.nodes])
        changed = known.differences(self.topology) if known else {}
        if unasked := {name: how for name, how in changed.items() if name not in recreate}:
            told = "; ".join(f"{name}: {how}" for name, how in unasked.items())
            words = " ".join(f"--recreate {name}" for name in unasked)
            raise LabError(
                f"lab {self.place.name}: {told}; `miglab up --lab {self.place.name} {words}` makes"
                " them anew, and what is on their disks is lost"
            )
        for name in recreate:
            if known and known.has(name):
                say(f"{name}: removing")
                self._vagrant.destroy(name)
                yield f"{name} removed"

    def _bring_up(self, say: Say) -> None:
        """By Vagrant; raises LabError with what the silent machines' consoles said last."""
        try:
            self._vagrant.up(say, up_seconds(len(self.topology.nodes)))
        except LabError as failure:
            silent = [n for n in self.topology.nodes if not answers(self.place, n.name, 1)]
            raise LabError("; ".join([str(failure), *map(self._shown, silent)])) from None

    def _reload(self, node: Node) -> None:
        """Switches off and on; raises LabError with what the console said last."""
        try:
            self._vagrant.reload(node.name)
        except LabError as failure:
            raise LabError(f"{failure}; {self._shown(node)}") from None

    def _shown(self, node: Node) -> str:
        return f"{node.name}'s console said last: {libvirtd.console(self.place, node.name)}"

    def _way(self, _: Place, node: Node) -> Way:
        """Over the network that Vagrant manages machines by, whose addresses are leased."""
        return Way(self.place.namespace_path(), libvirtd.address(self.place, node.name))

    def _comes(self, node: Node) -> bool:
        """Whether it answers in time; a machine that is only slow is asked again."""
        try:
            self._await(node)
        except NodeError:
            return False
        return True

    def _await(self, node: Node) -> None:
        Deadline(ANSWER_SECONDS).until(
            lambda: answers(self.place, node.name),
            lambda: NodeError(
                f"{node.name}: no answer over ssh within {ANSWER_SECONDS} s; {self._shown(node)}"
            ),
        )

    def _set_clock(self, node: Node) -> None:
        """A machine that was suspended knows nothing of the time that has passed."""
        access.on_node(self.place, node.name, f"date -u -s @{time.time():.2f}")

    def reboot(self, node: Node) -> None:
        """Switches one node off and on."""
        with held(self.place.lock):
            access.forget(self.place, node.name)
            self._reload(node)
            self._await(node)

    def suspend(self, say: Say = silence) -> None:
        """Puts the machines' memory on disk; ``up`` goes on where they were."""
        self.require_up()
        with held(self.place.lock):
            say("saving the memory of all machines")
            access.forget(self.place)
            self._vagrant.suspend()

    def down(self, say: Say = silence) -> None:
        """Leaves nothing of the lab behind, whatever state it is in; the box is kept."""
        take_down(self.place, say)

    def states(self) -> dict[str, str]:
        """By Vagrant."""
        return self._vagrant.states() if libvirtd.process(self.place) else {}

    @cached_property
    def _vagrant(self) -> VagrantProgram:
        return VagrantProgram(self.place)


def take_down(place: Place, say: Say = silence) -> None:
    """Ends everything that lives in the lab's network, and removes what it kept."""
    require_root()
    with held(place.lock):
        say("removing machines")
        libvirtd.end_all(place)
        clear(place)
