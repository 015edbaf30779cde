"""The declaration's models: which machines, on which network, sharing what, for which guest."""

from functools import cached_property
from ipaddress import IPv4Address, IPv4Network
from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import ByteSize, Field, PositiveInt

from miglab.values import Mac, Size, Value, matching

Name = Annotated[
    str,
    matching(
        r"[a-z][a-z0-9-]{0,13}[a-z0-9]",
        "a name of 2 to 15 lower-case letters, digits and dashes (it becomes a host name)",
    ),
]
Interface = Annotated[str, matching(r"[a-z][a-z0-9]{1,14}", "an interface name such as ens33")]
System = Annotated[
    str,
    matching(
        r"debian-1[23]|[a-z0-9][a-z0-9.\-]*(:[0-9]+)?(/[a-z0-9._\-]+)+(:[\w.\-]+)?(@sha256:[0-9a-f]{64})?",
        "debian-13, debian-12, or an OCI image in full such as docker.io/library/debian:13",
    ),
]
Directory = Annotated[
    PurePosixPath,
    matching(
        r"(/(?!\.\.?(/|$))[A-Za-z0-9._\-]+)+",
        "an absolute directory of letters, digits, dots and dashes such as /opt/kvmshare",
    ),
]
Squash = Literal["root_squash", "no_root_squash"]
Role = Literal["nfs", "hypervisor"]


class Network(Value):
    """The one network that all machines share."""

    subnet: IPv4Network
    gateway: IPv4Address
    nic: Interface = "ens33"
    bridge: Interface = "br0"

    def interface(self, address: IPv4Address) -> str:
        """``address`` with the network's prefix length, as network managers want it."""
        return f"{address}/{self.subnet.prefixlen}"


class Share(Value):
    """The directory with the guests' images. ``owner`` is the numeric user and group of QEMU."""

    path: Directory
    owner: PositiveInt = 64055
    squash: Squash = "root_squash"


class Node(Value):
    """One machine; ``os`` matters only where the lab makes the machine itself."""

    name: Name
    role: Role
    address: IPv4Address
    os: System = "debian-13"
    mac: Mac | None = None

    @property
    def nic_mac(self) -> str:
        """The declared MAC, or a locally administered one made of the address."""
        return self.mac or "02:00:" + ":".join(f"{byte:02x}" for byte in self.address.packed)


class Guest(Value):
    """The machine that moves; it starts on the first hypervisor."""

    name: Name
    memory: Size
    vcpus: PositiveInt = 2
    mac: Mac
    address: IPv4Address
    disk: Size = ByteSize(64 << 20)


class Topology(Value):
    """The whole declaration, from :func:`miglab.declaration.load`, which checks relations."""

    network: Network
    share: Share
    nodes: Annotated[tuple[Node, ...], Field(min_length=1)]
    guest: Guest

    @cached_property
    def storage(self) -> Node:
        """The NFS server."""
        return next(node for node in self.nodes if node.role == "nfs")

    @cached_property
    def hypervisors(self) -> tuple[Node, ...]:
        """All hosts that can run the guest, in the order declared."""
        return tuple(node for node in self.nodes if node.role == "hypervisor")

    @property
    def source(self) -> Node:
        """Where the guest is first started."""
        return self.hypervisors[0]

    def node(self, name: str) -> Node | None:
        """The node of that name, if there is one."""
        return next((node for node in self.nodes if node.name == name), None)
