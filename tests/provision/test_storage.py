"""The NFS server and the mounted share, as whole deploys on machines of each family."""

from pathlib import PurePosixPath

import pytest
from pyinfra.api.exceptions import OperationError

from miglab.packages import KERNEL_NFS, NFS_MOUNT, USER_NFS
from miglab.provision.block import WRITTEN
from miglab.provision.exports import NFS_CONF, ganesha_config, kernel_exports
from miglab.provision.owned import owned_commands
from miglab.provision.storage import (
    SERVER_CONF,
    deploy_share,
    deploy_storage,
    mount_text,
    mount_unit,
)
from miglab.topology import Topology
from tests.machines import Changes, Machine, run
from tests.provision.networks import APPLIED, links

DEBIAN, ROCKY = "ID=debian\n", 'ID="rocky"\nID_LIKE="rhel centos fedora"\nVERSION_ID="9.4"\n'
SERVES, MOUNTS, VERSION = "mount -t nfsd", "modprobe -q nfsv4", "ganesha.nfsd -v"
OWNED = {"/opt/kvmshare": "64055:64055 750", "/opt/kvmshare/vm1.img": "64055:64055 660"}
EXPORTS, GANESHA = "/etc/exports.d/miglab.exports", "/etc/ganesha/ganesha.conf"
RIGHT_POOL = "active running\nautostart yes\npath /opt/kvmshare\n"


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (None, ["make it", "chown 7:7 /x && chmod 750 /x"]),
        ("0:0 755", ["chown 7:7 /x && chmod 750 /x"]),
        ("7:7 777", ["chown 7:7 /x && chmod 750 /x"]),
        ("7:0 750", ["chown 7:7 /x && chmod 750 /x"]),
        ("7:7 750", []),
    ],
)
def test_a_path_is_made_once_and_owned(found: str | None, expected: list[str]) -> None:
    """Numbers, because they are what NFS knows; what is there is never made again."""
    assert list(owned_commands("/x", "make it", 7, "750", found)) == expected


@pytest.mark.parametrize(
    ("path", "unit"),
    [
        ("/opt/kvmshare", "opt-kvmshare.mount"),
        ("/srv/kvm-share", r"srv-kvm\x2dshare.mount"),
        ("/.hidden/x.y", r"\x2ehidden-x.y.mount"),
        ("/a_b", "a_b.mount"),
    ],
)
def test_a_mount_is_named_as_systemd_demands(path: str, unit: str) -> None:
    """What systemd-escape --path prints for these."""
    assert mount_unit(PurePosixPath(path)) == unit


def names(changes: Changes) -> list[str]:
    """The operations, without the deploy's name."""
    return [name.partition(" | ")[2] for name, _ in changes]


def test_a_debian_machine_serves_from_its_kernel(topology: Topology) -> None:
    """Packages, directory, image, and then the services in the tutorial's order."""
    changes = run(deploy_storage, Machine(says={SERVES: "yes"}), "nfs", topology=topology)
    assert names(changes) == [
        "Packages: NFS server",
        "The shared directory",
        "The guest's disk image",
        "rpcbind runs first",
        "Exports to the hypervisors",
        "NFS server runs",
        "Exports take effect",
    ]
    done = dict(changes)
    assert done["Storage | Packages: NFS server"][0] == "apt-get update"
    assert "nfs-kernel-server" in done["Storage | Packages: NFS server"][1]
    assert done["Storage | rpcbind runs first"] == [
        "systemctl start rpcbind.socket",
        "systemctl enable rpcbind.socket",
    ]
    write, _ = done["Storage | Exports to the hypervisors"]
    assert f"'{kernel_exports(topology)}' > {EXPORTS}.new" in write
    assert done["Storage | NFS server runs"] == [
        "systemctl start nfs-server.service",
        "systemctl enable nfs-server.service",
    ]


def test_a_real_guest_s_disk_is_not_made_here(topology: Topology) -> None:
    """An empty one would be of no use to it."""
    guest = topology.guest.model_copy(update={"system": "debian-13"})
    real = topology.model_copy(update={"guest": guest})
    changes = run(deploy_storage, Machine(says={SERVES: "yes"}), "nfs", topology=real)
    assert "The guest's disk image" not in names(changes)


def test_a_rhel_machine_serves_from_its_kernel(topology: Topology) -> None:
    """The same order, by dnf and under the same unit names."""
    rocky = Machine(os=ROCKY, says={SERVES: "yes"})
    changes = dict(run(deploy_storage, rocky, "nfs", topology=topology))
    assert changes["Storage | Packages: NFS server"] == ["dnf install -y rpcbind nfs-utils"]
    order = list(changes)
    assert order.index("Storage | rpcbind runs first") < order.index("Storage | NFS server runs")


def test_a_container_serves_by_ganesha(topology: Topology) -> None:
    """Its version is asked after it was installed: before that, nobody knows it."""
    fresh = Machine(says={SERVES: "no"}, changes={"nfs-ganesha-vfs": {VERSION: "6"}})
    changes = run(deploy_storage, fresh, "nfs", topology=topology)
    assert names(changes) == [
        "Packages: NFS server",
        "The shared directory",
        "The guest's disk image",
        "rpcbind runs first",
        "Exports to the hypervisors",
        "Exports take effect",
        "NFS server runs",
    ]
    write, _ = dict(changes)["Storage | Exports to the hypervisors"]
    assert f"'{ganesha_config(topology, 6)}' > {GANESHA}.new" in write


def test_a_running_ganesha_is_restarted_for_its_exports(topology: Topology) -> None:
    """Once, and only because they changed."""
    drifted = right_container(topology)
    drifted.files[GANESHA] = drifted.files[GANESHA].replace("192.168.80.161", "192.168.80.162")
    changes = run(deploy_storage, drifted, "nfs", topology=topology)
    assert names(changes) == ["Exports to the hypervisors", "Exports take effect"]
    assert changes[1][1] == ["systemctl restart nfs-ganesha.service"]


def right_container(topology: Topology) -> Machine:
    """A Debian container on which nothing is left to do."""
    services = {"rpcbind.socket", "nfs-ganesha.service"}
    return Machine(
        says={SERVES: "no", VERSION: "4"},
        files={GANESHA: ganesha_config(topology, 4)},
        owners=OWNED,
        packages=set(USER_NFS["debian"]),
        active=set(services),
        enabled=services,
    )


def right_server(topology: Topology, os: str) -> Machine:
    """A machine whose kernel serves and on which nothing is left to do."""
    services = {"rpcbind.socket", "nfs-server.service"}
    return Machine(
        os=os,
        says={SERVES: "yes"},
        files={EXPORTS: kernel_exports(topology)},
        owners=OWNED,
        packages=set(KERNEL_NFS["debian" if os == DEBIAN else "redhat"]),
        active=set(services),
        enabled=services,
    )


def test_a_server_that_is_right_is_left_alone(topology: Topology) -> None:
    """No operation has a command, on any kind of server."""
    for right in (
        right_container(topology),
        right_server(topology, DEBIAN),
        right_server(topology, ROCKY),
    ):
        assert run(deploy_storage, right, "nfs", topology=topology) == []


def test_a_line_removed_from_exports_comes_back(topology: Topology) -> None:
    """The kernel is told, and nothing else is touched."""
    drifted = right_server(topology, DEBIAN)
    drifted.files[EXPORTS] = drifted.files[EXPORTS].splitlines()[0] + "\n"
    changes = run(deploy_storage, drifted, "nfs", topology=topology)
    assert names(changes) == ["Exports to the hypervisors", "Exports take effect"]
    assert changes[1][1] == ["exportfs -a"]


def test_a_stopped_server_is_started(topology: Topology) -> None:
    """One operation, one command."""
    drifted = right_server(topology, DEBIAN)
    drifted.active.remove("nfs-server.service")
    changes = run(deploy_storage, drifted, "nfs", topology=topology)
    assert changes == [("Storage | NFS server runs", ["systemctl start nfs-server.service"])]


def share(host: Machine, topology: Topology) -> Changes:
    """What the share changes on the first hypervisor."""
    return run(deploy_share, host, "source", topology=topology, node=topology.source)


def right_mount(topology: Topology, os: str, **says: str) -> Machine:
    """A hypervisor that has the share mounted and the pool over it."""
    daemons = ("libvirtd",) if os == DEBIAN else ("virtqemud", "virtstoraged")
    return Machine(
        os=os,
        says={MOUNTS: "yes", "virsh": RIGHT_POOL, "ip -j": links(APPLIED), **says},
        files={
            "/etc/systemd/system/opt-kvmshare.mount": mount_text(topology),
            **{
                f"/etc/systemd/system/{each}.service.d/miglab.conf": f"{WRITTEN}[Unit]\n"
                "After=opt-kvmshare.mount\n"
                for each in daemons
            },
        },
        owners=OWNED,
        packages=set(NFS_MOUNT["debian" if os == DEBIAN else "redhat"]),
        active={"opt-kvmshare.mount", "systemd-networkd.service"},
        enabled={"opt-kvmshare.mount"},
    )


def test_a_mounted_share_is_left_alone(topology: Topology) -> None:
    """No operation has a command, with SELinux or without."""
    selinux = {"selinuxenabled": "yes", "getsebool": "virt_use_nfs --> on"}
    for right in (
        right_mount(topology, DEBIAN),
        right_mount(topology, ROCKY, **selinux),
    ):
        assert run(deploy_share, right, "source", topology=topology, node=topology.source) == []


def test_a_rhel_hypervisor_mounts_the_share(topology: Topology) -> None:
    """SELinux lets QEMU use it; the unit is known before it starts, and the pool comes last."""
    fresh = Machine(
        os=ROCKY,
        says={
            MOUNTS: "yes",
            "selinuxenabled": "yes",
            "ip -j": links(APPLIED),
            "is-enabled NetworkManager-wait-online": "yes",
        },
        active={"NetworkManager.service"},
    )
    changes = share(fresh, topology)
    assert names(changes) == [
        "Packages: NFS client",
        "QEMU may use NFS",
        "The network is waited for at boot",
        "The mount point",
        "The mount, after the network",
        "virtqemud starts after the mount",
        "virtstoraged starts after the mount",
        "systemd knows the mount",
        "The share is mounted",
        "The libvirt pool over the share",
    ]
    done = [command for _, commands in changes for command in commands]
    assert "setsebool -P virt_use_nfs on" in done
    assert "systemctl enable NetworkManager-wait-online.service" in done
    assert done[-3:] == [
        "virsh -q pool-define-as kvmshare dir --target /opt/kvmshare",
        "virsh -q pool-start kvmshare",
        "virsh -q pool-autostart kvmshare",
    ]


def test_a_debian_kernel_without_nfs_mounts_nothing(topology: Topology) -> None:
    """There QEMU is its own NFS client."""
    assert share(Machine(says={MOUNTS: "no"}), topology) == []


def test_a_rhel_kernel_without_nfs_is_an_error(topology: Topology) -> None:
    """Its QEMU has no NFS client, so there is no way to the images."""
    with pytest.raises(OperationError, match=r"source: expected a kernel that mounts NFS.*nfsv4"):
        share(Machine(os=ROCKY, says={MOUNTS: "no"}), topology)


def by_version_3(topology: Topology) -> Topology:
    """The shipped declaration, with NFSv3."""
    share = topology.share.model_copy(update={"version": "3"})
    return topology.model_copy(update={"share": share})


def test_version_3_has_fixed_ports(topology: Topology) -> None:
    """Only where it is declared; what we wrote goes when it is declared no more."""
    host, v3 = right_server(topology, DEBIAN), by_version_3(topology)
    changes = run(deploy_storage, host, "nfs", topology=v3)
    assert names(changes) == ["Ports of NFSv3", "Ports take effect"]
    assert f"'{NFS_CONF}' > {SERVER_CONF}.new" in changes[0][1][0]
    assert changes[1][1] == ["systemctl restart nfs-server.service"]
    host.files[SERVER_CONF] = NFS_CONF
    assert run(deploy_storage, host, "nfs", topology=v3) == []
    gone = run(deploy_storage, host, "nfs", topology=topology)
    assert dict(gone)["Storage | No ports of NFSv3"] == [f"rm -f {SERVER_CONF}"]
    host.files[SERVER_CONF] = "[mountd]\nport=7\n"
    assert run(deploy_storage, host, "nfs", topology=topology) == []


def test_the_mount_says_the_version(topology: Topology) -> None:
    """Hard, and as a network's file system, by either."""
    assert "\nOptions=vers=4.2,hard,_netdev\n" in mount_text(topology)
    (options,) = [
        line for line in mount_text(by_version_3(topology)).splitlines() if "Options" in line
    ]
    words = options.removeprefix("Options=").split(",")
    assert {"vers=3", "mountport=20048", "port=2049", "nolock", "hard", "_netdev"} <= set(words)
