"""A machine that can run guests: libvirt and QEMU, a bridge for them, an identity of its own."""

from pyinfra import host
from pyinfra.api.deploy import deploy
from pyinfra.operations import files, server, systemd

from miglab.packages import HYPERVISOR, Family
from miglab.provision.bridge import bridge
from miglab.provision.context import family
from miglab.provision.facts import CgroupsReadOnly, InContainer
from miglab.provision.packages import install
from miglab.topology import Node, Topology

SOCKETS: dict[Family, tuple[str, ...]] = {
    "debian": ("virtlogd.socket", "libvirtd.socket"),
    "redhat": (
        "virtlogd.socket",
        "virtqemud.socket",
        "virtstoraged.socket",
        "virtnetworkd.socket",
        "virtnodedevd.socket",
    ),
}
DAEMON: dict[Family, str] = {"debian": "libvirtd", "redhat": "virtqemud"}


def qemu_settings(topology: Topology, cgroups_read_only: bool) -> dict[str, str]:
    """QEMU runs as the numeric owner of the images: names may differ between hosts, numbers may not."""
    owner = f'"+{topology.share.owner}"'
    settings = {"user": owner, "group": owner}
    return {**settings, "cgroup_controllers": "[]"} if cgroups_read_only else settings


@deploy("Hypervisor")
def deploy_hypervisor(topology: Topology, node: Node) -> None:
    """Packages, settings, libvirt's sockets, and the bridge."""
    kin = family(host)
    install("libvirt and QEMU", HYPERVISOR)
    changed = [
        _setting("/etc/libvirt/qemu.conf", key, value)
        for key, value in qemu_settings(topology, host.get_fact(CgroupsReadOnly)).items()
    ]
    if host.get_fact(InContainer):  # containers of one machine all read the same firmware UUID
        changed.append(
            _setting(f"/etc/libvirt/{DAEMON[kin]}.conf", "host_uuid_source", '"machine-id"')
        )
    for socket in SOCKETS[kin]:
        systemd.service(
            name=f"libvirt listens: {socket}", service=socket, running=True, enabled=True
        )
    server.shell(
        name="libvirt takes the settings up",
        commands=[f"systemctl try-restart {DAEMON[kin]}.service"],
        _if=lambda: any(change.did_change() for change in changed),
    )
    bridge(name=f"Bridge {topology.network.bridge}", network=topology.network, node=node)


def _setting(path: str, key: str, value: str):  # type: ignore[no-untyped-def]  # pyinfra gives no name for it
    return files.line(
        name=f"{path}: {key} = {value}",
        path=path,
        line=rf"^{key}\s*=.*$",
        replace=f"{key} = {value}",
    )
