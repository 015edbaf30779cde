"""Harm done to the guest behind its back, in a lab of ours, to see that it is seen.

Nothing here can harm anything but the guest of the lab it is given.
"""

import ctypes
import os
import re
import signal
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from miglab.deadline import Deadline
from miglab.guest.pages import GOLDEN, MASK, page_base
from miglab.guest_life import fleet
from miglab.lab.access import on_node
from miglab.lab.embedded import EmbeddedLab
from miglab.migration.listener import Listener
from miglab.observe.events import Event
from miglab.observe.journal import BASE, SIZE
from scenarios.blackouts import process_on, qemu

SYS_PIDFD_GETFD = 438  # asm-generic/unistd.h; the same on every architecture
REGION = re.compile(r"([0-9a-f]+)-([0-9a-f]+) rw")
_libc = ctypes.CDLL(None, use_errno=True)


def on_line(start: str, action: Callable[[], object]) -> Callable[[str], None]:
    """A ``say`` that does ``action`` once, when a line of progress begins so."""
    pending = [action]

    def say(line: str) -> None:
        if line.startswith(start) and pending:
            pending.pop()()

    return say


def flip_a_byte(lab: EmbeddedLab, node: str, page: int, seed: int) -> None:
    """Changes one byte of page ``page`` of an idle load, in the memory of QEMU on ``node``."""
    process = qemu(lab, node)
    base = page_base(seed, page, version=1)
    wanted = struct.pack("<16Q", *(base + i * GOLDEN & MASK for i in range(16)))
    with Path(f"/proc/{process.pid}/mem").open("r+b", buffering=0) as memory:
        for start, size in _regions(process.pid, int(lab.topology.guest.memory)):
            memory.seek(start)
            if (at := memory.read(size).find(wanted)) >= 0:
                memory.seek(start + at + 8)
                memory.write(bytes([wanted[8] ^ 1]))
                return
    raise AssertionError(f"page {page} is nowhere in the memory of QEMU")


def _regions(pid: int, size: int) -> Iterator[tuple[int, int]]:
    """Start and size of what is mapped and as large as the guest's memory."""
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        if found := REGION.match(line):
            start, end = (int(text, 16) for text in found.groups())
            if end - start >= size:
                yield start, end - start


def overwrite_record(lab: EmbeddedLab, sequence: int, slots: int, size: int = SIZE) -> None:
    """Writes zeros over the first ``size`` bytes of a journal record, on the NFS server."""
    topology = lab.topology
    image = topology.share.path / f"{topology.guest.name}.img"
    offset = BASE + (sequence - 1) % slots * SIZE
    script = f"head -c {size} /dev/zero | dd of={image} bs=1 seek={offset} conv=notrunc status=none"
    on_node(lab.place, topology.storage.name, script)


def recorder(module: str) -> psutil.Process:
    """The recorder of that name, which is a child of ours."""
    for child in psutil.Process().children():
        if f"miglab.observe.{module}" in child.cmdline():
            return child
    raise AssertionError(f"no recorder {module} runs")


@contextmanager
def paused(process: psutil.Process) -> Iterator[None]:
    """Stopped by a signal while the block runs."""
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


def daemon(lab: EmbeddedLab, node: str) -> psutil.Process:
    """libvirt's daemon on ``node`` that drives QEMU."""
    names = ("libvirtd", "virtqemud")
    return process_on(lab, node, lambda process: process.info["name"] in names)


def resume_behind_its_back(libvirt: psutil.Process, guest: str) -> None:
    """Tells QEMU to go on through the monitor connection of a libvirt that is paused.

    QEMU has one monitor and libvirt holds it, so its end of it is borrowed.
    """
    with _monitor(libvirt, guest) as channel:
        channel.settimeout(5)
        channel.send(b'{"execute": "cont", "id": "planted"}')
        heard = b""
        while b'"planted"' not in heard:
            heard += channel.recv(65536)
    assert b'"error"' not in heard, heard


def _monitor(libvirt: psutil.Process, guest: str) -> socket.socket:
    """libvirt's connection to the monitor of ``guest``, as our own."""
    handle = os.pidfd_open(libvirt.pid)
    try:
        for entry in Path(f"/proc/{libvirt.pid}/fd").iterdir():
            if not str(entry.readlink()).startswith("socket:"):
                continue
            descriptor = _libc.syscall(SYS_PIDFD_GETFD, handle, int(entry.name), 0)
            channel = socket.socket(fileno=descriptor)
            if re.search(rf"-{guest}/monitor.sock$", str(_peer(channel))):
                return channel
            channel.close()
    finally:
        os.close(handle)
    raise AssertionError("libvirt holds no monitor of QEMU")


def _peer(channel: socket.socket) -> object:
    try:
        return channel.getpeername()
    except OSError:
        return None


def await_event(listener: Listener, wanted: Callable[[Event], bool], seconds: float = 60) -> None:
    """Until an event of that kind was heard."""
    deadline = Deadline(seconds)
    while not any(map(wanted, listener.events())):
        assert not deadline.passed, f"heard only {listener.events()}"
        listener.wait(min(0.2, deadline.remaining))


@contextmanager
def second_copy(lab: EmbeddedLab, source: str, client: psutil.Process) -> Iterator[None]:
    """Lets the paused copy on ``source`` run on, while the guest runs on the target.

    ``client`` migrates the guest just now. It is held as soon as all memory has been sent, until
    libvirt on the source has told it so; then that libvirt is held, so that it cannot be told to
    end the copy when the guest has been resumed on the target.
    """
    with fleet(lab) as hosts, Listener(hosts.hosts.values(), hosts.guest) as listener:
        await_event(listener, lambda event: _sent(event, source))
        with paused(client):
            time.sleep(0.5)  # the daemon's answer to the client announces itself by nothing
            libvirt = daemon(lab, source)
            libvirt.send_signal(signal.SIGSTOP)
        try:
            await_event(listener, lambda event: event.host != source and event.name == "RESUME")
            resume_behind_its_back(libvirt, hosts.guest)
            time.sleep(0.5)  # some fifty writes of the journal
            yield
        finally:
            libvirt.send_signal(signal.SIGCONT)


def _sent(event: Event, source: str) -> bool:
    completed = event.name == "MIGRATION" and "completed" in event.detail
    return completed and event.host == source
