"""libvirt as one daemon, or as one for each task."""

from pyinfra.api.host import Host

from miglab.provision.context import family
from miglab.provision.facts.system import Monolithic

MONOLITHIC = ("virtlogd.socket", "libvirtd.socket")
MODULAR = (
    "virtlogd.socket",
    "virtqemud.socket",
    "virtstoraged.socket",
    "virtnetworkd.socket",
    "virtnodedevd.socket",
)


def is_modular(host: Host) -> bool:
    """The RHEL family has one daemon for each task, unless somebody chose the old one there.

    Both at once would each think that all guests are theirs.
    """
    return family(host) == "redhat" and not host.get_fact(Monolithic)


def sockets(host: Host) -> tuple[str, ...]:
    """The sockets by which ``host``'s libvirt is reached."""
    return MODULAR if is_modular(host) else MONOLITHIC


def qemu_daemon(host: Host) -> str:
    """Which daemon runs guests."""
    return "virtqemud" if is_modular(host) else "libvirtd"


def storage_daemons(host: Host) -> tuple[str, ...]:
    """Which daemons look into pools, or start guests from them, at boot."""
    return ("virtqemud", "virtstoraged") if is_modular(host) else ("libvirtd",)
