"""The disk of a guest that is not ours: its name, its recipe, its way to the share."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from miglab.errors import ImageError, NodeError
from miglab.lab import guest_disk
from miglab.lab.guest_disk import disk_path
from miglab.lab.place import Place
from miglab.topology import Topology


def declared(topology: Topology, **changes: object) -> Topology:
    """The shipped declaration with Debian for a guest, and something about that changed."""
    update = {"system": "debian-13", "disk": 1 << 30, **changes}
    return topology.model_copy(update={"guest": topology.guest.model_copy(update=update)})


def test_ours_is_named_by_the_guest(topology: Topology) -> None:
    """It begins empty: nothing needs telling."""
    assert str(disk_path(topology)) == "/opt/kvmshare/vm1.img"


def test_the_name_tells_what_it_was_made_of(
    topology: Topology, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What lies on the disk counts, and nothing else does."""
    disk = disk_path(declared(topology))
    assert disk.name.startswith("vm1.debian-13-")
    assert disk_path(declared(topology, memory=1 << 30, vcpus=1, mac="52:54:00:00:00:01")) == disk
    for changes in ({"name": "vm2"}, {"address": "192.168.80.51"}, {"disk": 2 << 30}):
        assert disk_path(declared(topology, **changes)).name.split("-")[-1] not in disk.name
    monkeypatch.setattr(guest_disk, "_script", lambda: "true")
    assert disk_path(declared(topology)) != disk


@pytest.fixture
def shared(topology: Topology, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Topology:
    """A declaration whose share is a directory here, and a storage node that is this machine."""
    share = topology.share.model_copy(update={"path": tmp_path / "share", "owner": os.getuid()})
    (tmp_path / "share").mkdir()

    def shell(_place: Place, _node: str, script: str) -> str:
        return subprocess.run(
            ["sh", "-c", script], check=True, capture_output=True, text=True
        ).stdout

    monkeypatch.setattr(guest_disk, "on_node", shell)
    monkeypatch.setattr(guest_disk, "ssh_argv", lambda _p, _n, script: ["sh", "-c", *script])
    return declared(topology).model_copy(update={"share": share})


def build(made: list[Path]) -> Callable[[Topology, Path], None]:
    """A build that takes no time, and notes what it made."""

    def written(_: Topology, image: Path) -> None:
        image.parent.mkdir(exist_ok=True)
        image.write_bytes(b"new" + bytes(1 << 20))
        made.append(image)

    return written


def test_it_is_made_once_and_never_replaced(
    place: Place, shared: Topology, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not on a second start, and in another lab it is only copied; what it replaces is removed."""
    made: list[Path] = []
    monkeypatch.setattr(guest_disk, "_build", build(made))
    disk = Path(disk_path(shared))
    for old in ("vm1.debian-13-old.img", "vm1.img", "vm10.debian-13-old.img"):
        (disk.parent / old).write_bytes(b"old")
    guest_disk.ensure(place, shared, lambda _: None)
    assert disk.read_bytes().startswith(b"new")
    assert disk.stat().st_mode & 0o777 == 0o660
    names = {path.name for path in disk.parent.iterdir()}
    assert names == {disk.name, "vm1.img", "vm10.debian-13-old.img"}
    disk.write_bytes(b"used")
    guest_disk.ensure(place, shared, lambda _: None)
    assert disk.read_bytes() == b"used"
    disk.unlink()
    guest_disk.ensure(place, shared, lambda _: None)
    assert disk.read_bytes().startswith(b"new")
    assert len(made) == 1


def test_one_that_did_not_arrive_has_no_name(
    place: Place, shared: Topology, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error names the node and the disk."""

    def cut_off(_place: Place, _node: str, script: list[str]) -> list[str]:
        return ["sh", "-c", f"head -c 1000 | ({script[0]})"]

    monkeypatch.setattr(guest_disk, "_build", build([]))
    monkeypatch.setattr(guest_disk, "ssh_argv", cut_off)
    with pytest.raises(NodeError, match=r"nfs: .*\.img could not be written"):
        guest_disk.ensure(place, shared, lambda _: None)
    assert not Path(disk_path(shared)).exists()


def test_a_build_that_fails_leaves_nothing(
    state: Path, shared: Topology, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a disk nor its work."""

    def refuse(*_: object, **__: Any) -> None:
        raise ImageError("no space left")

    monkeypatch.setattr(guest_disk, "bootstrap", refuse)
    with pytest.raises(ImageError, match="no space left"):
        guest_disk._build(shared, state / "guests" / "disk.img")
    assert list((state / "build").iterdir()) == []
    assert not (state / "guests").exists()


def test_the_script_is_one() -> None:
    """A shell reads it."""
    shell = shutil.which("sh")
    assert shell
    subprocess.run([shell, "-n"], input=guest_disk._script(), text=True, check=True)
