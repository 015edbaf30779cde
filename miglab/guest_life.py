"""Starting, ending and asking the guest of a lab."""

import socket
from collections.abc import Callable

from miglab import guest_memory
from miglab.deadline import Deadline
from miglab.errors import GuestError, UsageError
from miglab.guest.control import GuestControl
from miglab.guest.status import GuestStatus
from miglab.lab import guest_disk
from miglab.lab.access import on_node
from miglab.lab.lab import Lab
from miglab.lab.lock import held
from miglab.migration.fleet import Fleet
from miglab.observe import echo
from miglab.topology import GuestSystem

BOOT_SECONDS: dict[GuestSystem, float] = {"payload": 30.0, "debian-13": 180.0, "foreign": 10.0}
BOOT_ATTEMPTS = 3


def control(lab: Lab) -> GuestControl:
    """A line to the program in the guest."""
    channel = lab.socket(socket.AF_INET, socket.SOCK_DGRAM)
    return GuestControl(channel, lab.topology.guest.address, patience=lab.patience)


def fleet(lab: Lab) -> Fleet:
    """Connections to the lab's hypervisors."""
    return Fleet(lab.topology, lab.place.ssh_command, lab.pace)


def start_guest(lab: Lab, say: Callable[[str], None]) -> tuple[str, GuestStatus | None]:
    """The host the guest runs on, and its first answer; one that runs already is left alone.

    A guest that our program is not in answers ping, and says nothing (None). One that is somebody's
    own is never started: GuestError if it does not run.

    An emulated boot can hang (a timer interrupt of the first CPU is acknowledged by the guest and
    stays in service in QEMU's APIC: seen once in some seventy boots, on a busy machine), so a guest
    that has never answered is started again, a few times.
    """
    lab.require_up()
    with held(lab.place.lock), fleet(lab) as hosts:
        if lab.topology.guest.foreign or hosts.runs():
            found = hosts.home().name, first_answer(lab)
        else:
            _require_no_namesake(lab, hosts)
            found = _start(lab, hosts, say)
        hosts.settle_autostart()
    return found


def _start(lab: Lab, hosts: Fleet, say: Callable[[str], None]) -> tuple[str, GuestStatus | None]:
    if not lab.topology.guest.ours:
        guest_disk.ensure(lab.place, lab.topology, say)
    elif lab.nested:
        return guest_memory.go_on(lab, hosts, say, start_guest), first_answer(lab)
    return _boot(lab, hosts, say)


def _boot(lab: Lab, hosts: Fleet, say: Callable[[str], None]) -> tuple[str, GuestStatus | None]:
    for attempt in range(1, BOOT_ATTEMPTS + 1):
        where = hosts.start_guest(lambda node, text: on_node(lab.place, node, text))
        say(f"{hosts.guest}: booting on {where}")
        try:
            return where, first_answer(lab)
        except GuestError as silence:
            hosts.stop_guest()
            say(f"{silence}: attempt {attempt} of {BOOT_ATTEMPTS} to boot it")
    raise GuestError(
        f"{hosts.guest}: did not boot on {where};"
        f" /var/log/libvirt/qemu/{hosts.guest}.console there is its console"
    )


def first_answer(lab: Lab) -> GuestStatus | None:
    """Waits for a guest that boots; raises GuestError when nothing comes."""
    guest = lab.topology.guest
    seconds = BOOT_SECONDS[guest.system]
    if guest.ours:
        with control(lab) as line:
            return line.status(seconds)
    with lab.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as channel:
        Deadline(seconds * lab.patience).until(
            lambda: echo.answers(channel, guest.address),
            lambda: GuestError(f"{guest.name}: no answer to ping from {guest.address}"),
        )
    return None


def stop_guest(lab: Lab) -> None:
    """Ends it on every host; raises UsageError for one that is somebody's own."""
    lab.require_up()
    if lab.topology.guest.foreign:
        raise UsageError(f"{lab.topology.guest.name}: is not ours to end")
    with held(lab.place.lock), fleet(lab) as hosts:
        _require_no_namesake(lab, hosts)
        hosts.stop_guest()


def _require_no_namesake(lab: Lab, hosts: Fleet) -> None:
    """On hosts that are not ours, a guest of that name may not be either: GuestError then."""
    if lab.origin == "site" and (others := hosts.namesakes()):
        raise GuestError(
            f"{hosts.guest}: expected no other guest of that name, found one that we did not make"
            f" on {', '.join(others)}; give ours another name in the declaration"
        )


def ask_guest(lab: Lab) -> GuestStatus:
    """What it says of itself; raises GuestError if it runs nowhere, or cannot say anything."""
    lab.require_up()
    guest = lab.topology.guest
    if not guest.ours:
        raise GuestError(f"{guest.name}: {guest.system} has no program of ours in it to ask")
    with fleet(lab) as hosts:
        hosts.home()
    with control(lab) as line:
        return line.status()
