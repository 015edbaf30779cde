"""Hypervisors that let each other in as root by ssh, which ``qemu+ssh`` needs, and nobody else."""

from collections.abc import Callable, Generator

from pyinfra import host, inventory
from pyinfra.api.deploy import deploy
from pyinfra.api.host import Host
from pyinfra.api.operation import operation

from miglab.provision.block import block_lines, with_block, write_commands
from miglab.provision.facts.system import Text
from miglab.provision.facts.trust import HostKey, PublicKey
from miglab.topology import Node, Topology

KEY = "/root/.ssh/id_ed25519"
AUTHORIZED = "/root/.ssh/authorized_keys"
KNOWN = "/etc/ssh/ssh_known_hosts"
TO_BE_MADE = "(made by this run)"  # stands for a key only while the run is planned


@operation()
def own_key() -> Generator[str]:
    """Root of this host has a key; it is made here and never leaves the host."""
    if host.get_fact(PublicKey):
        host.noop("root has a key already")
        return
    yield "mkdir -p -m 0700 /root/.ssh"
    yield (  # a private key that lost its public half is somebody's all the same
        f"if test -e {KEY}; then ssh-keygen -y -P '' -f {KEY} > {KEY}.pub; else"
        f" ssh-keygen -q -t ed25519 -N '' -C root@$(hostname) -f {KEY}; fi"
    )


@operation()
def trusted(peers: list[Node]) -> Generator[str]:
    """``peers`` may log in here, each from its own address only; their host keys are known."""
    reached = {node: other for node in peers if (other := _peer(node))}
    authorized = {
        node.name: authorized_line(node, key)
        for node, other in reached.items()
        if (key := other.get_fact(PublicKey) or to_be_made())
    }
    known = {
        node.name: f"{node.name},{node.address} {key}"
        for node, other in reached.items()
        if (key := other.get_fact(HostKey))
    }
    for path, lines, name_in, mode in (
        (AUTHORIZED, authorized, name_authorized, "0600"),
        (KNOWN, known, name_known, "0644"),
    ):
        found = host.get_fact(Text, path=path)
        if merged := merge(peers, lines, block_lines(found or ""), name_in):
            yield from write_commands(path, found, with_block(found or "", merged), mode)


def to_be_made() -> str | None:
    """What a key will be is not known while it is planned; a host that has died has none."""
    return None if host.state.is_executing else TO_BE_MADE


def authorized_line(peer: Node, key: str) -> str:
    """Lets ``peer`` in with ``key``, from its own address only."""
    return f'from="{peer.address}" {key} root@{peer.name}'


def name_authorized(line: str) -> str:
    """Whose line in authorized_keys this is."""
    return line.rpartition(" root@")[2]


def name_known(line: str) -> str:
    """Whose line in known_hosts this is."""
    return line.partition(",")[0]


def merge(
    peers: list[Node], new: dict[str, str], old: list[str], name_in: Callable[[str], str]
) -> list[str]:
    """A line for each peer: its ``new`` one or, where this run does not reach it, the ``old``."""
    lines = {name_in(line): line for line in old} | new
    return [lines[peer.name] for peer in peers if peer.name in lines]


def _peer(node: Node) -> Host | None:
    """The host that is ``node``, if this run reaches it: ``--limit`` may have left it out."""
    return next(
        (each for each in inventory if each.data.get("node") == node.name and each.connected), None
    )


@deploy("Trust")
def deploy_trust(topology: Topology, node: Node) -> None:
    """A key of its own for each hypervisor, and the others' keys on it."""
    own_key(name="Root's own ssh key")
    peers = [peer for peer in topology.hypervisors if peer.name != node.name]
    trusted(name="Hypervisors trust each other", peers=peers)
