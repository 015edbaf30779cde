"""Starting, ending and asking the guest of a lab."""

import socket
from collections.abc import Callable

from miglab.errors import GuestError
from miglab.guest.control import GuestControl
from miglab.guest.status import GuestStatus
from miglab.lab.access import on_node
from miglab.lab.embedded import EmbeddedLab
from miglab.lab.lock import held
from miglab.migration.fleet import Fleet

BOOT_SECONDS = 30.0
BOOT_ATTEMPTS = 3


def control(lab: EmbeddedLab) -> GuestControl:
    """A line to the program in the guest."""
    channel = lab.socket(socket.AF_INET, socket.SOCK_DGRAM)
    return GuestControl(channel, lab.topology.guest.address)


def fleet(lab: EmbeddedLab) -> Fleet:
    """Connections to the lab's hypervisors."""
    return Fleet(lab.topology, lab.place.ssh_command)


def start_guest(lab: EmbeddedLab, say: Callable[[str], None]) -> tuple[str, GuestStatus]:
    """The host the guest runs on, and its first answer; one that runs already is left alone.

    An emulated boot can hang (a timer interrupt of the first CPU is acknowledged by the guest and
    stays in service in QEMU's APIC: seen once in some seventy boots, on a busy machine), so a guest
    that has never answered is started again, a few times.
    """
    lab.require_up()
    with held(lab.place.lock), fleet(lab) as hosts, control(lab) as guest:
        if hosts.runs():
            return hosts.home().name, guest.status(BOOT_SECONDS)
        for attempt in range(1, BOOT_ATTEMPTS + 1):
            where = hosts.start_guest(lambda node, text: on_node(lab.place, node, text))
            say(f"{hosts.guest}: booting on {where}")
            try:
                return where, guest.status(BOOT_SECONDS)
            except GuestError as silence:
                hosts.stop_guest()
                say(f"{silence}: attempt {attempt} of {BOOT_ATTEMPTS} to boot it")
    raise GuestError(
        f"{hosts.guest}: did not boot on {where};"
        f" /var/log/libvirt/qemu/{hosts.guest}.console there is its console"
    )


def stop_guest(lab: EmbeddedLab) -> None:
    """Ends it on every host."""
    lab.require_up()
    with held(lab.place.lock), fleet(lab) as hosts:
        hosts.stop_guest()


def ask_guest(lab: EmbeddedLab) -> GuestStatus:
    """What it says of itself; raises GuestError if it runs nowhere."""
    lab.require_up()
    with fleet(lab) as hosts:
        hosts.home()
    with control(lab) as guest:
        return guest.status()
