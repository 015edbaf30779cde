"""Starting, ending and asking the guest of a lab."""

import socket
from collections.abc import Callable

from miglab.guest.control import GuestControl
from miglab.guest.status import GuestStatus
from miglab.lab.access import on_node
from miglab.lab.embedded import EmbeddedLab
from miglab.lab.lock import held
from miglab.migration.fleet import Fleet

BOOT_SECONDS = 60.0


def control(lab: EmbeddedLab) -> GuestControl:
    """A line to the program in the guest."""
    channel = lab.socket(socket.AF_INET, socket.SOCK_DGRAM)
    return GuestControl(channel, lab.topology.guest.address)


def fleet(lab: EmbeddedLab) -> Fleet:
    """Connections to the lab's hypervisors."""
    return Fleet(lab.topology, lab.place.ssh_command)


def start_guest(lab: EmbeddedLab, say: Callable[[str], None]) -> tuple[str, GuestStatus]:
    """The host it runs on, and its first answer."""
    lab.require_up()
    with held(f"lab {lab.place.name}"), fleet(lab) as hosts:
        say("starting the guest")
        where = hosts.start_guest(lambda node, text: on_node(lab.place, node, text))
    say(f"{lab.topology.guest.name}: booting on {where}")
    with control(lab) as guest:
        return where, guest.status(BOOT_SECONDS)


def stop_guest(lab: EmbeddedLab) -> None:
    """Ends it on every host."""
    lab.require_up()
    with held(f"lab {lab.place.name}"), fleet(lab) as hosts:
        hosts.stop_guest()


def ask_guest(lab: EmbeddedLab) -> GuestStatus:
    """What it says of itself; raises GuestError if it runs nowhere."""
    lab.require_up()
    with fleet(lab) as hosts:
        hosts.home()
    with control(lab) as guest:
        return guest.status()
