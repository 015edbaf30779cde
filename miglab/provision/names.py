"""Host names, and every machine's name on every machine: libvirt refuses hosts it cannot tell apart."""

import shlex
from collections.abc import Iterator

from pyinfra import host
from pyinfra.api.deploy import deploy
from pyinfra.api.operation import operation
from pyinfra.facts.server import Hostname
from pyinfra.operations import files

from miglab.provision.block import block
from miglab.topology import Node, Topology


@operation()
def hostname(wanted: str) -> Iterator[str]:
    """The kernel's and the persistent host name.

    pyinfra's own needs a working D-Bus and replaces /etc/hostname, which is a mount in a container.
    """
    if host.get_fact(Hostname) == wanted:
        host.noop(f"the host name is {wanted} already")
        return
    name = shlex.quote(wanted)
    yield f"printf '%s\\n' {name} > /etc/hostname"
    yield f"hostname {name} 2>/dev/null || hostnamectl set-hostname {name}"


def hosts_lines(topology: Topology) -> list[str]:
    """The lines of /etc/hosts, one for each node."""
    return [f"{node.address} {node.name}" for node in topology.nodes]


@deploy("Names")
def deploy_names(topology: Topology, node: Node) -> None:
    """Each node's own name, and all names resolvable on all nodes."""
    hostname(name="Host name", wanted=node.name)
    files.line(
        name="No host name on a loopback address",
        path="/etc/hosts",
        line=r"^127\.0\.1\.1\s.*$",
        present=False,
    )
    block(
        name="Names of all nodes in /etc/hosts",
        path="/etc/hosts",
        lines=hosts_lines(topology),
    )
