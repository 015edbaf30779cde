"""The guest as libvirt is told of it: XML from the declaration and what the hosts can do."""

import re
import uuid
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from lxml import etree

from miglab.guest.boot import boot_directory
from miglab.guest.control import PORT
from miglab.guest.local_disk import local_path
from miglab.lab.guest_disk import disk_path
from miglab.topology import DISK_LUN, ISCSI_PORT, Topology
from miglab.values import Value

if TYPE_CHECKING:
    import jinja2

NAMESPACE = uuid.UUID("6d696767-6c61-5b62-8000-6d69676c6162")


class Cpu(Value):
    """A CPU model that every host has, with the features some lack switched off."""

    model: str = "qemu64"
    disabled: tuple[str, ...] = ()


class Platform(Value):
    """What all hosts of the guest have in common; ``pace`` is how many times too slow they are."""

    acceleration: str
    machine: str
    cpu: Cpu = Cpu()
    pooled: bool = False
    pace: float = 1


def domain_xml(topology: Topology, platform: Platform) -> str:
    """The domain; it names nothing that a target could lack. Raises nothing on a valid topology."""
    guest, share = topology.guest, topology.share
    text: str = _template().render(
        guest=guest,
        uuid=guest_uuid(topology),
        machine=platform.machine,
        acceleration=platform.acceleration,
        cpu=platform.cpu,
        pooled=platform.pooled,
        boot=boot_directory(),
        cmdline=kernel_command_line(topology, platform.pace),
        image=disk_path(topology),
        local=local_path(topology),
        server=topology.storage.address,
        share=share,
        iqn=topology.iqn,
        lun=DISK_LUN,
        iscsi_port=ISCSI_PORT,
        owner=share.owner,
        bridge=topology.network.bridge,
    )
    return text


def guest_uuid(topology: Topology) -> str:
    """The same for the same name and MAC, so a guest that we made is known again."""
    guest = topology.guest
    return str(uuid.uuid5(NAMESPACE, f"{guest.name} {guest.mac}"))


@cache
def _template() -> "jinja2.Template":
    import jinja2

    template: jinja2.Template = jinja2.Template(
        files("miglab.guest").joinpath("domain.xml.j2").read_text(),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )
    return template


def kernel_command_line(topology: Topology, pace: float = 1) -> str:
    """What the payload and its kernel are told; see docs/reference/payload.md.

    Where all goes many times as slowly, processors are stuck only after as many times as long: the
    kernel takes a minute as the longest threshold there is.
    """
    address = topology.network.interface(topology.guest.address)
    patience = "" if pace == 1 else f" watchdog_thresh={min(60, round(10 * pace))}"
    return (
        f"console=ttyS0 quiet cryptomgr.notests{patience}"
        f" miglab.address={address} miglab.port={PORT}"
    )


def newest_common_machine(capabilities: list[str], family: str = "pc-q35-") -> str | None:
    """The newest machine type of ``family`` that each host's capabilities XML names, if any."""
    offered = [
        {machine for machine in _machines(xml) if machine.startswith(family)}
        for xml in capabilities
    ]
    common = set.intersection(*offered) if offered else set()
    return max(common, key=lambda machine: _version(machine.removeprefix(family)), default=None)


def _machines(capabilities: str) -> set[str]:
    arch = etree.fromstring(capabilities.encode()).findall("guest/arch[@name='x86_64']")
    return {machine.text or "" for each in arch for machine in each.iter("machine")}


def _version(text: str) -> tuple[int, ...]:
    """``10.0`` as (10, 0), and a distribution's ``rhel9.6.0`` as (9, 6, 0)."""
    return tuple(map(int, re.findall(r"\d+", text)))
