"""What a lab's virtual machines are made of, written down when they are made."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, Self

from pydantic import ValidationError

from miglab.errors import LabError
from miglab.lab import boxes
from miglab.lab.keys import write_private
from miglab.lab.lab import Say
from miglab.lab.place import Place
from miglab.topology import Node, Topology
from miglab.values import Value

KVM_WORKS = Path(__file__).with_name("kvm_works.sh")
FILE = "machines.json"
MADE_OF = ("role", "address", "nic_mac", "os")
"""What a machine is made with; the rest of the declaration is for provisioning to follow."""


class Machines(Value):
    """The Vagrantfile reads this: the declaration, boxes by system, libvirt's way to run them."""

    topology: Topology
    boxes: dict[str, str]
    driver: Literal["kvm", "qemu"]

    @classmethod
    def read(cls, place: Place) -> Self | None:
        """Those of the lab, if it has any."""
        path = place.directory / FILE
        try:
            return cls.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return None
        except ValidationError as error:
            raise LabError(f"{path}: cannot be read ({error.title}); remove the lab") from None

    def write(self, place: Place) -> None:
        """Whole, before anything is made by it."""
        write_private(place.directory / FILE, self.model_dump_json(indent=2).encode())

    def has(self, name: str) -> bool:
        """Whether there is a machine of that name."""
        return self.topology.node(name) is not None

    def differences(self, declared: Topology) -> dict[str, str]:
        """By machine, in what it is no longer as it is declared."""
        found = {
            made.name: _difference(made, declared.node(made.name)) for made in self.topology.nodes
        }
        return {name: how for name, how in found.items() if how}


def _difference(made: Node, declared: Node | None) -> str:
    if declared is None:
        return "is made and no longer declared"
    return ", ".join(_changes(made, declared))


def _changes(made: Node, declared: Node) -> Iterator[str]:
    for key in MADE_OF:
        if (was := getattr(made, key)) != (now := getattr(declared, key)):
            yield f"was made with {key} {was}, and is declared with {now}"


def decide(topology: Topology, known: Machines | None, say: Say) -> Machines:
    """For machines of ``topology``; a lab that has machines keeps its boxes and its driver."""
    if known is None:
        driver: Literal["kvm", "qemu"] = "kvm" if kvm_works() else "qemu"
        say(
            f"machines run by {driver}" + ("" if driver == "kvm" else ", for KVM runs nothing here")
        )
        known = Machines(topology=topology, boxes={}, driver=driver)
    found = boxes.choose(topology, known.boxes, say)
    return known.model_copy(update={"topology": topology, "boxes": found})


def kvm_works() -> bool:
    """Found by running a machine's firmware with it."""
    return not subprocess.run(["sh", KVM_WORKS], capture_output=True, check=False).returncode
