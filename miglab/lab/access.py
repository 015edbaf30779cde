"""The one way in: an ssh_config for each lab, used by every tool and by the user.

It leads to a node's sshd from inside the node's own namespace, as a console would: a node whose
address is gone, or whose bridge is being rebuilt, can still be reached and mended.
"""

import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path

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
  ProxyCommand nsenter --net={namespace} nc{hand_over} 127.0.0.1 %p
  ProxyUseFdpass {fdpass}
"""

EVERY = """\
Host *
  User root
  IdentityFile {directory}/id_ed25519
  IdentitiesOnly yes
  UserKnownHostsFile {directory}/known_hosts
  StrictHostKeyChecking yes
  BatchMode yes
  ConnectTimeout 10
  ServerAliveInterval 5
  ControlMaster auto
  ControlPath {directory}/cm-%C
  ControlPersist 15m
"""


def host_key(place: Place, node: Node) -> str:
    """The public host key that ``node`` must show."""
    return ensure_key(place.seed(node.name) / "ssh_host_ed25519_key")


def host_block(place: Place, node: Node) -> str:
    """The way to one node; see ssh_config(5), ProxyUseFdpass."""
    over = hands_over()
    return HOST.format(
        name=node.name,
        address=node.address,
        namespace=place.namespace_path(node.name),
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


def write_access(place: Place, topology: Topology) -> None:
    """Writes keys, known_hosts, ssh_config and the ``ssh`` wrapper of the lab (0600, 0700)."""
    ensure_key(place.directory / "id_ed25519")
    known = "".join(f"{node.name} {host_key(place, node)}\n" for node in topology.nodes)
    hosts = "".join(host_block(place, node) for node in topology.nodes)
    every = EVERY.format(directory=place.directory)
    write_private(place.directory / "known_hosts", known.encode())
    write_private(place.ssh_config, (hosts + every).encode())
    wrapper = f'#!/bin/sh\nexec ssh -F {place.ssh_config} "$@"\n'
    write_private(place.ssh_command, wrapper.encode(), mode=0o700)


def ssh_argv(place: Place, node: str, command: Sequence[str] = ()) -> list[str]:
    """The command line that reaches ``node``."""
    return ["ssh", "-F", str(place.ssh_config), node, *command]


def libvirt_uri(ssh_command: Path, node: str) -> str:
    """``qemu+ssh`` to ``node`` by the lab's own ssh, for libvirt, virsh and virt-manager."""
    return f"qemu+ssh://root@{node}/system?command={ssh_command}&no_tty=1"


def on_node(
    place: Place, node: str, script: str, *, stdin: str | None = None, seconds: float = 30.0
) -> str:
    """Standard output of a shell ``script`` on ``node``; raises NodeError when it fails."""
    done = attempt(
        ssh_argv(place, node, [script]), about=node, error=NodeError, stdin=stdin, seconds=seconds
    )
    if done.returncode:
        what = f"`{script.splitlines()[0]}`"
        raise NodeError(f"{node}: {what} failed ({done.returncode}): {last_words(done)}")
    return done.stdout


def answers(place: Place, node: str, seconds: float = 15.0) -> bool:
    """Whether ``node`` runs a command over ssh."""
    if not place.ssh_config.exists():
        return False
    try:
        done = attempt(
            ssh_argv(place, node, ["true"]), about=node, error=NodeError, seconds=seconds
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
