"""The tutorial, row by row: each test names the row of the tutorial that it holds the lab to."""

from typing import Any

import pytest

from miglab.lab.embedded import EmbeddedLab

Nodes = dict[str, Any]


@pytest.fixture(scope="session")
def hypervisors(lab: EmbeddedLab, nodes: Nodes) -> Nodes:
    """The hosts that can run the guest."""
    return {node.name: nodes[node.name] for node in lab.topology.hypervisors}


@pytest.fixture(scope="session")
def storage(lab: EmbeddedLab, nodes: Nodes) -> Any:
    """The NFS server."""
    return nodes[lab.topology.storage.name]


def test_row_2_three_machines_on_one_network(lab: EmbeddedLab, nodes: Nodes) -> None:
    """Every machine holds the address that the declaration gives it."""
    for node in lab.topology.nodes:
        interface = lab.topology.network.bridge if node.role == "hypervisor" else "ens33"
        assert str(node.address) in nodes[node.name].interface(interface).addresses


def test_row_3_the_share_is_there_for_qemu_alone(lab: EmbeddedLab, storage: Any) -> None:
    """The shared directory belongs to QEMU's number, and others cannot enter it."""
    directory = storage.file(str(lab.topology.share.path))
    assert directory.is_directory
    assert (directory.uid, directory.gid) == (lab.topology.share.owner,) * 2
    assert directory.mode == 0o750


def test_row_4_hypervisors_may_write_as_qemu_and_nobody_as_root(
    lab: EmbeddedLab, hypervisors: Nodes, storage: Any
) -> None:
    """QEMU's user writes a file from each host and reads it from the other; root is squashed."""
    share = f"nfs://{lab.topology.storage.address}{lab.topology.share.path}"
    owner = lab.topology.share.owner
    storage.check_output(f"rm -f {lab.topology.share.path}/probe-*")
    for name, host in hypervisors.items():
        there = f"'{share}/probe-{name}?uid={owner}&gid={owner}'"
        host.check_output(f"echo {name} > /tmp/probe && timeout 10 nfs-cp /tmp/probe {there}")
        for other in hypervisors.values():
            assert other.check_output(f"timeout 10 nfs-cat {there}") == name
        denied = host.run(f"timeout 10 nfs-cat '{share}/probe-{name}?uid=0&gid=0'")
        assert denied.failed
        assert "ACCES" in denied.stderr
    storage.check_output(f"rm -f {lab.topology.share.path}/probe-*")


def test_row_4_no_other_address_may_mount_the_share(lab: EmbeddedLab, hypervisors: Nodes) -> None:
    """The same host, speaking from an address that the export does not name, is refused."""
    server, owner = lab.topology.storage.address, lab.topology.share.owner
    stranger = "192.168.80.99"
    host, bridge = hypervisors[lab.topology.source.name], lab.topology.network.bridge
    listing = f"timeout 10 nfs-ls 'nfs://{server}{lab.topology.share.path}?uid={owner}&gid={owner}'"
    host.check_output(listing)
    host.check_output(f"ip address add {stranger}/32 dev {bridge}")
    try:
        host.check_output(f"ip route add {server}/32 dev {bridge} src {stranger}")
        assert host.run(listing).failed
    finally:
        host.check_output(f"ip address delete {stranger}/32 dev {bridge}")
    host.check_output(listing)


def test_row_5_services_run_and_port_111_listens(storage: Any) -> None:
    """rpcbind and the NFS server run, are enabled, and listen."""
    kernel = storage.service("nfs-server").is_running
    for service in ("rpcbind", "nfs-server" if kernel else "nfs-ganesha"):
        assert storage.service(service).is_running
        assert storage.service(service).is_enabled
    for port in (111, 2049):
        assert storage.socket(f"tcp://0.0.0.0:{port}").is_listening


def test_row_6_the_image_lies_on_the_share(lab: EmbeddedLab, storage: Any) -> None:
    """The guest's image belongs to QEMU and has the declared size."""
    image = storage.file(str(lab.topology.share.path / f"{lab.topology.guest.name}.img"))
    assert image.size == lab.topology.guest.disk
    assert (image.uid, image.mode) == (lab.topology.share.owner, 0o660)


def test_row_9_packages(hypervisors: Nodes) -> None:
    """Both hosts have libvirt and QEMU."""
    for host in hypervisors.values():
        assert host.package("libvirt-daemon-system").is_installed
        assert host.package("qemu-system-x86").is_installed


def test_row_10_br0_holds_the_address_and_the_nic_is_its_port(
    lab: EmbeddedLab, hypervisors: Nodes
) -> None:
    """The NIC is enslaved and has no address of its own."""
    network = lab.topology.network
    for node in lab.topology.hypervisors:
        host = hypervisors[node.name]
        assert str(node.address) in host.interface(network.bridge).addresses
        assert f"master {network.bridge}" in host.check_output(f"ip link show {network.nic}")
        assert not host.check_output(f"ip -4 address show {network.nic}")


def test_row_10_br0_survives_a_reboot(lab: EmbeddedLab, nodes: Nodes) -> None:
    """After a reboot, with new interfaces, the bridge is back by itself, and so is libvirt."""
    node = lab.topology.hypervisors[-1]
    before = nodes[node.name].check_output(
        "cat /proc/sys/kernel/random/boot_id; stat -c %Y /proc/1"
    )
    lab.reboot(node)
    host = nodes[node.name]
    assert host.check_output("cat /proc/sys/kernel/random/boot_id; stat -c %Y /proc/1") != before
    assert str(node.address) in host.interface(lab.topology.network.bridge).addresses
    assert f"master {lab.topology.network.bridge}" in host.check_output("ip link show ens33")
    assert host.check_output("virsh -c qemu:///system uri") == "qemu:///system"


def test_row_11_storage_is_the_same_on_all_hosts(lab: EmbeddedLab, hypervisors: Nodes) -> None:
    """Where kernels mount NFS, one pool of one path; elsewhere QEMU opens the share itself."""
    owner, share = lab.topology.share.owner, lab.topology.share
    image = f"nfs://{lab.topology.storage.address}{share.path}/{lab.topology.guest.name}.img"
    for host in hypervisors.values():
        if "nfs4" in host.file("/proc/filesystems").content_string:
            pool = host.check_output(f"virsh pool-info {share.path.name}")
            assert "running" in pool
            assert host.mount_point(str(share.path)).exists
        else:
            host.check_output(
                f"timeout 20 setpriv --reuid={owner} --regid={owner} --clear-groups"
                f" qemu-img info --force-share '{image}'"
            )


def test_row_14_hosts_trust_each_other_and_nothing_else_listens(
    lab: EmbeddedLab, hypervisors: Nodes
) -> None:
    """Each host manages the others by ``qemu+ssh``; only sshd listens on a hypervisor."""
    for name, host in hypervisors.items():
        for other in lab.topology.hypervisors:
            if other.name != name:
                uri = f"qemu+ssh://{other.name}/system"
                assert host.check_output(f"timeout 20 virsh -c {uri} hostname") == other.name
        listening = host.check_output("ss -Hltn | awk '{print $4}'").split()
        assert {address.rpartition(":")[2] for address in listening} == {"22"}


def test_row_15_names_resolve_to_the_declared_addresses(lab: EmbeddedLab, nodes: Nodes) -> None:
    """Every host knows every host, and none takes itself for localhost."""
    for host in nodes.values():
        for node in lab.topology.nodes:
            assert host.addr(node.name).ipv4_addresses == [str(node.address)]
    for node in lab.topology.nodes:
        assert nodes[node.name].check_output("hostname") == node.name


@pytest.mark.parametrize(
    "script",
    ["virsh capabilities | sed -n 's:.*<uuid>\\(.*\\)</uuid>.*:\\1:p'", "cat /etc/machine-id"],
    ids=["host UUID", "machine id"],
)
def test_hosts_have_identities_of_their_own(hypervisors: Nodes, script: str) -> None:
    """No two hosts have one host UUID or one machine id: libvirt would take them for the same."""
    identities = [host.check_output(script) for host in hypervisors.values()]
    assert all(identities)
    assert len(set(identities)) == len(hypervisors)
