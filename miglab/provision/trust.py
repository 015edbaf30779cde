"""Hypervisors that let each other in as root by ssh, which ``qemu+ssh`` needs, and nobody else."""

from collections.abc import Iterator

from pyinfra import host, inventory
from pyinfra.api.deploy import deploy
from pyinfra.api.host import Host
from pyinfra.api.operation import operation

from miglab.provision.block import block_commands
from miglab.provision.facts import HostKey, PublicKey, Text
from miglab.topology import Node, Topology

KEY = "/root/.ssh/id_ed25519"
AUTHORIZED = "/root/.ssh/authorized_keys"
KNOWN = "/etc/ssh/ssh_known_hosts"


@operation()
def own_key() -> Iterator[str]:
    """Root of this host has a key; it is made here and never leaves the host."""
    if host.get_fact(PublicKey):
        host.noop("root has a key already")
        return
    yield "mkdir -p -m 0700 /root/.ssh"
    yield f"rm -f {KEY} && ssh-keygen -q -t ed25519 -N '' -C root@$(hostname) -f {KEY}"


@operation()
def trusted(peers: list[Node]) -> Iterator[str]:
    """``peers`` may log in here, each from its own address only, and are known by their host keys."""
    known = {peer: _peer(peer) for peer in peers}
    reachable = {peer: other for peer, other in known.items() if other and other.connected}
    keys = {peer: other.get_fact(PublicKey) for peer, other in reachable.items()}
    authorized = [
        f'from="{peer.address}" {keys[peer] or "(made by this run)"} root@{peer.name}'
        for peer in reachable
    ]
    hosts = [f"{p.name},{p.address} {other.get_fact(HostKey)}" for p, other in reachable.items()]
    if reachable:
        yield from block_commands(AUTHORIZED, host.get_fact(Text, path=AUTHORIZED), authorized)
        yield from block_commands(KNOWN, host.get_fact(Text, path=KNOWN), hosts, mode="0644")


def _peer(node: Node) -> Host | None:
    """The host that is ``node`` in this run; ``--limit`` may have left it out."""
    return next((other for other in inventory if other.data.get("node") == node.name), None)


@deploy("Trust")
def deploy_trust(topology: Topology, node: Node) -> None:
    """A key of its own for each hypervisor, and the others' keys on it."""
    own_key(name="Root's own ssh key")
    peers = [peer for peer in topology.hypervisors if peer.name != node.name]
    trusted(name="Hypervisors trust each other", peers=peers)
