"""Disks that the other host cannot open, or must not, as libvirt and QEMU will see them."""

from collections.abc import Iterator
from shlex import quote

from miglab.doctor.domain import Domain
from miglab.doctor.facts import Facts, HostFacts
from miglab.doctor.finding import Check, Finding, Remedy
from miglab.doctor.reading import image, mounted, qemu_version

SAFE = {"none", "directsync"}
DROPS_CACHE = (4, 0)
"""Since this QEMU the source's page cache is dropped, and libvirt takes any mode for safe."""
MEDIA = {"cdrom", "floppy"}


def disk_cache(_: Facts, guest: Domain, source: HostFacts, target: HostFacts) -> Iterator[Finding]:
    """What the source still caches is not what the target reads; ``unsafe`` ignores flushes."""
    old = any(qemu_version(host) < DROPS_CACHE for host in (source, target))
    for disk in guest.disks:
        cached = disk.path is not None and disk.cache not in SAFE and old
        if disk.read_only or disk.source is None or not (cached or disk.cache == "unsafe"):
            continue
        yield Finding(
            id="disk-cache",
            severity="blocks" if cached else "dangerous",
            hosts=(source.name, target.name),
            guest=guest.name,
            what=f"a disk of {guest.name} is cached by its host ({disk.cache}):"
            " what it was told is safe may be lost",
            evidence=(f"{source.name}: {disk.source}: cache={disk.cache}",),
            remedy=Remedy(
                what="cache=none in its description; it counts from the guest's next start. The"
                f" command powers {guest.name} off and starts it anew: whoever uses it is cut off",
                host=source.name,
                command=_edited(guest, f's/cache=.{disk.cache}./cache="none"/'),
            ),
        )


def _edited(guest: Domain, expression: str) -> str:
    """The guest ended and started with its description changed by sed; what is defined stays so."""
    name, kept = quote(guest.name), guest.persistent
    define = 'virsh define "$file" && ' * kept
    start = f"virsh start {name}" if kept else 'virsh create "$file"'
    return (
        f'file=$(mktemp) && virsh dumpxml {"--inactive " * kept}--security-info {name} > "$file"'
        f' && sed -i {quote(expression)} "$file" && {define}virsh destroy {name} && {start}'
        ' && rm "$file"'
    )


def local_disk(
    facts: Facts, guest: Domain, source: HostFacts, target: HostFacts
) -> Iterator[Finding]:
    """libvirt: migration without shared storage is unsafe."""
    declared = facts.topology is not None and facts.topology.guest.storage == "local"
    copied = facts.policy is not None and facts.policy.copy_storage != "none"
    if declared or copied:
        return
    for disk in guest.disks:
        if disk.path is None or disk.read_only or mounted(source, disk.path):
            continue
        if disk.kind == "block":
            yield from _device(guest, disk.path, source, target)
            continue
        yield Finding(
            id="local-disk",
            severity="blocks",
            hosts=(source.name, target.name),
            guest=guest.name,
            what=f"a disk of {guest.name} is {source.name}'s own",
            evidence=(f"{source.name}: {disk.path}: on no file system that is shared",),
            remedy=Remedy(
                what="take the disk along (`miglab migrate --policy copy-storage`;"
                " virsh migrate --copy-storage-all), or move its image to the share"
            ),
        )


def _device(guest: Domain, path: str, source: HostFacts, target: HostFacts) -> Iterator[Finding]:
    """libvirt takes any device for shared; whether it is one and the same nobody tells."""
    if image(target, path) is not None:
        yield Finding(
            id="local-disk",
            severity="advice",
            hosts=(source.name, target.name),
            guest=guest.name,
            what=f"a disk of {guest.name} is a device, and libvirt does not ask whether both hosts"
            " have the same one",
            evidence=(f"{source.name}: {path}", f"{target.name}: {path}: there"),
            remedy=Remedy(what=f"make sure that {path} leads to the same storage on both"),
        )


def image_missing(
    facts: Facts, guest: Domain, source: HostFacts, target: HostFacts
) -> Iterator[Finding]:
    """The target opens the image by the same path, or fetches it from the same server."""
    for disk in guest.disks:
        if disk.device in MEDIA or disk.source is None:
            continue
        if disk.path is not None and (disk.kind == "block" or mounted(source, disk.path)):
            yield from _absent(guest, disk.path, source, target, target)
        elif disk.path is None and disk.where and facts.storage is not None:
            yield from _absent(guest, disk.where, source, target, facts.storage)


def boot_files(_: Facts, guest: Domain, source: HostFacts, target: HostFacts) -> Iterator[Finding]:
    """A kernel or firmware beside the guest's disk is opened by the target too."""
    for path in guest.boot_files:
        if image(target, path) is None:
            yield Finding(
                id="image-missing",
                severity="blocks",
                hosts=(source.name, target.name),
                guest=guest.name,
                what=f"{target.name} has not what {guest.name} is booted with",
                evidence=(f"{target.name}: {path}: absent",),
                remedy=Remedy(what=f"copy it to {target.name}", deploy=True),
            )


def _absent(
    guest: Domain, path: str, source: HostFacts, target: HostFacts, where: HostFacts
) -> Iterator[Finding]:
    if image(where, path) is not None:
        return
    served = where is not target
    remedy = (
        Remedy(what=f"bring the image back to {path} on {where.name}", host=where.name)
        if served
        else Remedy(what=f"give {target.name} what {source.name} has at {path}", host=target.name)
    )
    yield Finding(
        id="image-missing",
        severity="blocks",
        hosts=(source.name, target.name),
        guest=guest.name,
        what=f"{target.name} cannot open a disk of {guest.name}: it is not there",
        evidence=(f"{where.name}: {path}: absent",),
        remedy=remedy,
    )


def local_media(_: Facts, guest: Domain, source: HostFacts, target: HostFacts) -> Iterator[Finding]:
    """libvirt lets a read-only medium pass; QEMU on the target then cannot open it."""
    for disk in guest.disks:
        if disk.path is None or not (disk.device in MEDIA or disk.read_only):
            continue
        if image(target, disk.path) is not None:
            continue
        yield Finding(
            id="local-media",
            severity="blocks",
            hosts=(source.name, target.name),
            guest=guest.name,
            what=f"{guest.name} has a medium inserted that {target.name} has not",
            evidence=(f"{target.name}: {disk.path}: absent", f"{source.name}: {disk.device}"),
            remedy=Remedy(
                what="eject it, or put the image on the share",
                host=source.name,
                command=f"virsh change-media {quote(guest.name)} {quote(disk.path)}"
                " --eject --live --force",
            ),
        )


CHECKS = (
    Check("disk-cache", "a disk's cache mode is not safe to move", "guest", disk_cache),
    Check("local-disk", "a disk is not shared", "guest", local_disk),
    Check("image-missing", "an image is not where the target looks", "guest", image_missing),
    Check("image-missing", "a kernel or firmware is not there", "guest", boot_files),
    Check("local-media", "a local ISO or floppy image is inserted", "guest", local_media),
)
