"""Which packages make a machine what its role says, by family of distributions.

Read by provisioning, which installs what is missing anywhere, and by the embedded lab, which
bakes the same list into its images so that nothing is missing there.
"""

from typing import Literal

from miglab.topology import Role, ShareKind

Family = Literal["debian", "redhat"]

BASE: dict[Family, tuple[str, ...]] = {
    "debian": ("systemd", "systemd-sysv", "dbus", "openssh-server", "iproute2", "ca-certificates"),
    "redhat": ("systemd", "dbus", "openssh-server", "iproute", "NetworkManager"),
}

# Debian only: the guest boots Debian's cloud kernel, which apt fetches.
GUEST_BUILD: dict[Family, tuple[str, ...]] = {
    "debian": ("gcc", "libc6-dev", "cpio", "xz-utils", "kmod"),
    "redhat": (),
}

KERNEL_NFS: dict[Family, tuple[str, ...]] = {
    "debian": ("rpcbind", "nfs-kernel-server"),
    "redhat": ("rpcbind", "nfs-utils"),
}

USER_NFS: dict[Family, tuple[str, ...]] = {
    "debian": ("rpcbind", "nfs-ganesha", "nfs-ganesha-vfs"),
    "redhat": ("rpcbind", "nfs-ganesha", "nfs-ganesha-vfs"),
}

# Debian only: the RHEL family's target lies in the kernel, and its QEMU has no initiator.
ISCSI_TARGET: dict[Family, tuple[str, ...]] = {"debian": ("tgt",), "redhat": ()}

SERVER: dict[ShareKind, dict[Family, tuple[str, ...]]] = {"nfs": USER_NFS, "iscsi": ISCSI_TARGET}

# The RHEL family has neither libnfs nor QEMU's driver for it: there the kernel mounts the share.
HYPERVISOR: dict[Family, tuple[str, ...]] = {
    "debian": (
        "libvirt-daemon-system",
        "libvirt-clients",
        "qemu-system-x86",
        "qemu-utils",
        "qemu-block-extra",
        "libnfs-utils",
        "openssh-client",
    ),
    "redhat": (
        "libvirt",
        "libvirt-client",
        "qemu-kvm",
        "qemu-img",
        "openssh-clients",
    ),
}

NFS_MOUNT: dict[Family, tuple[str, ...]] = {
    "debian": ("nfs-common",),
    "redhat": ("nfs-utils",),
}


def baked(role: Role, kind: ShareKind, family: Family = "debian") -> tuple[str, ...]:
    """What the embedded lab's image of ``role`` holds from the start, with a share of ``kind``."""
    if role == "hypervisor":
        return (*BASE[family], *HYPERVISOR[family])
    return (*BASE[family], *SERVER[kind][family], *GUEST_BUILD[family])


def boxed(family: Family = "debian") -> tuple[str, ...]:
    """What a virtual machine's box holds: all of every role, for kernels that serve and mount."""
    roles = (HYPERVISOR, KERNEL_NFS, NFS_MOUNT, ISCSI_TARGET, GUEST_BUILD)
    return tuple(dict.fromkeys([*BASE[family], *(name for role in roles for name in role[family])]))
