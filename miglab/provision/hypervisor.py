"""A machine that can run guests: libvirt and QEMU, a bridge for them, an identity of its own."""

from collections.abc import Generator, Iterator

from pyinfra import host
from pyinfra.api.deploy import deploy
from pyinfra.api.operation import OperationMeta, operation
from pyinfra.facts.systemd import SystemdEnabled, SystemdStatus
from pyinfra.operations import server

from miglab.packages import HYPERVISOR
from miglab.provision.bridge import bridge
from miglab.provision.daemons import qemu_daemon, sockets, storage_daemons
from miglab.provision.facts.system import CgroupsReadOnly, Disabled, InContainer, Masked
from miglab.provision.packages import install
from miglab.provision.settings import settings
from miglab.topology import Node, Topology


def qemu_settings(topology: Topology, cgroups_read_only: bool) -> dict[str, str]:
    """QEMU runs as the images' numeric owner: names may differ between hosts, numbers may not."""
    owner = f'"+{topology.share.owner}"'
    settings = {"user": owner, "group": owner}
    return {**settings, "cgroup_controllers": "[]"} if cgroups_read_only else settings


@operation()
def listening(socket: str) -> Generator[str]:
    """``socket`` is open, and opens at boot; one that is masked is so by choice."""
    service = socket.replace(".socket", ".service")
    active = host.get_fact(SystemdStatus, services=[socket, service])
    enabled = host.get_fact(SystemdEnabled, services=[socket])
    if active.get(service) and host.get_fact(Masked, unit=socket):
        host.noop(f"{service} runs, and {socket} is masked")
        return
    yield from listening_commands(socket, {unit for unit, is_so in active.items() if is_so})
    if not enabled.get(socket):
        yield f"systemctl enable {socket}"


def listening_commands(socket: str, active: set[str]) -> Iterator[str]:
    """Opens ``socket``, which systemd refuses while its service runs.

    A stopped service comes back with whoever connects next; guests run on without it. Where the
    socket cannot be opened, the service goes on as before.
    """
    service = socket.replace(".socket", ".service")
    if socket in active:
        return
    start = f"systemctl start {socket}"
    if service in active:
        start = (
            f"systemctl stop {service} && {start}"
            f" || {{ systemctl start {service}; echo '{socket} cannot be opened' >&2; exit 1; }}"
        )
    yield start


@operation()
def starting(daemon: str) -> Generator[str]:
    """``daemon`` starts at boot: guests and pools that start with the host are started by it.

    A socket alone would wait for somebody to connect.
    """
    if host.get_fact(Disabled, unit=f"{daemon}.service"):
        yield f"systemctl enable {daemon}.service"


@deploy("Hypervisor")
def deploy_hypervisor(topology: Topology, node: Node) -> None:
    """Packages, settings, libvirt's sockets, its start at boot, and the bridge."""
    daemon = qemu_daemon(host)
    install("libvirt and QEMU", HYPERVISOR)
    changed = _settings(topology, daemon)
    for socket in sockets(host):
        listening(name=f"libvirt listens: {socket}", socket=socket)
    for each in storage_daemons(host):
        starting(name=f"libvirt starts with the host: {each}", daemon=each)
    server.shell(
        name="libvirt takes the settings up",
        commands=[f"systemctl try-restart {daemon}.service"],
        _if=lambda: any(change.did_change() for change in changed),
    )
    bridge(name=f"Bridge {topology.network.bridge}", network=topology.network, node=node)


def _settings(topology: Topology, daemon: str) -> list[OperationMeta]:
    wanted = {"/etc/libvirt/qemu.conf": qemu_settings(topology, host.get_fact(CgroupsReadOnly))}
    if host.get_fact(InContainer):  # containers of one machine all read the same firmware UUID
        wanted[f"/etc/libvirt/{daemon}.conf"] = {"host_uuid_source": '"machine-id"'}
    return [
        settings(name=f"Settings in {path}", path=path, values=values)
        for path, values in wanted.items()
    ]
