"""Virtual machines: what they are made of, and what is said when that has changed."""

import stat
import subprocess
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest

from miglab.errors import ImageError, LabError
from miglab.lab import box, boxes, machines
from miglab.lab.machines import KVM_WORKS, Machines, decide
from miglab.lab.place import Place
from miglab.topology import Topology

Changes = dict[str, object]


@pytest.fixture
def made(topology: Topology) -> Machines:
    """Of the shipped declaration."""
    return Machines(topology=topology, boxes={"debian-13": "a-box"}, driver="qemu")


def changed(topology: Topology, name: str, changes: Changes) -> Topology:
    """With something about one node changed."""
    nodes = tuple(
        each.model_copy(update=changes) if each.name == name else each for each in topology.nodes
    )
    return topology.model_copy(update={"nodes": nodes})


def test_what_they_are_made_of_is_kept(made: Machines, place: Place) -> None:
    """Where nobody else can read it, whole; a lab without machines has none."""
    assert Machines.read(place) is None
    made.write(place)
    assert Machines.read(place) == made
    assert stat.S_IMODE((place.directory / machines.FILE).stat().st_mode) == 0o600


def test_what_cannot_be_read_is_one_line(place: Place) -> None:
    """And not a traceback."""
    place.directory.mkdir(parents=True)
    (place.directory / machines.FILE).write_text('{"boxes": 5')
    with pytest.raises(LabError, match=r"machines\.json: cannot be read"):
        Machines.read(place)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, None),
        (
            {"address": IPv4Address("192.168.80.122")},
            "was made with address 192.168.80.121, and is",
        ),
        ({"os": "debian-12"}, "was made with os debian-13, and is declared with debian-12"),
        ({"mac": "02:00:00:00:00:09"}, "was made with nic_mac 02:00:c0:a8:50:79, and is"),
    ],
)
def test_a_machine_that_is_declared_otherwise_is_named(
    made: Machines, topology: Topology, changes: Changes, said: str | None
) -> None:
    """With what was and what is; nothing is said of the others."""
    found = made.differences(changed(topology, "source", changes))
    assert (said is None and not found) or str(found["source"]).startswith(str(said))
    assert set(found) <= {"source"}


def test_a_machine_that_is_no_longer_declared_is_named(made: Machines, topology: Topology) -> None:
    """It is not removed behind anybody's back."""
    fewer = topology.model_copy(update={"nodes": topology.nodes[:-1]})
    assert made.differences(fewer) == {"target": "is made and no longer declared"}


def test_a_lab_with_machines_keeps_its_box(made: Machines, topology: Topology) -> None:
    """A newer recipe does not change what is there."""
    assert decide(topology, made, print) == made


def test_what_machines_run_by_is_said(topology: Topology, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once, before anything is made."""
    monkeypatch.setattr(machines, "kvm_works", lambda: False)
    monkeypatch.setattr(boxes, "choose", lambda *_: {"debian-13": "a-box"})
    said: list[str] = []
    found = decide(topology, None, said.append)
    assert (found.boxes, found.driver) == ({"debian-13": "a-box"}, "qemu")
    assert said == ["machines run by qemu, for KVM runs nothing here"]


class Vagrant:
    """Has ``there``, can download all if ``online``; our own is built at any time."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, there: tuple[str, ...], online: bool
    ) -> None:
        self.online, self.asked = online, list[str]()
        monkeypatch.delenv("MIGLAB_BOX", raising=False)
        monkeypatch.setattr(box, "exists", lambda name: name in there)
        monkeypatch.setattr(box, "name", lambda: "ours")
        monkeypatch.setattr(box, "ensure", lambda _: ("ours", True))
        monkeypatch.setattr(boxes, "attempt", self.add)

    def add(self, argv: list[str], **_: Any) -> Any:
        """``vagrant box add``, which may find no way at all."""
        self.asked.append(argv[-1])
        assert argv[:-1] == ["vagrant", "box", "add", "--provider", "libvirt"]
        return subprocess.CompletedProcess(argv, 0 if self.online else 1)


TRIXIE, BOOKWORM = "debian/trixie64", "debian/bookworm64"


@pytest.mark.parametrize(
    ("system", "there", "online", "chosen", "asked"),
    [
        ("debian-13", (), True, TRIXIE, [TRIXIE]),
        ("debian-13", (), False, "ours", [TRIXIE]),
        ("debian-13", ("ours", TRIXIE), True, "ours", []),
        ("debian-13", (TRIXIE,), False, TRIXIE, []),
        ("debian-12", ("ours",), True, BOOKWORM, [BOOKWORM]),
        ("debian-12", ("ours",), False, "found nothing", [BOOKWORM]),
        ("centos-7", ("ours",), True, "nowhere", []),
    ],
)
def test_a_system_has_a_box(
    topology: Topology,
    monkeypatch: pytest.MonkeyPatch,
    system: str,
    there: tuple[str, ...],
    online: bool,
    chosen: str,
    asked: list[str],
) -> None:
    """One that is there, a public one, our own; what cannot be is refused in one line."""
    vagrant = Vagrant(monkeypatch, there, online)
    declared = changed(topology, "source", {"os": system})
    refusals = {
        "nowhere": "source: os: expected debian-12 or debian-13 .*, found centos-7",
        "found nothing": f"source: the box {BOOKWORM} cannot be downloaded, and only debian-13",
    }
    said: list[str] = []
    known = {} if system == "debian-13" else {"debian-13": "known"}
    if pattern := refusals.get(chosen):
        with pytest.raises(LabError, match=pattern):
            boxes.choose(declared, known, said.append)
    else:
        assert boxes.choose(declared, known, said.append) == {**known, system: chosen}
        assert f"{system} is made of the box {chosen}" in said
    assert vagrant.asked == asked


def test_a_box_that_is_named_is_taken(topology: Topology, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the system: it is what the user says it is."""
    Vagrant(monkeypatch, (), online=False)
    monkeypatch.setenv("MIGLAB_BOX", "theirs")
    other = changed(topology, "source", {"os": "centos-7"})
    assert boxes.choose(other, {}, print) == {"debian-13": "theirs", "centos-7": "theirs"}


def test_a_download_that_never_ends_is_given_up(
    topology: Topology, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one that fails."""
    Vagrant(monkeypatch, (), online=False)

    def hangs(*_: Any, about: str, **__: Any) -> Any:
        raise ImageError(f"{about}: no answer")

    monkeypatch.setattr(boxes, "attempt", hangs)
    assert boxes.choose(topology, {}, print) == {"debian-13": "ours"}


@pytest.mark.parametrize(
    ("tool", "works"), [("echo SeaBIOS", 0), ("echo kvm: cannot", 1), ("exit 1", 1)]
)
def test_kvm_works_where_firmware_speaks_by_it(tmp_path: Path, tool: str, works: int) -> None:
    """Whatever else is said; a device that is there is no proof."""
    program, device = tmp_path / "qemu-system-x86_64", tmp_path / "kvm"
    program.write_text(f"#!/bin/sh\n{tool}\n")
    program.chmod(0o755)
    device.touch()
    words = ["sh", str(KVM_WORKS), str(device)]
    done = subprocess.run(words, env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, check=False)
    assert done.returncode == works
    device.unlink()
    assert subprocess.run(words, env={"PATH": "/usr/bin:/bin"}, check=False).returncode == 1
