"""Which box the machines of a system are made of, and a public one where it can be had."""

import json
import os
from pathlib import Path

from miglab.errors import ImageError, LabError
from miglab.lab import box
from miglab.lab.command import LONG, attempt
from miglab.lab.lab import Say
from miglab.topology import Node, Topology

PUBLIC = Path(__file__).with_name("boxes.json")


def choose(topology: Topology, known: dict[str, str], say: Say) -> dict[str, str]:
    """By system, for all of ``topology``'s; what is ``known`` is kept. Raises LabError."""
    found = {}
    for node in topology.nodes:
        if node.os not in found:
            found[node.os] = known.get(node.os) or _decided(node, say)
    return found


def _decided(node: Node, say: Say) -> str:
    found = _box(node, say)
    say(f"{node.os} is made of the box {found}")
    return found


def _box(node: Node, say: Say) -> str:
    """The one that is named, or is there already, or can be downloaded, or built."""
    if named := os.environ.get("MIGLAB_BOX"):
        return named
    known: dict[str, str] = json.loads(PUBLIC.read_text())["libvirt"]
    public = known.get(node.os)
    if public is None:
        raise LabError(
            f"{node.name}: os: expected {' or '.join(known)} for a virtual machine, found"
            f" {node.os}; MIGLAB_BOX names a box of another system"
        )
    own = box.name() if node.os == box.SYSTEM else None
    for there in (own, public):
        if there and box.exists(there):
            return there
    if _download(public, say):
        return public
    if own is None:
        raise LabError(
            f"{node.name}: the box {public} cannot be downloaded, and only {box.SYSTEM} can be"
            " built here; MIGLAB_BOX names another"
        )
    return box.ensure(say)[0]


def _download(public: str, say: Say) -> bool:
    """Whether Vagrant got it from where it gets boxes; it is not asked again once it is here."""
    say(f"downloading the box {public}")
    add = ["vagrant", "box", "add", "--provider", "libvirt", public]
    try:
        done = attempt(add, about=public, error=ImageError, seconds=LONG, env=box.environment())
    except ImageError:
        return False
    if done.returncode:
        say(f"the box {public} cannot be had from here")
    return done.returncode == 0
