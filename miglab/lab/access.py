"""The one way in: an ssh_config for each lab, used by every tool and by the user.

It leads to a node's sshd from inside the node's own namespace, as a console would: a node whose
address is gone, or whose bridge is being rebuilt, can still be reached and mended.
"""

import subprocess
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import psutil

from miglab.errors import NodeError
from miglab.lab.command import attempt, end, last_words
from miglab.lab.keys import ensure_key, write_private
from miglab.lab.place import Place
from miglab.topology import Node, Topology

HOST = """\
Host {name}
  HostName {address}
  HostKeyAlias {name}
  ProxyCommand nsenter --net={namespace} nc{hand_over} {reached} %p
  ProxyUseFdpass {fdpass}
"""

EVERY = """\
Host *
  User root
  IdentityFile {directory}/id_ed25519
  IdentitiesOnly yes
  UserKnownHostsFile {directory}/known_hosts
  StrictHostKeyChecking yes
"""

SHARED = """\
  BatchMode yes
  ConnectTimeout {connect}
  ServerAliveInterval {alive}
  ControlMaster auto
  ControlPath {directory}/cm-%C
  ControlPersist 15m
"""
"""Of every host of every lab: nothing is asked, and one connection serves all commands."""
CONNECT, ALIVE = (10, 60), (5, 15)
"""Seconds in containers, and the most: an emulated machine's sshd needs some for its keys alone."""


def shared(place: Place) -> str:
    """What every host of the lab in ``place`` is reached by."""
    connect, alive = (min(least * place.patience, most) for least, most in (CONNECT, ALIVE))
    return SHARED.format(directory=place.directory, connect=f"{connect:.0f}", alive=f"{alive:.0f}")


def host_key(place: Place, node: Node) -> str:
    """The public host key that ``node`` must show."""
    return ensure_key(place.seed(node.name) / "ssh_host_ed25519_key")


class Way(NamedTuple):
    """From where sshd is reached, and at which address there."""

    namespace: Path
    address: str


def console(place: Place, node: Node) -> Way:
    """From inside the node's own namespace, as a container has one."""
    return Way(place.namespace_path(node.name), "127.0.0.1")


def host_block(node: Node, way: Way) -> str:
    """The way to one node; see ssh_config(5), ProxyUseFdpass."""
    over = hands_over()
    return HOST.format(
        name=node.name,
        address=node.address,
        namespace=way.namespace,
        reached=way.address,
        hand_over=" -F" if over else "",
        fdpass="yes" if over else "no",
    )


@cache
def hands_over() -> bool:
    """Whether this machine's nc can give ssh the connection itself, and end.

    With nc in between each command took 50 ms and without it 18 to 30 (Nagle's algorithm against
    delayed acknowledgement, presumably); nmap's nc, on the RHEL family, can do nothing else.
    """
    told = attempt(["nc", "-h"], about="nc", error=NodeError, seconds=5)
    return "Pass socket fd" in told.stdout + told.stderr


def write_access(
    place: Place, topology: Topology, way: Callable[[Place, Node], Way] = console
) -> None:
    """Writes keys, known_hosts, ssh_config and the ``ssh`` wrapper of the lab (0600, 0700)."""
    ensure_key(place.directory / "id_ed25519")
    known = "".join(f"{node.name} {host_key(place, node)}\n" for node in topology.nodes)
    hosts = "".join(host_block(node, way(place, node)) for node in topology.nodes)
    every = EVERY.format(directory=place.directory) + shared(place)
    write_private(place.directory / "known_hosts", known.encode())
    write_private(place.ssh_config, (hosts + every).encode())
    wrapper = f'#!/bin/sh\nexec ssh -F {place.ssh_config} "$@"\n'
    write_private(place.ssh_command, wrapper.encode(), mode=0o700)


def ssh_argv(place: Place, node: str, command: Sequence[str] = ()) -> list[str]:
    """The command line that reaches ``node`` as root."""
    if place.origin == "site":  # where who logs in may have to go on by sudo
        return [str(place.ssh_command), node, *command]
    return ["ssh", "-F", str(place.ssh_config), node, *command]


def libvirt_uri(ssh_command: Path, node: str) -> str:
    """``qemu+ssh`` to ``node`` by the lab's own ssh, for libvirt, virsh and virt-manager."""
    return f"qemu+ssh://root@{node}/system?command={ssh_command}&no_tty=1"


def on_node(
    place: Place, node: str, script: str, *, stdin: str | None = None, seconds: float = 30.0
) -> str:
    """Standard output of a shell ``script`` on ``node``; raises NodeError when it fails."""
    done = attempt(
        ssh_argv(place, node, [script]),
        about=node,
        error=NodeError,
        stdin=stdin,
        seconds=seconds * place.patience,
    )
    if done.returncode:
        what = f"`{script.splitlines()[0]}`"
        raise NodeError(f"{node}: {what} failed ({done.returncode}): {last_words(done)}")
    return done.stdout


def answers(place: Place, node: str, seconds: float = 15.0, shared: bool = True) -> bool:
    """Whether ``node`` runs a command over ssh, by the ``shared`` connection or by a new one."""
    if not place.ssh_config.exists():
        return False
    ssh, *rest = ssh_argv(place, node, ["true"])
    options = [] if shared else ["-o", "ControlPath=none"]
    try:
        done = attempt(
            [ssh, *options, *rest], about=node, error=NodeError, seconds=seconds * place.patience
        )
    except NodeError:
        return False
    return done.returncode == 0


def forget(place: Place, node: str | None = None) -> None:
    """Ends the shared ssh connections (of one node): after a reboot they lead nowhere."""
    if node and place.ssh_config.exists():
        subprocess.run(
            ["timeout", "5", "ssh", "-F", place.ssh_config, "-O", "exit", node],
            capture_output=True,
            check=False,
        )
        return
    for process in psutil.process_iter(["cmdline"]):
        command = process.info["cmdline"] or [""]
        is_ssh = Path(command[0]).name.startswith("ssh")
        if is_ssh and f"{place.directory}/" in " ".join(command):
            end(process)
