"""Who QEMU is, and what it may do on the share."""

from collections.abc import Iterator
from shlex import quote

from miglab.doctor.domain import Domain
from miglab.doctor.facts import Facts, HostFacts
from miglab.doctor.finding import RESTART, Check, Finding, Remedy
from miglab.doctor.reading import capabilities, image, mounts
from miglab.errors import FactError

READ_WRITE = 6


def account(host: HostFacts) -> tuple[int, int | None]:
    """User and group that QEMU runs as, by number; FactError if the host does not tell.

    None for a group that qemu.conf does not set: libvirt's own default is not the account's.
    """
    known = {line.split()[0]: line.split()[1:] for line in host.lines("users", "account")}
    told = dict(line.split(" ", 1) for line in host.lines("users", "set"))
    if not known and "user" not in told:
        raise FactError(f"{host.name}: users: no account of QEMU's is known")
    default = next(iter(known), "root")
    known["root"] = ["0", "0"]
    user, group = told.get("user", default), told.get("group")
    uid = known.get(user, [user.removeprefix("+")])[0]
    if not uid.isdecimal():
        raise FactError(f"{host.name}: users: the number of QEMU's account {user} is not known")
    gid = None if group is None else known.get(group, ["", group.removeprefix("+")])[1]
    return int(uid), int(gid) if gid and gid.isdecimal() else None


def qemu_user(facts: Facts, source: HostFacts, target: HostFacts) -> Iterator[Finding]:
    """NFS knows numbers only: what one host's QEMU owns, the other's may not open."""
    by_number = facts.topology is None or facts.topology.share.kind == "nfs"
    mine, theirs = account(source), account(target)
    users = mine[0] != theirs[0]
    groups = None not in (mine[1], theirs[1]) and mine[1] != theirs[1]
    if not (by_number and (users or groups)):
        return
    owner = facts.topology.share.owner if facts.topology else mine[0]
    wrong, (uid, gid) = (source, theirs) if mine[0] != owner else (target, mine)
    yield Finding(
        id="qemu-user",
        # Its owner opens an image whatever the group is.
        severity="dangerous" if users else "advice",
        hosts=(source.name, target.name),
        what=f"QEMU {'is another user' if users else 'has another group'}, by number, on each of"
        " them",
        evidence=tuple(
            f"{host.name}: uid {who[0]}, gid {'not set' if who[1] is None else who[1]}"
            for host, who in ((source, mine), (target, theirs))
        ),
        remedy=Remedy(
            what="let QEMU run as the same numbers on both; change what it owns there, if anything",
            host=wrong.name,
            command=_as(uid, gid),
            deploy=True,
        ),
    )


def _as(uid: int, gid: int | None) -> str:
    """QEMU under these numbers; a group that was set nowhere is left as it is."""
    keys = {"user": uid, "group": gid}
    wanted = {key: number for key, number in keys.items() if number is not None}
    lines = "".join(f'{key} = "+{number}"\\n' for key, number in wanted.items())
    either = "\\|".join(wanted)
    return (
        f"sed -i '/^ *\\({either}\\) *=/d' /etc/libvirt/qemu.conf;"
        f" printf '{lines}' >> /etc/libvirt/qemu.conf; {RESTART}"
    )


def share_permission(
    facts: Facts, guest: Domain, source: HostFacts, target: HostFacts
) -> Iterator[Finding]:
    """root is nobody under root_squash, so the image must be open to QEMU's own user."""
    storage = facts.storage
    if storage is None or facts.topology is None:
        return
    share, uid = str(facts.topology.share.path), facts.topology.share.owner
    for disk in guest.disks:
        path = disk.where
        if path is None or not path.startswith(f"{share}/"):
            continue
        found = image(storage, path)
        if found is None or _may(found, uid):
            continue
        owner, group, mode = found
        yield Finding(
            id="share-permission",
            severity="blocks",
            hosts=(source.name, target.name),
            guest=guest.name,
            what=f"QEMU on {target.name} may not open a disk of {guest.name}",
            evidence=(
                f"{storage.name}: {path}: owner {owner}:{group}, mode {mode:o}",
                f"QEMU comes as user {uid}",
            ),
            remedy=Remedy(
                what="give the image to QEMU's user (nfs-ganesha remembers owners for a minute)",
                host=storage.name,
                command=f"chown {uid}:{uid} {quote(path)} && chmod u+rw {quote(path)};"
                " systemctl try-restart nfs-ganesha 2>/dev/null; true",
            ),
        )


def _may(found: tuple[int, int, int], uid: int) -> bool:
    owner, group, mode = found
    shift = 6 if owner == uid else 3 if group == uid else 0
    return (mode >> shift) & READ_WRITE == READ_WRITE


def mandatory_access(_: Facts, host: HostFacts) -> Iterator[Finding]:
    """SELinux confines QEMU, also away from a share that all permissions would give it."""
    booleans = dict(line.split() for line in host.lines("security", "boolean"))
    over_nfs = [mount for mount in mounts(host) if mount.kind.startswith("nfs")]
    enforcing = host.line("security", "selinux") == "Enforcing"
    if not (enforcing and over_nfs and booleans.get("virt_use_nfs") == "off"):
        return
    yield Finding(
        id="mandatory-access",
        severity="blocks",
        hosts=(host.name,),
        what=f"SELinux keeps QEMU on {host.name} away from NFS",
        evidence=(
            f"{host.name}: getenforce: Enforcing; getsebool virt_use_nfs: off",
            *(f"{host.name}: {mount.source} on {mount.path}" for mount in over_nfs[:1]),
        ),
        remedy=Remedy(
            what="allow it, for good", host=host.name, command="setsebool -P virt_use_nfs on"
        ),
    )


def apparmor(_: Facts, host: HostFacts) -> Iterator[Finding]:
    """libvirt confines each guest by a profile of its own, made of a template."""
    models = [model.text for model in capabilities(host).iterfind("host/secmodel/model")]
    template = "/etc/apparmor.d/libvirt/TEMPLATE.qemu"
    if "apparmor" in models and not any(
        line.startswith(template) for line in host.lines("security", "profile")
    ):
        yield Finding(
            id="mandatory-access",
            severity="blocks",
            hosts=(host.name,),
            what=f"AppArmor is to confine guests on {host.name}, and has no template for it",
            evidence=(f"{host.name}: security model apparmor", f"{host.name}: {template}: absent"),
            remedy=Remedy(
                what="install the profiles again",
                host=host.name,
                command="apt-get install --reinstall libvirt-daemon-system",
            ),
        )


CHECKS = (
    Check("qemu-user", "QEMU's user has other numbers", "couple", qemu_user),
    Check("share-permission", "QEMU may not open the image", "guest", share_permission),
    Check("mandatory-access", "SELinux keeps QEMU from the share", "hypervisor", mandatory_access),
    Check("mandatory-access", "AppArmor has no template for guests", "hypervisor", apparmor),
)
