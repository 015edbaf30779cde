"""A lab comes up, heals whatever was done to it, goes without a trace, and touches nothing else."""

import os
import re
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

import psutil
import pytest

from miglab.lab.access import on_node
from miglab.lab.command import run
from miglab.lab.embedded import EmbeddedLab
from miglab.lab.lock import held
from miglab.lab.place import NETNS, Place, state_root
from scenarios.ends import interrupt, leftovers

NAME = "side"


@pytest.fixture(scope="module")
def side(lab: EmbeddedLab) -> Iterator[EmbeddedLab]:
    """A second lab, of the same addresses, beside the session's."""
    opened = EmbeddedLab(Place(NAME), lab.topology)
    opened.up()
    yield opened
    opened.down()


def machine() -> dict[str, str]:
    """The machine's own network: addresses, routes, rules, and its settings."""
    shown = {
        "addresses": ["ip", "-o", "address"],
        "links": ["ip", "-o", "link"],
        "routes": ["ip", "route", "show", "table", "all"],
        "rules": ["ip", "rule"],
        "firewall": ["nft", "list", "ruleset"],
        "settings": [
            "sysctl",
            "-a",
            "--pattern",
            r"^(net\.ipv[46]\.(ip_forward|conf\.all)|vm\.|fs\.(inotify|aio-max))",
        ],
    }
    ages = re.compile(r"(valid_lft|preferred_lft|expires) \S+")  # leases grow old by themselves
    return {name: ages.sub("", run(command, about=name)) for name, command in shown.items()}


def test_labs_stand_side_by_side(lab: EmbeddedLab, side: EmbeddedLab) -> None:
    """Same names, same addresses, different machines."""
    script = "cat /etc/machine-id"
    for node in lab.topology.nodes:
        assert on_node(lab.place, node.name, script) != on_node(side.place, node.name, script)
    assert side.status().up
    assert lab.status().up


def test_up_again_changes_nothing(side: EmbeddedLab) -> None:
    """And says so."""
    assert side.up() == []


def test_keys_are_the_labs_own_and_private(lab: EmbeddedLab, side: EmbeddedLab) -> None:
    """No other user reads them, and no other lab accepts them."""
    for place in (lab.place, side.place):
        assert (place.directory / "id_ed25519").stat().st_mode & 0o777 == 0o600
        assert place.ssh_config.stat().st_mode & 0o777 == 0o600
    keys = [(place.directory / "id_ed25519").read_bytes() for place in (lab.place, side.place)]
    assert keys[0] != keys[1]


def _kill_node(lab: EmbeddedLab) -> None:
    run(["podman", "kill", lab.place.node("source")], about="source")


def _remove_node(lab: EmbeddedLab) -> None:
    run(["podman", "rm", "-f", "-t", "0", lab.place.node("target")], about="target")


def _remove_node_namespace(lab: EmbeddedLab) -> None:
    run(["ip", "netns", "delete", lab.place.node("nfs")], about="nfs")


def _remove_fabric(lab: EmbeddedLab) -> None:
    run(["ip", "netns", "delete", lab.place.fabric], about="fabric")


def _kill_uplink(lab: EmbeddedLab) -> None:
    for process in psutil.process_iter(["cmdline"]):
        if str(NETNS / lab.place.fabric) in (process.info["cmdline"] or ()):
            process.kill()
            process.wait(10)


def _pull_cable(lab: EmbeddedLab) -> None:
    run(["ip", "-n", lab.place.fabric, "link", "delete", "source"], about="cable")


def _lose_address(lab: EmbeddedLab) -> None:
    run(["ip", "-n", lab.place.fabric, "address", "flush", "dev", "lan"], about="gateway")


def _lose_ssh_config(lab: EmbeddedLab) -> None:
    lab.place.ssh_config.unlink()


def _stop_sshd(lab: EmbeddedLab) -> None:
    command = ["podman", "exec", lab.place.node("target"), "systemctl", "stop", "ssh"]
    run(command, about="target")


def _pause(lab: EmbeddedLab) -> None:
    run(["podman", "pause", lab.place.node("source")], about="source")


def _kill_everything(lab: EmbeddedLab) -> None:
    """As where a CI job is killed whole: podman is left with nodes that are neither on nor off."""
    monitors = [
        process
        for process in psutil.process_iter(["name", "cmdline"])
        if process.info["name"] == "conmon"
        and any(part.startswith(f"{lab.place.fabric}.") for part in process.info["cmdline"] or ())
    ]
    killed = monitors + [child for one in monitors for child in one.children(recursive=True)]
    for process in killed:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(killed, timeout=10)
    _kill_uplink(lab)


def _half_made_namespace(lab: EmbeddedLab) -> None:
    """What an interrupted creation leaves: the name, and nothing behind it."""
    _remove_node_namespace(lab)
    (NETNS / lab.place.node("nfs")).touch()


DAMAGES = [
    _half_made_namespace,
    _kill_everything,
    _stop_sshd,
    _pause,
    _kill_node,
    _remove_node,
    _remove_node_namespace,
    _remove_fabric,
    _kill_uplink,
    _pull_cable,
    _lose_address,
    _lose_ssh_config,
]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__.strip("_"))
def test_up_heals(side: EmbeddedLab, damage: Any) -> None:
    """Every node answers again, reaches the others and the world outside; a further up is idle."""
    damage(side)
    side.up()
    assert side.status().up
    for node in side.topology.nodes:
        for other in side.topology.nodes:
            on_node(side.place, node.name, f"timeout 5 bash -c '</dev/tcp/{other.address}/22'")
    on_node(side.place, "source", "timeout 20 getent ahostsv4 deb.debian.org")
    assert side.up() == []


@pytest.mark.parametrize("lines", [0, 1, 2, 3, 5, 7])
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL], ids=["Ctrl-C", "killed"])
def test_an_interrupted_up_is_healed_or_removed(
    project: Path, lab: EmbeddedLab, lines: int, how: signal.Signals
) -> None:
    """Wherever it happens: up completes what was half-made, and down leaves nothing of it.

    Each line of progress is another place: the network, nodes being made, nodes booting.
    """
    opened = EmbeddedLab(Place("cut"), lab.topology)
    command = [sys.executable, "-m", "miglab", "up", "--lab", "cut"]
    try:
        interrupt(command, project, how, lambda told: len(told) >= lines)
        if lines % 2:  # the others go straight down
            opened.up()
            assert opened.status().up
    finally:
        opened.down()
    assert leftovers("cut") == []


def test_down_leaves_nothing_and_the_machine_is_untouched(lab: EmbeddedLab) -> None:
    """No process, mount, namespace, container or file; the machine's network as it was before."""
    before = machine()
    opened = EmbeddedLab(Place("brief"), lab.topology)
    opened.up()
    during = machine()
    assert leftovers("brief")
    opened.down()
    assert leftovers("brief") == []
    assert during == before == machine()
    assert lab.status().up


def test_a_held_lab_names_its_holder(miglab: Any, side: EmbeddedLab) -> None:
    """A second process is told which one holds the lab, and exits with 4."""
    with held(side.place.lock):
        done = miglab("up", "--lab", NAME)
    assert done.returncode == 4
    assert str(os.getpid()) in done.stderr
    assert side.status().up


@pytest.mark.usefixtures("side")
def test_commands_pass_through(miglab: Any) -> None:
    """Output, exit code and quoting of a command on a node are its own."""
    assert (
        miglab("ssh", "--lab", NAME, "source", "--", "sh", "-c", "echo 'a  b'; exit 7").returncode
        == 7
    )
    done = miglab("ssh", "--lab", NAME, "source", "--", "echo", "a  b")
    assert done.stdout == "a  b\n"
    assert miglab("ssh", "--lab", NAME, "nowhere", "--", "true").returncode == 2


def test_no_packet_of_the_lab_leaves_its_namespaces(
    lab: EmbeddedLab, side: EmbeddedLab, wire: "Wire"
) -> None:
    """While nodes talk to each other, the machine's own interfaces see nothing of it."""
    for node in side.topology.nodes:
        for other in side.topology.nodes:
            on_node(side.place, node.name, f"timeout 5 bash -c '</dev/tcp/{other.address}/22'")
    seen = wire.frames_of(lab.topology.network.subnet)
    assert wire.heard, "the capture itself must have heard something of this machine"
    assert seen == []


class Wire:
    """All frames on the machine's own interfaces, as captured by a packet socket."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self.heard = 0

    def frames_of(self, subnet: IPv4Network) -> list[str]:
        """Source or destination addresses inside ``subnet`` among the frames heard so far."""
        found: list[str] = []
        while True:
            try:
                frame, where = self._channel.recvfrom(65535)
            except BlockingIOError:
                return found
            self.heard += 1
            if where[1] == 0x0800 and len(frame) >= 20:
                pair = [IPv4Address(frame[12:16]), IPv4Address(frame[16:20])]
                found += [f"{where[0]}: {address}" for address in pair if address in subnet]


@pytest.fixture
def wire() -> Iterator[Wire]:
    """A capture that proves itself by a datagram of its own on loopback."""
    every = socket.htons(0x0003)
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, every) as channel:
        channel.setblocking(False)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as proof:
            proof.sendto(b"proof", ("127.0.0.1", 9))
        yield Wire(channel)


def test_state_is_below_one_directory(side: EmbeddedLab) -> None:
    """Everything a lab writes lies below the state directory."""
    assert side.place.directory.is_relative_to(state_root())
