"""A guest that is there at once: booted where that takes seconds, restored where it takes minutes.

An emulated guest in an emulated machine boots for minutes. So it is booted in containers of this
machine instead, under the same QEMU, its memory is saved, and a host of the lab goes on with it.
"""

import hashlib
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from miglab.errors import GuestError
from miglab.guest.acceleration import Acceleration
from miglab.guest.boot import payload_digest
from miglab.guest.domain import Platform, domain_xml
from miglab.lab.access import on_node, ssh_argv
from miglab.lab.command import LONG, last_words
from miglab.lab.deployment import HOME, deploy
from miglab.lab.embedded import EmbeddedLab
from miglab.lab.guest_disk import disk_path
from miglab.lab.lab import NESTED_PACE, Lab, Say
from miglab.lab.lock import held
from miglab.lab.place import Place, state_root
from miglab.migration.fleet import Fleet
from miglab.topology import Topology

CONTAINERS = Place("memory")
SAVED = "/var/tmp/miglab-memory"  # noqa: S108 - on hosts of ours
Start = Callable[[Lab, Say], object]


class Containers(EmbeddedLab):
    """Where a guest is booted that is told how slow the machines are that it goes on in."""

    pace = NESTED_PACE


def go_on(lab: Lab, hosts: Fleet, say: Say, start: Start) -> str:
    """Restores a guest that runs nowhere; the host it is on then. ``start`` boots one in a lab."""
    platform = hosts.platform(Acceleration(kind="qemu", reason="the hosts are emulated themselves"))
    saved = ensure(lab.topology, platform, say, start)
    say(f"{hosts.guest}: going on with its saved memory")
    return restore(lab, hosts, platform, saved)


def ensure(topology: Topology, platform: Platform, say: Say, start: Start) -> Path:
    """A directory with the memory and the disk of a guest that has just answered.

    Cached by what the guest is and by the machine that QEMU makes.
    """
    path = state_root() / "guests" / f"memory-{_digest(topology, platform)}"
    with held(f"memory {path.name}", wait_seconds=LONG):
        if not path.exists():
            say("booting the guest in containers, to go on with its memory here (a minute, once)")
            _make(topology, path, say, start)
    return path


def _digest(topology: Topology, platform: Platform) -> str:
    parts = [topology.guest, topology.network, topology.share, platform]
    told = "\n".join(part.model_dump_json() for part in parts) + payload_digest()
    return hashlib.sha256(told.encode()).hexdigest()[:12]


def _make(topology: Topology, path: Path, say: Say, start: Start) -> None:
    """It has its name once it is whole; the containers are gone afterwards."""
    containers = Containers(CONTAINERS, topology)
    storage = topology.storage.name
    new = path.with_name(f"{path.name}.new")
    new.mkdir(parents=True, exist_ok=True)
    try:
        containers.up(say)
        declared = CONTAINERS.directory / "topology.json"
        declared.write_text(topology.model_dump_json())
        deploy(CONTAINERS, declared, HOME)
        start(containers, say)
        home = topology.source.name
        on_node(CONTAINERS, home, f"virsh -q save {topology.guest.name} {SAVED}", seconds=60)
        _fetch(home, SAVED, new / "memory.gz")
        _fetch(storage, str(disk_path(topology)), new / "disk.gz")
        new.rename(path)
    finally:
        containers.down(say)
        shutil.rmtree(new, ignore_errors=True)


def _fetch(node: str, path: str, to: Path) -> None:
    with to.open("wb") as out:
        done = subprocess.run(
            ssh_argv(CONTAINERS, node, [f"gzip -1c {path}"]),
            stdout=out,
            stderr=subprocess.PIPE,
            timeout=LONG,
            check=False,
        )
    if done.returncode:
        raise GuestError(f"{node}: {path} could not be read: {done.stderr.decode().strip()}")


def restore(lab: Lab, hosts: Fleet, platform: Platform, saved: Path) -> str:
    """Goes on with a guest that runs nowhere; the host it is on then."""
    topology, share = lab.topology, lab.topology.share
    disk, storage = disk_path(topology), topology.storage.name
    owned = f"chown {share.owner}:{share.owner} {disk}.new && chmod 660 {disk}.new"
    free = free_command(str(disk), share.owner, int(topology.guest.disk))
    whole = f"{free} && gzip -dc > {disk}.new && {owned} && mv {disk}.new {disk}"
    _put(lab, storage, saved / "disk.gz", whole)
    home = hosts.hosts[topology.source.name]
    _put(lab, home.name, saved / "memory.gz", f"gzip -dc > {SAVED}")
    hosts.stop_guest()  # what is left of it are definitions
    try:
        home.restore(domain_xml(topology, platform), SAVED)
    finally:
        on_node(lab.place, home.name, f"rm -f {SAVED}")
    return home.name


def free_command(path: str, owner: int, size: int) -> str:
    """Fails where an image lies that is another's: it would be replaced.

    libvirt gives one of ours to root when its guest ends, where the server lets it.
    """
    return (
        f"case $(stat -c %u:%s {path} 2>/dev/null) in ''|{owner}:*|0:{size}) ;;"
        f" *) echo '{path}: expected no image, or one that belongs to {owner}' >&2; exit 1;; esac"
    )


def _put(lab: Lab, node: str, content: Path, script: str) -> None:
    with content.open("rb") as stream:
        done = subprocess.run(
            ssh_argv(lab.place, node, [script]),
            stdin=stream,
            capture_output=True,
            text=True,
            timeout=LONG,
            check=False,
        )
    if done.returncode:
        raise GuestError(f"{node}: the saved guest could not be put there: {last_words(done)}")
