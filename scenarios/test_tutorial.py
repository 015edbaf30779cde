"""The tutorial, row by row: each test names the row of docs/tutorial/kvm-live-migration.md.

Below the ssh line nothing depends on where the nodes come from. What only a kernel that mounts NFS
can have, or only one that cannot, is skipped elsewhere.
"""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ByteSize

from miglab.guest.acceleration import common, probe
from miglab.guest_life import fleet, stop_guest
from miglab.lab.lab import Lab
from miglab.policy import Policy
from miglab.scenario import Scenario
from miglab.topology import Node
from miglab.workload import Load

Nodes = dict[str, Any]

IDLE = Load(working_set=ByteSize(16 << 20), rate=ByteSize(0))
MADE_ALIKE = ("/etc/libvirt/qemu.conf", "/etc/libvirt/libvirtd.conf", "/etc/hosts")


def within(lab: Lab, seconds: int) -> str:
    """What bounds a command on a node."""
    return f"timeout {seconds * lab.place.patience:.0f}"


@pytest.fixture(scope="session")
def hypervisors(lab: Lab, nodes: Nodes) -> Nodes:
    """The hosts that can run the guest."""
    return {node.name: nodes[node.name] for node in lab.topology.hypervisors}


@pytest.fixture(scope="session")
def storage(lab: Lab, nodes: Nodes) -> Any:
    """The NFS server."""
    return nodes[lab.topology.storage.name]


@pytest.fixture(scope="session")
def kernels_mount_nfs(hypervisors: Nodes) -> bool:
    """Whether the hosts take the tutorial's way; otherwise QEMU opens the share by itself."""
    script = "modprobe -q nfsv4 2>/dev/null; grep -qw nfs4 /proc/filesystems"
    return all(host.run(script).succeeded for host in hypervisors.values())


def test_row_1_only_memory_moves_the_network_sets_the_pace_and_nobody_notices(
    lab: Lab, migrate: Callable[..., Any]
) -> None:
    """Over a narrow link it takes longer; either way the stop is short and nothing is lost.

    How long it takes says nothing where an emulated host emulates the guest.
    """
    fast, slow = (
        migrate(Scenario(load=IDLE, policy=Policy.named(name)))
        for name in ("precopy", "precopy+16MiB/s")
    )
    for verdict in (fast, slow):
        assert verdict.fate == "moved", verdict.reasons
        for name, finding in verdict.integrity.by_name():
            assert finding.state == "intact", f"{name}: {finding.detail}"
    if not lab.nested:
        assert slow.migration.total_ms > fast.migration.total_ms
        assert slow.downtime_ms.vcpu.value < slow.migration.total_ms / 4


def wire(host: Any, node: Node) -> str:
    """The machine's card on the lab's network: what bears its MAC and is no bridge."""
    links = json.loads(host.check_output("ip -json -details link show"))
    cards = [
        link["ifname"]
        for link in links
        if link["address"] == node.nic_mac and link.get("linkinfo", {}).get("info_kind") != "bridge"
    ]
    (card,) = cards
    return str(card)


def test_row_2_three_machines_on_one_network(lab: Lab, nodes: Nodes) -> None:
    """Every machine holds the address that the declaration gives it."""
    for node in lab.topology.nodes:
        host = nodes[node.name]
        bridged = node.role == "hypervisor"
        interface = lab.topology.network.bridge if bridged else wire(host, node)
        assert str(node.address) in host.interface(interface).addresses


def test_row_3_the_share_is_there_for_qemu_alone(lab: Lab, storage: Any) -> None:
    """The shared directory belongs to QEMU's number, and others cannot enter it."""
    directory = storage.file(str(lab.topology.share.path))
    assert directory.is_directory
    assert (directory.uid, directory.gid) == (lab.topology.share.owner,) * 2
    assert directory.mode == 0o750


def test_row_4_hypervisors_may_write_as_qemu_and_nobody_as_root(
    lab: Lab, hypervisors: Nodes, storage: Any
) -> None:
    """QEMU's user writes a file from each host and reads it from the other; root is squashed."""
    share = f"nfs://{lab.topology.storage.address}{lab.topology.share.path}"
    owner, limit = lab.topology.share.owner, within(lab, 10)
    storage.check_output(f"rm -f {lab.topology.share.path}/probe-*")
    for name, host in hypervisors.items():
        there = f"'{share}/probe-{name}?uid={owner}&gid={owner}'"
        host.check_output(f"echo {name} > /tmp/probe && {limit} nfs-cp /tmp/probe {there}")
        for other in hypervisors.values():
            assert other.check_output(f"{limit} nfs-cat {there}") == name
        mine = f"{share}/probe-root-{name}?uid=0&gid=0"
        as_root = host.run(f"{limit} nfs-cp /tmp/probe '{mine}'")
        if as_root.succeeded:  # a kernel's server makes QEMU's user of root
            assert storage.file(f"{lab.topology.share.path}/probe-root-{name}").uid == owner
        else:
            assert "ACCES" in as_root.stderr
    storage.check_output(f"rm -f {lab.topology.share.path}/probe-*")


def test_row_4_no_other_address_may_mount_the_share(lab: Lab, hypervisors: Nodes) -> None:
    """The same host, speaking from an address that the export does not name, is refused."""
    server, owner = lab.topology.storage.address, lab.topology.share.owner
    stranger = "192.168.80.99"
    host, bridge = hypervisors[lab.topology.source.name], lab.topology.network.bridge
    share = f"nfs://{server}{lab.topology.share.path}?uid={owner}&gid={owner}"
    listing = f"{within(lab, 10)} nfs-ls '{share}'"
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
        assert any(storage.service(f"{service}.{by}").is_enabled for by in ("service", "socket"))
    for port in (111, 2049):
        assert storage.socket(f"tcp://0.0.0.0:{port}").is_listening


def test_row_6_the_image_lies_on_the_share(lab: Lab, storage: Any) -> None:
    """The guest's image belongs to QEMU and has the declared size."""
    image = storage.file(str(lab.topology.share.path / f"{lab.topology.guest.name}.img"))
    assert image.size == lab.topology.guest.disk
    assert (image.uid, image.mode) == (lab.topology.share.owner, 0o660)


@pytest.mark.usefixtures("guest")
def test_row_7_the_guest_runs_with_what_was_seen_to_work(lab: Lab, hypervisors: Nodes) -> None:
    """KVM where a guest booted with it on each host; the flags are ``vmx`` and ``svm`` then."""
    found = {name: probe(host.check_output) for name, host in hypervisors.items()}
    kinds = {
        re.search(r"<domain type='(\w+)'", dump.stdout)[1]  # type: ignore[index]
        for host in hypervisors.values()
        if (dump := host.run(f"virsh dumpxml {lab.topology.guest.name}")).succeeded
    }
    assert kinds == {common([*found.values()]).kind}
    for name, host in hypervisors.items():
        flags = set(host.file("/proc/cpuinfo").content_string.split())
        assert found[name].kind != "kvm" or flags & {"vmx", "svm"}
        assert "smv" not in flags, "no processor has the flag that the tutorial looks for"


@pytest.mark.usefixtures("guest")
def test_row_8_a_desk_reaches_both_hosts(lab: Lab) -> None:
    """By the URIs that ``miglab status`` prints, for virt-manager; no desktop is on a host."""
    with fleet(lab) as hosts:
        for name, host in hosts.hosts.items():
            assert host.connection.getHostname() == name


def test_row_9_packages(hypervisors: Nodes) -> None:
    """Both hosts have libvirt and QEMU."""
    for host in hypervisors.values():
        assert host.package("libvirt-daemon-system").is_installed
        assert host.package("qemu-system-x86").is_installed


def test_row_10_br0_holds_the_address_and_the_nic_is_its_port(lab: Lab, hypervisors: Nodes) -> None:
    """The NIC is enslaved and has no address of its own."""
    network = lab.topology.network
    for node in lab.topology.hypervisors:
        host = hypervisors[node.name]
        assert str(node.address) in host.interface(network.bridge).addresses
        card = wire(host, node)
        assert f"master {network.bridge}" in host.check_output(f"ip link show {card}")
        assert not host.check_output(f"ip -4 address show {card}")


def test_row_10_br0_survives_a_reboot(lab: Lab, nodes: Nodes) -> None:
    """After a reboot, with new interfaces, the bridge is back by itself, and so is libvirt."""
    node = lab.topology.hypervisors[-1]
    before = nodes[node.name].check_output(
        "cat /proc/sys/kernel/random/boot_id; stat -c %Y /proc/1"
    )
    lab.reboot(node)
    host = nodes[node.name]
    assert host.check_output("cat /proc/sys/kernel/random/boot_id; stat -c %Y /proc/1") != before
    started = "systemctl show --property=ActiveEnterTimestampMonotonic --value libvirtd.service"
    host.check_output(  # by the boot: nobody has connected yet, and it may have ended again
        f"{within(lab, 30)} sh -c 'while [ \"$({started})\" = 0 ]; do sleep 0.5; done'"
    )
    assert str(node.address) in host.interface(lab.topology.network.bridge).addresses
    assert f"master {lab.topology.network.bridge}" in host.check_output(
        f"ip link show {wire(host, node)}"
    )
    assert host.check_output("virsh -c qemu:///system uri") == "qemu:///system"


def test_row_11_one_pool_of_one_path_on_all_hosts(
    lab: Lab, hypervisors: Nodes, kernels_mount_nfs: bool
) -> None:
    """The share is mounted, and libvirt's pool of the same name lies on it and starts by itself."""
    if not kernels_mount_nfs:
        pytest.skip("a kernel here mounts no NFS: there is neither a mount nor a pool over it")
    share = lab.topology.share
    for host in hypervisors.values():
        assert host.mount_point(str(share.path)).exists
        pool = host.check_output(f"LC_ALL=C virsh pool-info {share.path.name}")
        assert re.search(r"State: +running", pool)
        assert re.search(r"Autostart: +yes", pool)
        path = f"<path>{share.path}</path>"
        assert path in host.check_output(f"virsh pool-dumpxml {share.path.name}")


def test_row_11_qemu_opens_the_share_by_itself(
    lab: Lab, hypervisors: Nodes, kernels_mount_nfs: bool
) -> None:
    """The same image by the same address from all hosts, as QEMU's user."""
    if kernels_mount_nfs:
        pytest.skip("the kernels here mount NFS: the share is used by a mount and a pool")
    owner, share = lab.topology.share.owner, lab.topology.share
    image = f"nfs://{lab.topology.storage.address}{share.path}/{lab.topology.guest.name}.img"
    for host in hypervisors.values():
        host.check_output(
            f"{within(lab, 20)} setpriv --reuid={owner} --regid={owner} --clear-groups"
            f" qemu-img info --force-share '{image}'"
        )


def test_row_12_the_guest_starts_on_the_source_as_declared(
    lab: Lab, hypervisors: Nodes, guest: Any
) -> None:
    """Defined, running, with the declared memory, processors and network card on the bridge."""
    stop_guest(lab)
    guest.ensure_running()
    declared, host = lab.topology.guest, hypervisors[lab.topology.source.name]
    told = host.check_output(f"LC_ALL=C virsh dominfo {declared.name}")
    assert re.search(r"State: +running", told)
    assert re.search(r"Persistent: +yes", told)
    assert re.search(rf"CPU\(s\): +{declared.vcpus}\b", told)
    assert re.search(rf"Max memory: +{declared.memory >> 10} KiB", told)
    card = host.check_output(f"virsh domiflist {declared.name}")
    assert re.search(rf"bridge +{lab.topology.network.bridge} +virtio +{declared.mac}", card)


@pytest.mark.parametrize("path", MADE_ALIKE)
def test_row_13_the_target_is_made_as_the_source_is(
    lab: Lab, hypervisors: Nodes, path: str
) -> None:
    """By the same code: what libvirt and the names are told is the same to the letter."""
    source = hypervisors[lab.topology.source.name].file(path).content_string
    own = re.compile(r"^(host_uuid|127\.0\.1\.1).*\n", re.MULTILINE)
    for host in hypervisors.values():
        assert own.sub("", host.file(path).content_string) == own.sub("", source)


def test_row_14_hosts_trust_each_other_and_nothing_else_listens(
    lab: Lab, hypervisors: Nodes
) -> None:
    """Each host manages the others by ``qemu+ssh``; only sshd listens on a hypervisor."""
    for name, host in hypervisors.items():
        for other in lab.topology.hypervisors:
            if other.name != name:
                uri = f"qemu+ssh://{other.name}/system"
                assert host.check_output(f"{within(lab, 20)} virsh -c {uri} hostname") == other.name
        listening = host.check_output("ss -Hltn | awk '{print $4}'").split()
        others = [each for each in listening if not each.startswith("127.")]
        assert {address.rpartition(":")[2] for address in others} == {"22"}


def test_row_15_names_resolve_to_the_declared_addresses(lab: Lab, nodes: Nodes) -> None:
    """Every host knows every host, and none takes itself for localhost."""
    for host in nodes.values():
        for node in lab.topology.nodes:
            assert host.addr(node.name).ipv4_addresses == [str(node.address)]
    for node in lab.topology.nodes:
        assert nodes[node.name].check_output("hostname") == node.name


def test_row_16_the_guest_runs_on_the_target_and_nowhere_else(
    lab: Lab, hypervisors: Nodes, migrate: Callable[..., Any]
) -> None:
    """Each host is asked: one has it, running, and no other has so much as its definition."""
    verdict, name = migrate(Scenario(load=IDLE)), lab.topology.guest.name
    assert verdict.fate == "moved", verdict.reasons
    for node, host in hypervisors.items():
        there = host.check_output("virsh list --all --name").split()
        running = host.check_output("virsh list --state-running --name").split()
        expected = [name] if node == verdict.migration.target else []
        assert (there, running) == (expected, expected), node


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
