"""Packages by the distribution's own manager."""

import pytest
from pyinfra.api.exceptions import OperationError

from miglab.packages import BASE, GUEST_BUILD, HYPERVISOR, KERNEL_NFS, NFS_MOUNT, USER_NFS, Family
from miglab.provision.packages import install
from tests.machines import Machine, run

WANTED: dict[Family, tuple[str, ...]] = {"debian": ("one", "two"), "redhat": ("uno", "due")}
APT = (
    'DEBIAN_FRONTEND=noninteractive apt-get -y -o Dpkg::Options::="--force-confdef"'
    ' -o Dpkg::Options::="--force-confold" install --no-install-recommends'
)


def wanted() -> None:
    """Installs what the cases are about."""
    install("cases", WANTED)


@pytest.mark.parametrize(
    ("os", "present", "expected"),
    [
        ("ID=debian", {"one", "two"}, []),
        ("ID=debian", {"one"}, ["apt-get update", f"{APT} two"]),
        ("ID=ubuntu\nID_LIKE=debian", set(), ["apt-get update", f"{APT} one two"]),
        ("ID=mint\nID_LIKE='ubuntu debian'", {"one", "two"}, []),
        ("ID=fedora", {"uno", "due"}, []),
        ('ID="rhel"', {"due"}, ["dnf install -y uno"]),
        ('ID="rocky"\nID_LIKE="rhel centos fedora"', set(), ["dnf install -y uno due"]),
    ],
)
def test_what_is_missing_is_installed(os: str, present: set[str], expected: list[str]) -> None:
    """And no list is read anew when nothing is."""
    changes = run(wanted, Machine(os=os, packages=present), "source")
    assert changes == ([("Packages: cases", expected)] if expected else [])


def test_dnf_is_not_asked_about_what_is_there() -> None:
    """Asking it who provides a package takes seconds for each, and the network."""
    host = Machine(os="ID=rhel", packages={"uno", "due"})
    assert run(wanted, host, "source") == []
    assert not [command for command in host.asked if "repoquery" in command]
    assert [command for command in host.asked if "rpm " in command]


def test_one_host_is_never_taken_for_another_that_is_gone() -> None:
    """What is remembered of a host goes with it, though a new one may lie at its address."""
    for _ in range(50):
        assert "apt-get update" in dict(run(wanted, Machine(), "source"))["Packages: cases"]
        assert "dnf" in str(run(wanted, Machine(os="ID=rhel"), "source"))


@pytest.mark.parametrize(
    ("os", "found"), [("ID=arch", "arch"), ("ID=x\nID_LIKE=suse", "suse x"), ("", "no /etc/os")]
)
def test_other_families_are_refused(os: str, found: str) -> None:
    """In one line: which host, what was expected, what it is."""
    with pytest.raises(OperationError, match=f"source: expected the Debian or RHEL.* {found}"):
        run(wanted, Machine(os=os), "source")


def test_no_list_names_what_the_rhel_family_lacks() -> None:
    """libnfs and QEMU's driver for it, networkd, and Debian's names of things."""
    lists = (BASE, GUEST_BUILD, HYPERVISOR, KERNEL_NFS, NFS_MOUNT, USER_NFS)
    names = {name for each in lists for name in each["redhat"]}
    assert not names & {"libnfs-utils", "qemu-block-extra", "systemd-networkd", "nfs-common"}
    assert {"libvirt", "qemu-kvm", "nfs-utils"} <= names


OLD = 'NAME="{}"\nID={}\nID_LIKE="rhel centos fedora"\nVERSION_ID="{}"\n'


@pytest.mark.parametrize(
    ("name", "identity", "version"),
    [("CentOS Linux", "centos", "7"), ("Rocky Linux", "rocky", "8.10")],
)
def test_what_is_too_old_is_refused(name: str, identity: str, version: str) -> None:
    """The tutorial's own CentOS 7 by its name."""
    host = Machine(os=OLD.format(name, identity, version))
    message = f"expected release 9 or later of the RHEL family, found {name} {version}, whose"
    with pytest.raises(OperationError, match=f"source: {message}"):
        run(wanted, host, "source")


@pytest.mark.parametrize(
    ("name", "identity", "version"),
    [("RHEL", "rhel", "10.0"), ("CentOS Stream", "centos", "9"), ("Fedora", "fedora", "42")],
)
def test_what_is_new_enough_is_served_by_dnf(name: str, identity: str, version: str) -> None:
    """Whatever its clone is called."""
    assert "dnf" in str(run(wanted, Machine(os=OLD.format(name, identity, version)), "source"))
