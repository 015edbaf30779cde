"""A guest's disk that lies on its host alone, and has to be taken along when the guest moves.

A qcow2 over a base that every host has: so all of it can be copied, or what differs from the base.
"""

from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Literal

from miglab.topology import Topology

NodeShell = Callable[[str, str], str]
DIRECTORY = PurePosixPath("/var/lib/miglab/disks")


def local_path(topology: Topology) -> PurePosixPath:
    """Where it lies on a host that has it."""
    return DIRECTORY / f"{topology.guest.name}.qcow2"


def _base_path(topology: Topology) -> PurePosixPath:
    return DIRECTORY / f"{topology.guest.name}.base"


def make(shell: NodeShell, topology: Topology, host: str) -> None:
    """A new, empty disk on ``host``; one that was there before is lost with all it held."""
    for each in topology.hypervisors:
        shell(each.name, _base_script(topology))
    shell(host, _disk_script(topology, "incremental"))


def prepare(
    shell: NodeShell, topology: Topology, host: str, copied: Literal["full", "incremental"]
) -> None:
    """What libvirt wants to find on a target before it copies: a disk of the size, holding nothing.

    (libvirt makes it by itself only where a storage pool lies over its directory.)
    """
    shell(host, f"{_base_script(topology)}\n{_disk_script(topology, copied)}")


def _base_script(topology: Topology) -> str:
    base, size = _base_path(topology), int(topology.guest.disk)
    return f"mkdir -p {DIRECTORY} && test -e {base} || truncate --size={size} {base}"


def _disk_script(topology: Topology, copied: Literal["full", "incremental"]) -> str:
    path, size = local_path(topology), int(topology.guest.disk)
    over = f" -b {_base_path(topology)} -F raw" if copied == "incremental" else ""
    return f"rm -f {path} && qemu-img create -q -f qcow2{over} {path} {size}"


def raw_copy(topology: Topology, to: str) -> str:
    """A shell script for the host that prints nothing and leaves what the guest sees in ``to``."""
    path = local_path(topology)
    return f"qemu-img convert -U -f qcow2 -O raw {path} {to}"
