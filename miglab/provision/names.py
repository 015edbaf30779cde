"""Host names, and every machine's name on every machine.

libvirt refuses to migrate between hosts that it cannot tell apart.
"""

import shlex
from collections.abc import Generator, Iterator
from ipaddress import ip_address

from pyinfra import host
from pyinfra.api.deploy import deploy
from pyinfra.api.operation import operation
from pyinfra.facts.server import Hostname

from miglab.provision.block import into_place, keep_commands, with_block, write_commands
from miglab.provision.facts.system import Text
from miglab.topology import Node, Topology

HOSTS, HOSTNAME = "/etc/hosts", "/etc/hostname"


@operation()
def hostname(wanted: str) -> Generator[str]:
    """The kernel's and the persistent host name.

    pyinfra's own needs a working D-Bus and replaces /etc/hostname, which is a mount in a container.
    """
    lasting = (host.get_fact(Text, path=HOSTNAME) or "").strip()
    yield from hostname_commands(wanted, host.get_fact(Hostname) or "", lasting)


def hostname_commands(wanted: str, now: str, lasting: str) -> Iterator[str]:
    """Sets the one of the two names, the kernel's and the file's, that is not as ``wanted``.

    A domain behind it is the owner's business.
    """
    name = shlex.quote(wanted)
    if lasting.partition(".")[0] != wanted:
        yield from keep_commands(HOSTNAME, lasting or None)
        beside, mount = f"{HOSTNAME}.new", f"cat {HOSTNAME}.new > {HOSTNAME} && rm {HOSTNAME}.new"
        yield f"printf '%s\\n' {name} > {beside}"
        yield f"{into_place(HOSTNAME)} 2>/dev/null || {{ {mount}; }}"
    if now.partition(".")[0] != wanted:
        yield f"hostname {name} 2>/dev/null || hostnamectl set-hostname {name}"


@operation()
def resolvable(topology: Topology) -> Generator[str]:
    """Each node's name leads to its address in the network, and to no other."""
    found = host.get_fact(Text, path=HOSTS)
    yield from write_commands(HOSTS, found, hosts_text(found or "", topology), "0644")


def hosts_text(found: str, topology: Topology) -> str:
    """/etc/hosts with our block, and without nodes' names on loopback addresses.

    Installers and Vagrant put a machine's own name there, where it wins over a later line.
    """
    names = {node.name for node in topology.nodes}
    lines = [_without(names, line) for line in found.removesuffix("\n").split("\n")]
    kept = "".join(f"{line}\n" for line in lines if line is not None) if found else ""
    return with_block(kept, hosts_lines(topology))


def _without(names: set[str], line: str) -> str | None:
    """``line`` without ``names`` (bare or with a domain), None if nothing is left of it."""
    words = line.partition("#")[0].split()
    if not words or not _is_loopback(words[0]):
        return line
    kept = [word for word in words[1:] if word.partition(".")[0] not in names]
    if len(kept) == len(words) - 1:
        return line
    return " ".join([words[0], *kept]) if kept else None


def _is_loopback(word: str) -> bool:
    try:
        return ip_address(word).is_loopback
    except ValueError:
        return False


def hosts_lines(topology: Topology) -> list[str]:
    """The lines of /etc/hosts, one for each node."""
    return [f"{node.address} {node.name}" for node in topology.nodes]


@deploy("Names")
def deploy_names(topology: Topology, node: Node) -> None:
    """Each node's own name, and all names resolvable on all nodes."""
    hostname(name="Host name", wanted=node.name)
    resolvable(name="Names of all nodes in /etc/hosts", topology=topology)
