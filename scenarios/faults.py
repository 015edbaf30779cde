"""Faults that are made in the middle of a migration, and undone; each is a deed for ``at``."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil

from miglab.deadline import Deadline
from miglab.guest_life import fleet
from miglab.lab.access import answers, on_node
from miglab.lab.embedded import EmbeddedLab
from scenarios.blackouts import process_on, qemu

Deed = Callable[[], object]

RESTART = "systemctl reset-failed libvirtd; systemctl restart libvirtd"
"""As an upgrade does; systemd is told to forget how often that was."""
PATIENCE = 90.0
"""Seconds: libvirtd that is ended while it begins waits half a minute for its own threads."""


def home_and_other(lab: EmbeddedLab) -> tuple[str, str]:
    """Where the guest is, and where it goes next."""
    with fleet(lab) as hosts:
        home = hosts.home()
        return home.name, hosts.target(home, None).name


def link_cut(lab: EmbeddedLab, node: str, seconds: float) -> Deed:
    """The cable of ``node`` leads nowhere for so long."""
    return lambda: _lasting(
        seconds, lambda: _link(lab, node, "down"), lambda: _link(lab, node, "up")
    )


def _lasting(seconds: float, begin: Deed, end: Deed) -> None:
    """How long it lasts is what the fault is; it is over whatever happens meanwhile."""
    begin()
    try:
        time.sleep(seconds)
    finally:
        end()


def _link(lab: EmbeddedLab, node: str, state: str) -> None:
    command = ["ip", "-n", lab.place.fabric, "link", "set", node, state]
    subprocess.run(command, check=True, capture_output=True)


def qemu_killed(lab: EmbeddedLab, node: str) -> Deed:
    """QEMU on ``node`` is gone at once."""
    return lambda: qemu(lab, node).kill()


def libvirtd_killed(lab: EmbeddedLab, node: str) -> Deed:
    """The daemon on ``node`` is killed; systemd starts another."""
    return lambda: _daemon(lab, node).kill()


def _daemon(lab: EmbeddedLab, node: str) -> psutil.Process:
    names = ("libvirtd", "virtqemud")
    return process_on(lab, node, lambda process: process.info["name"] in names)


def cancelled(lab: EmbeddedLab, node: str) -> Deed:
    """Somebody else gives the migration up."""

    def deed() -> None:
        with fleet(lab) as hosts:
            hosts.hosts[node].connection.lookupByName(hosts.guest).abortJob()

    return deed


def share_stalled(lab: EmbeddedLab, seconds: float) -> Deed:
    """The NFS server does nothing for so long; one in the kernel is not reached for so long."""
    node = lab.topology.storage.name

    def deed() -> None:
        server = process_on(lab, node, lambda process: process.info["name"] == "ganesha.nfsd")
        _lasting(seconds, server.suspend, server.resume)

    by_process = "ganesha" in on_node(lab.place, node, "ps -e -o comm=")
    return deed if by_process else link_cut(lab, node, seconds)


@contextmanager
def little_memory(lab: EmbeddedLab, node: str) -> Iterator[None]:
    """What libvirt starts on ``node`` while the block runs may not have the guest's memory."""
    daemon = _daemon(lab, node)
    room = daemon.memory_info().vms + int(lab.topology.guest.memory) // 2
    soft, hard = daemon.rlimit(psutil.RLIMIT_AS)
    daemon.rlimit(psutil.RLIMIT_AS, (room, hard))
    try:
        yield
    finally:
        daemon.rlimit(psutil.RLIMIT_AS, (soft, hard))


def await_libvirt(lab: EmbeddedLab) -> None:
    """Until every host's libvirt answers again, and one alone has the guest, and no job of it."""
    for node in lab.topology.hypervisors:
        Deadline(30).until(
            lambda node=node: (
                answers(lab.place, node.name)  # type: ignore[misc]
                and "miglab" in on_node(lab.place, node.name, "virsh uri >/dev/null; echo miglab")
            ),
            lambda node=node: AssertionError(f"{node.name}: libvirt does not answer"),  # type: ignore[misc]
        )
    Deadline(30).until(
        lambda: _at_rest(lab), lambda: AssertionError("a migration is still being cleaned up")
    )


def _at_rest(lab: EmbeddedLab) -> bool:
    """Of a guest that is at no place nothing is left to do either."""
    with fleet(lab) as hosts:
        found = [
            (host, state)
            for host, state in zip(hosts.hosts.values(), hosts.states(), strict=True)
            if state.state not in {"absent", "shut off"}
        ]
        jobs = [host.connection.lookupByName(hosts.guest).jobInfo()[0] for host, _ in found]
    return len(found) <= 1 and not any(jobs)


def ended(pid: int) -> Deed:
    """A process of ours is killed."""
    return lambda: os.kill(pid, signal.SIGKILL)
