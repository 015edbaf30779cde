"""The declaration's models: which machines, on which network, sharing what, for which guest."""

import re
from functools import cached_property
from ipaddress import IPv4Address, IPv4Network
from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import BeforeValidator, ByteSize, Field, PositiveInt

from miglab.values import Mac, Size, Value, matching

HOST_NAME = re.compile(r"[a-z][a-z0-9-]{0,13}[a-z0-9]")
HOST_NAME_WORDS = "a name of 2 to 15 lower-case letters, digits and dashes (it becomes a host name)"
Name = Annotated[str, matching(HOST_NAME.pattern, HOST_NAME_WORDS)]
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
NfsVersion = Annotated[Literal["3", "4.2"], BeforeValidator(str)]  # YAML reads numbers
Role = Literal["nfs", "storage", "hypervisor"]
ShareKind = Literal["nfs", "iscsi"]
ISCSI_PORT, DISK_LUN, BOOT_LUN = 3260, 1, 2
GuestName = Annotated[
    str,
    matching(r"[A-Za-z0-9][A-Za-z0-9._+\-]{0,62}", "a name of letters, digits, dots and dashes"),
]
GuestSystem = Literal["payload", "debian-13", "foreign"]


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
    """The directory with the guests' images. ``owner`` is the numeric user and group of QEMU.

    Given as what it is, by NFS, or an image as a disk, by iSCSI; ``squash`` and ``version``, of
    which a hypervisor's kernel mounts it, are NFS's own. One that is ``existing`` is somebody's:
    it is served and mounted already, and neither is changed.
    """

    kind: ShareKind = "nfs"
    path: Directory
    owner: PositiveInt = 64055
    version: NfsVersion = "4.2"
    existing: bool = False
    squash: Squash = "root_squash"

    @property
    def boot_archive(self) -> PurePosixPath:
        """With iSCSI: the image that hypervisors read what the guest boots from, a tar."""
        return self.path / "boot.tar"


class Node(Value):
    """One machine; ``os`` matters only where the lab makes the machine itself.

    The role ``storage`` is the tutorial's ``nfs`` without its word for what is served.
    """

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
    """The machine that moves; it starts on the first hypervisor.

    Its ``system`` is our payload, or a distribution that knows nothing of us, or it is ``foreign``:
    somebody's own, which is there already and is moved, and nothing else. Its disk lies on the
    share, or is ``local`` to the host it runs on and then has to be copied when it moves. With
    ``autostart`` it starts with the host that it was on last.
    """

    name: GuestName
    memory: Size
    vcpus: PositiveInt = 2
    mac: Mac
    address: IPv4Address
    disk: Size = ByteSize(64 << 20)
    system: GuestSystem = "payload"
    storage: Literal["share", "local"] = "share"
    autostart: bool = False

    @property
    def ours(self) -> bool:
        """Whether our program is in it, which can be asked, given a load, and told to write."""
        return self.system == "payload"

    @property
    def foreign(self) -> bool:
        """Whether it is somebody's own, which we neither make nor start nor end."""
        return self.system == "foreign"


class Topology(Value):
    """The whole declaration, from :func:`miglab.declaration.load`, which checks relations."""

    network: Network
    share: Share
    nodes: Annotated[tuple[Node, ...], Field(min_length=1)]
    guest: Guest

    @cached_property
    def storage(self) -> Node:
        """The node that serves the share."""
        return next(node for node in self.nodes if node.role != "hypervisor")

    @cached_property
    def hypervisors(self) -> tuple[Node, ...]:
        """All hosts that can run the guest, in the order declared."""
        return tuple(node for node in self.nodes if node.role == "hypervisor")

    @property
    def iqn(self) -> str:
        """With iSCSI: the target's name (RFC 3721)."""
        return f"iqn.2026-01.test.miglab:{self.guest.name}"

    def lun_url(self, lun: int) -> str:
        """With iSCSI: where an initiator of user space finds that LUN (libiscsi's form)."""
        return f"iscsi://{self.storage.address}:{ISCSI_PORT}/{self.iqn}/{lun}"

    @property
    def source(self) -> Node:
        """Where the guest is first started."""
        return self.hypervisors[0]

    def node(self, name: str) -> Node | None:
        """The node of that name, if there is one."""
        return next((node for node in self.nodes if node.name == name), None)
