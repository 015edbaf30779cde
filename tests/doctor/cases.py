"""Every failure as a change of what a healthy lab said: the table that checks are held to."""

from typing import NamedTuple

from tests.doctor.recorded import HEALTHY, Change

PATH = "/opt/kvmshare/vm1.img"
DISK = "<source protocol='nfs' name='/opt/kvmshare/vm1.img'"
FILE = "<source file='/opt/kvmshare/vm1.img'/><source protocol='nfs' name='/x'"
"""The disk as the kernel's NFS client would give it."""
TO_FILE = (
    Change("target", "domains", "<disk type='network'", "<disk type='file'"),
    Change("target", "domains", DISK, FILE),
)
MOUNT = f"mount nfs:/opt/kvmshare {PATH.rpartition('/')[0]} nfs4 rw,hard,vers=4.2"
MOUNTED = (
    Change("target", "mounts", "", MOUNT),
    Change("source", "mounts", "", MOUNT),
    Change("source", "images", f"{PATH} absent", f"{PATH} 64055 64055 600 regular file"),
)
ISO = "<disk type='file' device='cdrom'><source file='/seed.iso'/><readonly/></disk></devices>"
KVM = Change("target", "domains", "<domain type='qemu'", "<domain type='kvm'")
KVM_WORKS = tuple(
    Change(host, "acceleration", "kvm fails", "kvm works") for host in ("source", "target")
)
WELL = HEALTHY.hosts[0].lines("images", "image")[0]
LIBEXEC = "image /usr/libexec"
DEVICE = (
    Change("target", "domains", "<disk type='network'", "<disk type='block'"),
    Change(
        "target", "domains", DISK, "<source dev='/dev/san/vm1'/><source protocol='nfs' name='x'"
    ),
)
"""The disk as a device of the host's, such as a LUN."""
LACKS_DEVICE = Change("source", "images", LIBEXEC, f"image /dev/san/vm1 absent\n{LIBEXEC}")
HAS_DEVICE = Change(
    "source", "images", LIBEXEC, f"image /dev/san/vm1 0 6 660 block special file\n{LIBEXEC}"
)
NO_DEVICE = Change("source", "postcopy", "device 600 0 0", "device absent")
OLD_LIBVIRT = Change(
    "source", "libvirt", "Using library: libvirt 11.3.0", "Using library: libvirt 9.0.0"
)
OLD_QEMU = Change("source", "postcopy", "10.0.13", "7.2.19")
SELINUX = "selinux Enforcing\nboolean virt_use_nfs off"
PRINT = "fingerprint /etc/pki/qemu/ca-cert.pem "
LONELY = 'set qemu.conf migration_address "127.0.0.1"'
NAMESAKE = (
    "domain 00000000-0000-4000-8000-000000000001 yes shut off\n"
    "<domain type='qemu'><name>vm1</name></domain>"
)
READ_ONLY = (
    "kernel /opt/kvmshare 192.168.80.0/24(ro,sync,root_squash)\n"
    "kernel /opt/kvmshare 192.168.80.161(rw)"
)
FREE = HEALTHY.hypervisors[0].line("memory", "MemAvailable")
TO_SOURCE, TO_TARGET, BOTH = "target → source", "source → target", "source → target"


class Case(NamedTuple):
    """A name for people, what is changed, and what then must be found; all of it."""

    name: str
    changes: tuple[Change, ...]
    expected: tuple[str, str, str]
    policy: str | None = None


CASES = [
    Case(
        "a name that leads home",
        (Change("target", "names", "name source 192.168.80.121", "name source 127.0.0.1"),),
        ("blocks", "name-resolution", TO_SOURCE),
    ),
    Case(
        "a name that leads nowhere",
        (Change("target", "names", "name source 192.168.80.121", "name source"),),
        ("blocks", "name-resolution", TO_SOURCE),
    ),
    Case(
        "a name that leads elsewhere",
        (Change("target", "names", "name source 192.168.80.121", "name source 10.0.0.7"),),
        ("blocks", "name-resolution", TO_SOURCE),
    ),
    Case(
        "a host called localhost",
        (Change("source", "identity", "hostname source", "hostname localhost.localdomain"),),
        ("blocks", "name-resolution", "source"),
    ),
    Case(
        "a firewall that is silent",
        (Change("target", "ports", "49152 refused", "49152 silent"),),
        ("blocks", "migration-ports", TO_SOURCE),
    ),
    Case(
        "a firewall that refuses, seen by trying",
        (Change("source", "deep-ports", "49215 open", "49215 refused"),),
        ("blocks", "migration-ports", TO_TARGET),
    ),
    Case(
        "cloned machines",
        (Change("source", "capabilities", "", HEALTHY.hypervisors[1].text("capabilities")),),
        ("blocks", "same-host-uuid", BOTH),
    ),
    Case(
        "flushes ignored",
        (Change("target", "domains", "cache='none'", "cache='unsafe'"),),
        ("dangerous", "disk-cache", TO_SOURCE),
    ),
    Case(
        "a cache that an old QEMU does not drop",
        (
            *TO_FILE,
            *MOUNTED,
            Change("target", "domains", "cache='none'", "cache='writeback'"),
            Change("source", "postcopy", "10.0.13", "2.12.0"),
        ),
        ("blocks", "disk-cache", TO_SOURCE),
    ),
    Case("a disk of the host's own", TO_FILE, ("blocks", "local-disk", TO_SOURCE)),
    Case(
        "a share that is not mounted",
        (*TO_FILE, MOUNTED[0]),
        ("blocks", "image-missing", TO_SOURCE),
    ),
    Case(
        "a device that the other has not",
        (*DEVICE, LACKS_DEVICE),
        ("blocks", "image-missing", TO_SOURCE),
    ),
    Case(
        "an image that was renamed",
        (Change("nfs", "images", WELL, f"{PATH} absent"),),
        ("blocks", "image-missing", TO_SOURCE),
    ),
    Case(
        "a seed image",
        (
            Change("target", "domains", "</devices>", ISO),
            Change("source", "images", LIBEXEC, f"image /seed.iso absent\n{LIBEXEC}"),
        ),
        ("blocks", "local-media", TO_SOURCE),
    ),
    Case(
        "another number for QEMU",
        (Change("source", "users", "set user +64055", "set user +107"),),
        ("dangerous", "qemu-user", BOTH),
    ),
    Case(
        "an account of another number",
        (
            Change("source", "users", "", "account qemu 107 107"),
            Change("target", "users", "", "account qemu 986 107"),
        ),
        ("dangerous", "qemu-user", BOTH),
    ),
    Case(
        "an image of root's",
        (Change("nfs", "images", WELL, f"{PATH} 0 0 600 regular file"),),
        ("blocks", "share-permission", TO_SOURCE),
    ),
    Case(
        "an image that may only be read",
        (Change("nfs", "images", WELL, f"{PATH} 64055 64055 444 regular file"),),
        ("blocks", "share-permission", TO_SOURCE),
    ),
    Case(
        "SELinux without the boolean",
        (
            Change("source", "mounts", "", MOUNT),
            Change("source", "security", "selinux absent", SELINUX),
        ),
        ("blocks", "mandatory-access", "source"),
    ),
    Case(
        "AppArmor without its template",
        (
            Change("source", "capabilities", "<model>none</model>", "<model>apparmor</model>"),
            Change("source", "security", "profile /etc/apparmor.d/libvirt/TEMPLATE.qemu", "x"),
        ),
        ("blocks", "mandatory-access", "source"),
    ),
    Case(
        "the host's processor, and another there",
        (
            KVM,
            *KVM_WORKS,
            Change("target", "domains", "<cpu mode='custom'", "<cpu mode='host-passthrough'"),
            Change("source", "processor", " avx512f ", " "),
        ),
        ("blocks", "cpu-model", TO_SOURCE),
    ),
    Case(
        "the host's processor, of another make",
        (
            KVM,
            *KVM_WORKS,
            Change("target", "domains", "<cpu mode='custom'", "<cpu mode='host-passthrough'"),
            Change("source", "processor", "model AMD", "model GenuineIntel"),
        ),
        ("dangerous", "cpu-model", TO_SOURCE),
    ),
    Case(
        "invtsc",
        (KVM, *KVM_WORKS, Change("target", "domains", "name='hypervisor'", "name='invtsc'")),
        ("blocks", "cpu-model", TO_SOURCE),
    ),
    Case(
        "all that an emulator has, and another emulator",
        (
            Change("target", "domains", "<cpu mode='custom'", "<cpu mode='maximum'"),
            Change("source", "postcopy", "10.0.13", "9.2.0"),
        ),
        ("dangerous", "cpu-model", TO_SOURCE),
    ),
    Case(
        "a machine of a newer QEMU",
        (Change("target", "domains", "pc-q35-10.0", "pc-q35-11.1"),),
        ("blocks", "machine-type", TO_SOURCE),
    ),
    Case(
        "a QEMU elsewhere",
        (Change("source", "images", "x86_64 0 0 755 regular file", "x86_64 absent"),),
        ("blocks", "machine-type", TO_SOURCE),
    ),
    Case(
        "a bridge that is missing",
        (Change("source", "network", "link br0 bridge", "link br7 bridge"),),
        ("blocks", "bridge", TO_SOURCE),
    ),
    Case(
        "a bridge that leads nowhere",
        (Change("source", "network", "plugged ens33 br0", "plugged ens33 br1"),),
        ("dangerous", "bridge", TO_SOURCE),
    ),
    Case(
        "another MTU",
        (Change("source", "network", "link br0 bridge up 1500", "link br0 bridge up 1400"),),
        ("dangerous", "bridge", TO_SOURCE),
    ),
    Case(
        "a bridge that learns late",
        (
            Change("source", "network", "br0 stp_state 0", "br0 stp_state 1"),
            Change("source", "network", "br0 forward_delay 200", "br0 forward_delay 1500"),
        ),
        ("dangerous", "announce", TO_SOURCE),
    ),
    Case(
        "a host key that nobody knows",
        (Change("source", "trust", "target 0", "target 255 Host key verification failed."),),
        ("blocks", "ssh-trust", TO_TARGET),
    ),
    Case(
        "libvirt off",
        (
            Change("source", "libvirt", "libvirtd active", "libvirtd inactive"),
            Change("source", "libvirt", "libvirtd.socket active", "libvirtd.socket inactive"),
        ),
        ("blocks", "libvirt-listener", "source"),
    ),
    Case(
        "a certificate of yesterday",
        (Change("source", "certificates", "cert.pem: OK", "cert.pem: certificate has expired"),),
        ("blocks", "libvirt-listener", "source"),
    ),
    Case(
        "another authority",
        (Change("source", "certificates", PRINT, f"{PRINT}00:"),),
        ("blocks", "libvirt-listener", BOTH),
    ),
    Case(
        "QEMU at an address of its own",
        (Change("source", "libvirt", "set qemu.conf user", f"{LONELY}\nset qemu.conf user"),),
        ("blocks", "libvirt-listener", "source"),
    ),
    Case(
        "a namesake",
        (Change("source", "domains", "", NAMESAKE),),
        ("blocks", "left-over-domain", TO_SOURCE),
    ),
    Case(
        "a load that never fits",
        (Change("target", "deep-rate", "", "dirty vm1 400"),),
        ("slow", "never-converges", TO_SOURCE),
    ),
    Case(
        "no userfaultfd, and post-copy is wanted",
        (OLD_QEMU,),
        ("blocks", "userfaultfd", "source"),
        policy="postcopy",
    ),
    Case(
        "a kernel without the device",
        (NO_DEVICE,),
        ("blocks", "userfaultfd", "source"),
        policy="postcopy",
    ),
    Case(
        "a libvirt that hands no device over",
        (OLD_LIBVIRT,),
        ("blocks", "userfaultfd", "source"),
        policy="postcopy",
    ),
    Case(
        "a device that is open, and a QEMU that does not look for it",
        (OLD_QEMU, Change("source", "postcopy", "device 600 0 0", "device 666 0 0")),
        ("blocks", "userfaultfd", "source"),
        policy="postcopy",
    ),
    Case(
        "a share that gives up",
        (Change("source", "mounts", "", MOUNT.replace("hard", "soft")),),
        ("dangerous", "nfs-soft-mount", "source"),
    ),
    Case(
        "the tutorial's export",
        (Change("nfs", "exports", "192.168.80.161", "192.168.80.162"),),
        ("blocks", "export", "target"),
    ),
    Case(
        "the kernel's export, read-only",
        (Change("nfs", "exports", "", READ_ONLY),),
        ("blocks", "export", "source"),
    ),
    Case(
        "no memory",
        (Change("source", "memory", FREE, "100000"),),
        ("blocks", "memory", TO_SOURCE),
    ),
    Case(
        "libvirt in a narrow place",
        (Change("source", "memory", "space unlimited", "space 1500000000"),),
        ("blocks", "memory", TO_SOURCE),
    ),
    Case(
        "zero-copy, and nothing may be locked",
        (),
        ("blocks", "memory", TO_SOURCE),
        policy="multifd-2+zero-copy",
    ),
    Case("no KVM for a guest that needs it", (KVM, KVM_WORKS[1]), ("blocks", "kvm", "source")),
    Case(
        "a share that refuses QEMU, seen by trying",
        (Change("source", "deep-share", "wrote ", "refused Permission denied "),),
        ("blocks", "share-permission", "source"),
    ),
    Case(
        "a file that the other host cannot read",
        (Change("source", "deep-share", "read target", "unread target No such file"),),
        ("blocks", "share-permission", "source"),
    ),
    Case(
        "a processor that libvirt finds wanting",
        (Change("source", "deep-cpu", "", "compares vm1 The CPU is incompatible with the host's"),),
        ("blocks", "cpu-model", TO_SOURCE),
    ),
    Case(
        "not even the smallest starts",
        (Change("source", "deep-start", "started", "error: cannot execute"),),
        ("blocks", "guest-start", "source"),
    ),
    Case(
        "not even the smallest gets there",
        (Change("source", "deep-move", "move target moved", "move target stayed error: no way"),),
        ("blocks", "dry-migration", TO_TARGET),
    ),
]


class Well(NamedTuple):
    """What looks like a failure and is none, and the advice that may be given of it."""

    name: str
    changes: tuple[Change, ...]
    advice: frozenset[str] = frozenset()
    policy: str | None = None


PLUGGED = "<interface type='bridge'>"
NO_BRIDGE = Change("source", "network", "link br0 bridge", "link br7 bridge")
BY_LIBVIRT = "<interface type='network'>"
BY_SWITCH = "<interface type='bridge'><virtualport type='openvswitch'/>"
INVTSC = Change("target", "domains", "name='hypervisor'", "name='invtsc'")
TSC = "<clock offset='utc'><timer name='tsc' frequency='2596098000'/></clock>"
DEVICE_OPEN = Change("source", "postcopy", "device 600 0 0", "device 666 0 0")
DEVICE_GIVEN = Change("source", "postcopy", "device 600 0 0", "device 660 0 64055")
MEMBERS = "kernel /opt/kvmshare @hosts(rw)\nkernel /opt/kvmshare 192.168.80.0/24(rw)"

SOUND = [
    Well("a device that both have", (*DEVICE, HAS_DEVICE), frozenset({"local-disk"})),
    Well("a network of libvirt's", (NO_BRIDGE, Change("target", "domains", PLUGGED, BY_LIBVIRT))),
    Well("Open vSwitch", (NO_BRIDGE, Change("target", "domains", PLUGGED, BY_SWITCH))),
    Well(
        "a bridge that leads nowhere on either host",
        tuple(
            Change(host, "network", "plugged ens33 br0", "plugged ens33 br1")
            for host in ("source", "target")
        ),
    ),
    Well(
        "another group",
        (Change("source", "users", "group +64055", "group +36"),),
        frozenset({"qemu-user"}),
    ),
    Well("no group", (Change("source", "users", "set group +64055", ""),)),
    Well("a group without a number", (Change("source", "users", "group +64055", "group kvm"),)),
    Well(
        "invtsc with its frequency",
        (KVM, *KVM_WORKS, INVTSC, Change("target", "domains", "<clock offset='utc'/>", TSC)),
    ),
    Well("a netgroup, and a network besides", (Change("nfs", "exports", "", MEMBERS),)),
    Well("an open device", (OLD_LIBVIRT, DEVICE_OPEN), policy="postcopy"),
    Well("a device for QEMU's group", (OLD_LIBVIRT, DEVICE_GIVEN), policy="postcopy"),
    Well(
        "userfaultfd for all",
        (OLD_QEMU, NO_DEVICE, Change("source", "postcopy", "sysctl 0", "sysctl 1")),
        policy="postcopy",
    ),
]
