"""The user's own machines as a lab: nothing is made of them, and nothing of theirs is removed."""

import shutil
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from ipaddress import IPv4Address
from pathlib import Path

from miglab.errors import DeclarationError, LabError, NodeError, UsageError
from miglab.lab import access
from miglab.lab.lab import Lab, LabStatus, Say, require_root, silence
from miglab.lab.lock import held
from miglab.lab.own import Own, inventory_path, read_inventory
from miglab.lab.own_access import refusal, write_own_access
from miglab.lab.parallel import each
from miglab.lab.place import Place
from miglab.topology import Node, Topology

PORT = 7  # whichever: nothing is sent
STATE = "own host"
EMULATED = "qemu"
ASKED, ASK_SECONDS = 2, 15
VIRTUAL = "systemd-detect-virt --vm || true"
"""Says ``kvm`` of a machine that QEMU runs by KVM, and ``qemu`` of one that it emulates."""
SYSTEM = '. /etc/os-release && echo "$ID-${VERSION_ID:-rolling}"'


class SiteLab(Lab):
    """Hosts that an inventory names, reached as their owner reaches them."""

    origin = "site"
    has_switch = False

    def __init__(self, place: Place, topology: Topology) -> None:
        """Raises DeclarationError where inventory and declaration do not go together."""
        super().__init__(place, topology)
        self.inventory = inventory_path()
        self.hosts = read_inventory(self.inventory)
        if problems := list(lacking(self.inventory, self.hosts, topology)):
            raise DeclarationError(problems)

    @cached_property
    def nested(self) -> bool:
        """Whether a hypervisor says of itself that it is emulated; a silent one does not."""
        return EMULATED in each(self._virtual, self.topology.hypervisors)

    def _virtual(self, node: Node) -> str:
        """As it says; one that is slow is asked again, since slow is what an emulated one is."""
        for _ in range(ASKED):
            with suppress(NodeError):
                return access.on_node(self.place, node.name, VIRTUAL, seconds=ASK_SECONDS).strip()
        return ""

    @property
    def namespace(self) -> Path:
        """The machine's own network."""
        return Path("/proc/self/ns/net")

    @cached_property
    def client_address(self) -> IPv4Address:
        """Whence this machine would send to the guest; raises LabError without a way there."""
        guest = self.topology.guest
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
            try:
                channel.connect((str(guest.address), PORT))
            except OSError as error:
                raise LabError(f"{guest.name}: no way to {guest.address}: {error}") from None
            return IPv4Address(channel.getsockname()[0])

    @property
    def reached(self) -> tuple[Node, ...]:
        """Declared and in the inventory: a storage server that stays as it is need not be."""
        return tuple(node for node in self.topology.nodes if node.name in self.hosts)

    def system(self, node: Node) -> str:
        """As the host itself says, since nobody declared it."""
        try:
            return access.on_node(self.place, node.name, SYSTEM).strip()
        except NodeError:
            return "?"

    @property
    def by_sudo(self) -> frozenset[str]:
        """Where another than root logs in."""
        return frozenset(name for name in self._names if not self.hosts[name].is_root)

    def up(self, say: Say = silence, recreate: Sequence[str] = ()) -> list[str]:
        """Looks whether every host answers as root; makes nothing. LabError names who does not."""
        if recreate:
            raise UsageError(f"--recreate: {', '.join(recreate)}: own hosts are not ours to make")
        self.require_up()
        say("own hosts: nothing is made, only looked for")
        found = dict(zip(self._names, each(self._refusal, self._names), strict=True))
        for name, problem in found.items():
            say(problem or f"{name}: answers")
        if away := [name for name, problem in found.items() if problem]:
            raise LabError(
                f"lab {self.place.name}: expected all {len(found)} hosts to answer as root,"
                f" not so {', '.join(away)}"
            )
        return []

    @property
    def _names(self) -> list[str]:
        return [node.name for node in self.reached]

    def _refusal(self, name: str) -> str | None:
        return refusal(self.place, self.hosts[name])

    def require_up(self) -> None:
        """Writes the way in, by the inventory as it is now; raises LabError without the right."""
        require_root()
        write_own_access(self.place, (self.hosts[name] for name in self._names))

    def down(self, say: Say = silence) -> None:
        """Removes what we keep of the hosts on this machine; the hosts stay as they are."""
        take_down(self.place, say)

    def reboot(self, node: Node) -> None:
        """Refused."""
        raise UsageError(f"{node.name}: own hosts are not ours to switch off")

    def states(self) -> Mapping[str, str]:
        """Nobody made them, so there is nothing to say."""
        return dict.fromkeys(self._names, STATE)

    def status(self) -> LabStatus:
        """Which of them answer now."""
        self.require_up()
        return super().status()


def lacking(inventory: Path, hosts: Mapping[str, Own], topology: Topology) -> list[str]:
    """What is declared and not in the inventory; of a share that exists only its address counts."""
    optional = topology.share.existing and not topology.guest.ours
    needed = topology.hypervisors if optional else topology.nodes
    return [
        f"{inventory}: expected a host {node.name}, which the declaration names, found"
        f" {', '.join(hosts)}"
        for node in needed
        if node.name not in hosts
    ]


def take_down(place: Place, say: Say = silence) -> None:
    """Forgets the way to the hosts, on which nothing is done."""
    require_root()
    with held(place.lock):
        say("own hosts stay as they are")
        access.forget(place)
        shutil.rmtree(place.directory, ignore_errors=True)
