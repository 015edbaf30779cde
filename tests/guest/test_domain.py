"""The guest's domain, as libvirt will parse it."""

from ipaddress import IPv4Address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from miglab.declaration import load
from miglab.guest.boot import boot_directory
from miglab.guest.domain import (
    Cpu,
    Platform,
    domain_xml,
    kernel_command_line,
    newest_common_machine,
)
from miglab.topology import Topology

TOPOLOGY = load(Path(__file__).parents[2] / "inventories" / "topology.yaml")
EMULATED = Platform(acceleration="qemu", machine="pc-q35-10.0")
IMAGE = "/opt/kvmshare/vm1.img"


def parsed(platform: Platform = EMULATED, topology: Topology = TOPOLOGY) -> etree._Element:
    """The domain element."""
    return etree.fromstring(domain_xml(topology, platform).encode())


@pytest.mark.parametrize(
    ("place", "attribute", "value"),
    [
        (".", "type", "qemu"),
        ("name", None, "vm1"),
        ("memory", None, str(256 << 20)),
        ("memory", "unit", "b"),
        ("vcpu", None, "2"),
        ("os/type", "machine", "pc-q35-10.0"),
        ("os/kernel", None, f"{boot_directory()}/vmlinuz"),
        ("os/initrd", None, f"{boot_directory()}/initramfs.gz"),
        ("os/cmdline", None, kernel_command_line(TOPOLOGY)),
        ("cpu/model", None, "qemu64"),
        ("cpu/model", "fallback", "forbid"),
        ("devices/disk/driver", "cache", "none"),
        ("devices/disk/target", "dev", "vda"),
        ("devices/interface/mac", "address", str(TOPOLOGY.guest.mac)),
        ("devices/interface/source", "bridge", "br0"),
        ("devices/memballoon", "model", "none"),
    ],
)
def test_the_domain_is_the_declaration_s(place: str, attribute: str | None, value: str) -> None:
    """Each value comes from where it is declared, once."""
    (found,) = parsed().findall(place)
    assert (found.get(attribute) if attribute else found.text) == value


def test_a_real_guest_boots_from_its_own_disk() -> None:
    """By the loader on it: no kernel of ours is told to the host, and the disk is its own."""
    guest = TOPOLOGY.guest.model_copy(update={"system": "debian-13"})
    domain = parsed(topology=TOPOLOGY.model_copy(update={"guest": guest}))
    assert [(each.tag, each.get("dev")) for each in domain.findall("os/*")] == [
        ("type", None),
        ("boot", "hd"),
    ]
    (source,) = domain.findall("devices/disk/source")
    assert str(source.get("name")).startswith("/opt/kvmshare/vm1.debian-13-")


def test_the_kernel_is_told_where_it_lives() -> None:
    """Address with prefix, and the port that control asks at."""
    words = kernel_command_line(TOPOLOGY).split()
    assert "miglab.address=192.168.80.50/24" in words
    assert "miglab.port=7070" in words


def test_a_pooled_disk_is_a_file() -> None:
    """Where each host has mounted the share, the image is a file below it."""
    (disk,) = parsed(EMULATED.model_copy(update={"pooled": True})).findall("devices/disk")
    assert disk.get("type") == "file"
    assert [source.items() for source in disk.findall("source")] == [[("file", IMAGE)]]


def test_a_disk_without_a_mount_is_fetched_by_qemu() -> None:
    """Over NFS from the declared server, as the numeric owner of the images."""
    (disk,) = parsed().findall("devices/disk")
    (source,) = disk.findall("source")
    assert disk.get("type") == "network"
    assert source.items() == [("protocol", "nfs"), ("name", IMAGE)]
    assert source.findall("host")[0].get("name") == "192.168.80.100"
    owner = [("user", "+64055"), ("group", "+64055")]
    assert source.findall("identity")[0].items() == owner


@pytest.mark.parametrize("pooled", [False, True])
def test_a_disk_by_iscsi_is_a_lun_of_the_server_s(pooled: bool) -> None:
    """QEMU logs in by itself; a pool that is left over from another kind of share is none of it."""
    share = TOPOLOGY.share.model_copy(update={"kind": "iscsi"})
    platform = EMULATED.model_copy(update={"pooled": pooled})
    domain = parsed(platform, TOPOLOGY.model_copy(update={"share": share}))
    (disk,) = domain.findall("devices/disk")
    assert disk.get("type") == "network"
    assert disk.findall("driver")[0].get("cache") == "none"
    (source,) = disk.findall("source")
    assert source.items() == [("protocol", "iscsi"), ("name", "iqn.2026-01.test.miglab:vm1/1")]
    assert [host.items() for host in source] == [[("name", "192.168.80.100"), ("port", "3260")]]


@pytest.mark.parametrize("pooled", [False, True])
def test_a_local_disk_is_a_file_of_the_host_s(pooled: bool) -> None:
    """In a format that knows of a base; wherever the share is mounted does not matter."""
    guest = TOPOLOGY.guest.model_copy(update={"storage": "local"})
    platform = EMULATED.model_copy(update={"pooled": pooled})
    domain = parsed(platform, TOPOLOGY.model_copy(update={"guest": guest}))
    (disk,) = domain.findall("devices/disk")
    assert disk.get("type") == "file"
    assert disk.findall("driver")[0].items() == [
        ("name", "qemu"),
        ("type", "qcow2"),
        ("cache", "none"),
    ]
    assert [source.items() for source in disk.findall("source")] == [
        [("file", "/var/lib/miglab/disks/vm1.qcow2")]
    ]
    assert disk.findall("target")[0].items() == [("dev", "vda"), ("bus", "virtio")]


def test_under_kvm_what_some_host_lacks_is_switched_off() -> None:
    """The model of all hosts, less the features that not all of them have."""
    cpu = Cpu(model="Skylake-Client-IBRS", disabled=("hle", "rtm"))
    domain = parsed(Platform(acceleration="kvm", machine="pc-q35-9.2", cpu=cpu))
    assert domain.get("type") == "kvm"
    assert domain.findtext("cpu/model") == "Skylake-Client-IBRS"
    features = {f.get("name"): f.get("policy") for f in domain.findall("cpu/feature")}
    assert features == {"hle": "disable", "rtm": "disable"}


@given(st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"]), min_size=1))
def test_odd_names_stay_names(name: str) -> None:
    """Whatever a declaration may one day allow, it cannot become XML of its own."""
    guest = TOPOLOGY.guest.model_copy(update={"name": name})
    cpu = Cpu(model=name, disabled=(name,))
    platform = Platform(acceleration="kvm", machine=name, cpu=cpu, pooled=True)
    domain = parsed(platform, TOPOLOGY.model_copy(update={"guest": guest}))
    assert domain.findtext("name") == domain.findtext("cpu/model") == name
    assert domain.findall("os/type")[0].get("machine") == name
    assert domain.findall("cpu/feature")[0].get("name") == name
    plain = EMULATED.model_copy(update={"cpu": Cpu(disabled=("hle",)), "pooled": True})
    assert len(list(domain.iter())) == len(list(parsed(plain).iter()))


def test_the_uuid_is_the_guest_s() -> None:
    """The same for the same guest, another for another: hosts tell guests apart by it."""
    other = TOPOLOGY.guest.model_copy(update={"mac": "52:54:00:80:00:51"})
    moved = TOPOLOGY.guest.model_copy(update={"address": IPv4Address("192.168.80.51")})
    uuids = [
        parsed(topology=TOPOLOGY.model_copy(update={"guest": guest})).findtext("uuid")
        for guest in (TOPOLOGY.guest, moved, other)
    ]
    assert uuids[0] == uuids[1] != uuids[2]


def capabilities(*machines: str, arch: str = "x86_64") -> str:
    """What a host offers, with another architecture beside it."""
    offered = "".join(f"<machine maxCpus='255'>{machine}</machine>" for machine in machines)
    return (
        "<capabilities><guest><arch name='i686'><machine>pc-q35-99.0</machine></arch></guest>"
        f"<guest><os_type>hvm</os_type><arch name='{arch}'>{offered}<domain type='kvm'/></arch>"
        "</guest></capabilities>"
    )


@pytest.mark.parametrize(
    ("offers", "newest"),
    [
        ([["pc-q35-9.2", "pc-q35-10.0", "pc-q35-8.0"], ["pc-q35-10.0", "pc-q35-9.2"]], "10.0"),
        ([["pc-q35-9.2", "pc-q35-10.0"], ["pc-q35-9.2"]], "9.2"),
        ([["pc-q35-10.0"], ["pc-q35-9.2"]], None),
        ([["pc-i440fx-10.0", "q35", "pc-q35-7.2"], ["pc-i440fx-10.0", "q35", "pc-q35-7.2"]], "7.2"),
        ([["pc-q35-rhel8.6.0", "pc-q35-rhel9.6.0", "pc-q35-rhel10.0.0"]], "rhel10.0.0"),
        ([["pc-q35-rhel8.6.0", "pc-q35-rhel9.0.0"]], "rhel9.0.0"),
        ([["pc-q35-2.4", "pc-q35-noble", "pc-q35-2.10"]], "2.10"),
        ([[]], None),
        ([], None),
    ],
)
def test_the_newest_common_machine(offers: list[list[str]], newest: str | None) -> None:
    """By version and not by spelling, and only of the guest's architecture."""
    found = newest_common_machine([capabilities(*machines) for machines in offers])
    assert found == (newest and f"pc-q35-{newest}")
