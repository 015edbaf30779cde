"""A node as podman sees it: a container that boots systemd in a namespace of its own."""

import json
from collections.abc import Iterable
from ipaddress import IPv4Address
from itertools import pairwise
from pathlib import Path

import psutil

from miglab.errors import NodeError
from miglab.lab import image
from miglab.lab.bootstrap import SUITES
from miglab.lab.command import attempt, end, run
from miglab.lab.keys import ensure_key, write_private
from miglab.lab.place import Place
from miglab.lab.runtime import working
from miglab.topology import Network, Node, Share
from miglab.values import Value

RESOLVER = IPv4Address("10.0.2.3")  # slirp4netns answers DNS here
CONNECTIONS = "/etc/NetworkManager/system-connections"
FIRST_ADDRESS = """\
# The machine's address as it comes; provisioning may put a bridge over it.
[Match]
Name={nic}

[Network]
Address={address}
Gateway={gateway}
"""
FIRST_CONNECTION = """\
# The same for NetworkManager, in an image of the RHEL family.
[connection]
id=first
type=ethernet
interface-name={nic}

[ipv4]
method=manual
addresses={address}
gateway={gateway}
dns={resolver}
"""


class Container(Value):
    """What podman says of one node; ``pid`` is 0 unless it runs."""

    id: str
    name: str
    image: str
    state: str
    pid: int

    @property
    def running(self) -> bool:
        """Whether the node is switched on."""
        return self.state == "running"

    @property
    def is_off(self) -> bool:
        """Whether it can be switched on; one whose monitor was killed is neither on nor off."""
        return self.state in ("exited", "stopped")

    def is_in(self, namespace: Path) -> bool:
        """Whether the node really lives in the namespace pinned at ``namespace``."""
        try:
            return Path(f"/proc/{self.pid}/ns/net").stat().st_ino == namespace.stat().st_ino
        except OSError:
            return False


def containers(place: Place) -> dict[str, Container]:
    """The lab's containers by node name."""
    text = run(
        ["podman", "ps", "--all", "--format=json", f"--filter=name=^{place.fabric}\\."],
        about=place.fabric,
        error=NodeError,
    )
    found = {}
    for entry in json.loads(text or "[]"):
        name = entry["Names"][0]
        found[name.removeprefix(f"{place.fabric}.")] = Container(
            id=entry["Id"],
            name=name,
            image=entry["Image"],
            state=entry["State"],
            pid=entry["Pid"],
        )
    return found


def seed(place: Place, network: Network, node: Node) -> None:
    """Writes what the node is given from outside: host key, whom it lets in, its first address."""
    directory = place.seed(node.name)
    ensure_key(directory / "ssh_host_ed25519_key")
    public = ensure_key(place.directory / "id_ed25519")
    write_private(directory / "authorized_keys", f"{public} miglab\n".encode())
    first = {
        "nic": network.nic,
        "address": network.interface(node.address),
        "gateway": network.gateway,
        "resolver": RESOLVER,
    }
    write_private(directory / "nic.network", FIRST_ADDRESS.format(**first).encode(), mode=0o644)
    write_private(directory / "nic.nmconnection", FIRST_CONNECTION.format(**first).encode())


def create(place: Place, network: Network, share: Share, node: Node) -> None:
    """Makes and boots the container of ``node``; its namespace must exist."""
    seed(place, network, node)
    directory = place.seed(node.name)
    mounts = {
        directory / "ssh_host_ed25519_key": "/etc/ssh/ssh_host_ed25519_key:ro",
        directory / "authorized_keys": "/etc/ssh/authorized_keys.d/root:ro",
        directory / "nic.network": f"/etc/systemd/network/20-{network.nic}.network:ro",
    }
    if node.os not in SUITES:  # of whatever family its image is
        mounts[directory / "nic.nmconnection"] = f"{CONNECTIONS}/first.nmconnection:ro"
    if node.role != "hypervisor":  # a file server cannot export the container's overlay
        exported = directory / "share"
        exported.mkdir(exist_ok=True)
        mounts[exported] = str(share.path)
    name = image.tag(node, share.kind)
    runtime = working(name)
    run(
        [
            "podman",
            *runtime.global_options(),
            *("run", "--detach", f"--name={place.node(node.name)}", f"--hostname={node.name}"),
            *runtime.run_options(),
            f"--network=ns:{place.namespace_path(node.name)}",
            *("--no-hosts", f"--dns={RESOLVER}"),
            *(f"--volume={ours}:{theirs}" for ours, theirs in mounts.items()),
            *(name, "/sbin/init"),
        ],
        about=node.name,
        error=NodeError,
    )


def start(place: Place, node: str) -> None:
    """Switches an existing node on again."""
    run(["podman", "start", place.node(node)], about=node, error=NodeError)


def remove(names: Iterable[str]) -> None:
    """Removes containers at once, whatever state they are in."""
    if names := list(names):
        run(
            ["podman", "rm", "--force", "--volumes", "--time=0", *names],
            about=", ".join(names),
            error=NodeError,
        )


def end_strays(place: Place) -> None:
    """Ends what a podman that was killed while starting a node left, and does not know any more.

    That is conmon with a node's name, and a runtime's init that waits, in the node's namespace,
    for a start that will not come. Whatever belongs to a container that podman knows is left alone.
    """
    known = {found.id for found in containers(place).values()}
    for process in psutil.process_iter(["cmdline"]):
        command = process.info["cmdline"] or [""]
        if Path(command[0]).name != "conmon":
            continue
        options = dict(pairwise(command))
        identity, name = options.get("-c", ""), options.get("-n", "")
        if name.startswith(f"{place.fabric}.") and identity not in known:
            attempt([options["-r"], "delete", "--force", identity], about=name, error=NodeError)
            end(process)


def stop(place: Place, node: str) -> None:
    """Switches a node off; one that is off already stays off."""
    attempt(["podman", "stop", "--time=5", place.node(node)], about=node, error=NodeError)
