"""A disk that lies on its host alone: which commands make it, and that a shell runs them."""

import os
import shutil
import subprocess
from pathlib import Path, PurePosixPath
from typing import Literal

import pytest

from miglab.declaration import load
from miglab.guest import local_disk

TOPOLOGY = load(Path(__file__).parents[2] / "inventories" / "topology.yaml")
SIZE = int(TOPOLOGY.guest.disk)
TOOL = 'echo "$@" >>{log}; for word; do case $word in *.qcow2) : >$word;; esac; done'


class Hosts:
    """Shells that begin in a directory of the host's own; their ``qemu-img`` only takes notes."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "bin").mkdir()
        tool = root / "bin" / "qemu-img"
        tool.write_text(f"#!/bin/sh\n{TOOL.format(log='qemu-img.log')}\n")
        tool.chmod(0o755)

    def shell(self, host: str, script: str) -> str:
        """What a host prints."""
        home = self.root / host
        home.mkdir(exist_ok=True)
        path = f"{self.root / 'bin'}:{os.environ['PATH']}"
        done = subprocess.run(
            ["sh", "-c", script],
            cwd=home,
            env={"PATH": path},
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout

    def files(self, host: str) -> dict[str, int]:
        """Name → size of the disks on a host."""
        found = (self.root / host / "disks").glob("*")
        return {path.name: path.stat().st_size for path in found}

    def images(self, host: str) -> list[str]:
        """What ``qemu-img`` was asked for there."""
        log = self.root / host / "qemu-img.log"
        return log.read_text().splitlines() if log.exists() else []


@pytest.fixture
def hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hosts:
    """Two hosts whose disks lie below their own directories."""
    monkeypatch.setattr(local_disk, "DIRECTORY", PurePosixPath("disks"))
    return Hosts(tmp_path)


OVER = f"create -q -f qcow2 -b disks/vm1.base -F raw disks/vm1.qcow2 {SIZE}"
ALONE = f"create -q -f qcow2 disks/vm1.qcow2 {SIZE}"


def test_it_has_a_place_of_its_own() -> None:
    """By the guest's name, and not on the share."""
    assert str(local_disk.local_path(TOPOLOGY)) == "/var/lib/miglab/disks/vm1.qcow2"
    assert not local_disk.local_path(TOPOLOGY).is_relative_to(TOPOLOGY.share.path)


def test_it_is_made_over_a_base_that_every_host_has(hosts: Hosts) -> None:
    """The disk itself is on the one host where the guest starts."""
    local_disk.make(hosts.shell, TOPOLOGY, "source")
    assert hosts.files("source") == {"vm1.base": SIZE, "vm1.qcow2": 0}
    assert hosts.files("target") == {"vm1.base": SIZE}
    assert (hosts.images("source"), hosts.images("target")) == ([OVER], [])


@pytest.mark.parametrize(("copied", "asked"), [("full", ALONE), ("incremental", OVER)])
def test_a_target_is_given_an_empty_one(
    hosts: Hosts, copied: Literal["full", "incremental"], asked: str
) -> None:
    """All of a disk is copied into one by itself, a difference into one over the same base."""
    local_disk.prepare(hosts.shell, TOPOLOGY, "target", copied)
    assert hosts.files("target") == {"vm1.base": SIZE, "vm1.qcow2": 0}
    assert hosts.images("target") == [asked]
    assert not (hosts.root / "source").exists()


def test_a_base_is_kept_and_a_disk_is_not(hosts: Hosts) -> None:
    """What an earlier guest left is lost with all it held; what it lay over is the same."""
    for host in ("source", "target"):
        directory = hosts.root / host / "disks"
        directory.mkdir(parents=True)
        for name in ("vm1.base", "vm1.qcow2", "vm2.qcow2"):
            (directory / name).write_bytes(b"old")
    local_disk.make(hosts.shell, TOPOLOGY, "source")
    local_disk.prepare(hosts.shell, TOPOLOGY, "target", "full")
    for host in ("source", "target"):
        assert hosts.files(host) == {"vm1.base": 3, "vm1.qcow2": 0, "vm2.qcow2": 3}


def test_it_is_read_as_the_guest_sees_it(hosts: Hosts) -> None:
    """While QEMU has it open; nothing is printed."""
    local_disk.make(hosts.shell, TOPOLOGY, "source")
    assert hosts.shell("source", local_disk.raw_copy(TOPOLOGY, "/tmp/copy")) == ""  # noqa: S108
    wanted = "convert -U -f qcow2 -O raw disks/vm1.qcow2 /tmp/copy"
    assert hosts.images("source") == [OVER, wanted]


@pytest.mark.skipif(not shutil.which("qemu-img"), reason="needs qemu-img")
def test_qemu_img_takes_these_words(hosts: Hosts, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is made by the real one, whose paths are whole, can be read back, and is empty."""
    (hosts.root / "bin" / "qemu-img").unlink()
    for host in ("source", "target"):
        monkeypatch.setattr(local_disk, "DIRECTORY", PurePosixPath(hosts.root, host, "disks"))
        if host == "source":
            local_disk.make(hosts.shell, TOPOLOGY, host)
        else:
            local_disk.prepare(hosts.shell, TOPOLOGY, host, "full")
        hosts.shell(host, local_disk.raw_copy(TOPOLOGY, "copy"))
        copy = hosts.root / host / "copy"
        assert (copy.stat().st_size, any(copy.read_bytes())) == (SIZE, False)
