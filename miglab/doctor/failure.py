"""What libvirt's words about a failed migration mean, and which finding explains them."""

import re
from typing import NamedTuple

from miglab.doctor.diagnose import Diagnosis
from miglab.doctor.finding import Finding


class Meaning(NamedTuple):
    """Words of libvirt's or QEMU's, what they mean here, and the checks that may know the cause."""

    pattern: str
    meaning: str
    ids: tuple[str, ...]


MEANINGS = (
    Meaning(
        r"[Ff]ailed to connect socket",
        "libvirt does not run on one of the hosts",
        ("libvirt-listener",),
    ),
    Meaning(
        r"resolved to localhost|requires an FQDN",
        "the target calls itself localhost, and the source would send the guest to itself",
        ("name-resolution",),
    ),
    Meaning(
        r"[Nn]ame or service not known|[Cc]ould not resolve|[Tt]emporary failure in name resolution"
        r"|[Aa]ddress resolution failed|unable to resolve",
        "a host's name leads nowhere from the other host",
        ("name-resolution",),
    ),
    Meaning(
        r"same host",
        "libvirt takes both hosts for one: they have the same host UUID",
        ("same-host-uuid",),
    ),
    Meaning(
        r"disks use cache|cache != none",
        "a disk is cached by its host, so the target could read what is old",
        ("disk-cache",),
    ),
    Meaning(
        r"without shared storage is unsafe",
        "a disk is the source's own, and would not be there on the target",
        ("local-disk",),
    ),
    Meaning(
        r"[Hh]ost key verification failed|Permission denied \(publickey|[Aa]uthentication failed"
        r"|cannot authenticate",
        "one host's root does not get to the other by ssh",
        ("ssh-trust", "name-resolution"),
    ),
    Meaning(
        r"iSCSI: [Ff]ailed",
        "QEMU on the target is not let in to the disk's iSCSI target, or does not get there",
        ("export",),
    ),
    Meaning(
        r"KVM|/dev/kvm",
        "the guest needs KVM, which does not work on the target",
        ("kvm",),
    ),
    Meaning(
        r"Permission denied|Operation not permitted.*(?:disk|image|file)|ACCES",
        "QEMU on the target may not open what it needs",
        ("share-permission", "qemu-user", "export", "mandatory-access"),
    ),
    Meaning(
        r"(?:[Cc]annot check|[Cc]ould not find).*QEMU|machine type|[Uu]nsupported machine"
        r"|[Ee]mulator.*(?:not|does)",
        "the target's QEMU cannot build the guest's machine, or is not where the guest's is",
        ("machine-type",),
    ),
    Meaning(
        r"NFS3ERR_NOENT|No such file or directory|[Cc]annot access storage file"
        r"|[Cc]ould not open '",
        "a disk or medium is not where the target looks for it",
        ("image-missing", "local-media", "export"),
    ),
    Meaning(
        r"mount.*denied|MNT3ERR|NFS4ERR|[Ff]ailed to mount|failed to connect.*nfs",
        "the storage server does not give the share to the target",
        ("export",),
    ),
    Meaning(
        r"CPU.*(?:incompatible|doesn't match|not match|missing features|support requested)"
        r"|requested features|invtsc|non-migratable CPU",
        "the target has not the processor that the guest was started with",
        ("cpu-model",),
    ),
    Meaning(
        r"[Cc]annot get interface MTU|[Uu]nable to add bridge|bridge.*(?:No such|not exist)"
        r"|No such device|get interface",
        "the bridge that the guest is plugged into is not on the target",
        ("bridge",),
    ),
    Meaning(
        r"already (?:exists|active|defined)|is already",
        "the target knows a guest of that name or UUID already",
        ("left-over-domain",),
    ),
    Meaning(
        r"[Uu]serfaultfd|[Pp]ostcopy is not supported|postcopy.*not",
        "the target's kernel does not let QEMU fetch pages as they are touched",
        ("userfaultfd",),
    ),
    Meaning(
        r"locked memory",
        "libvirt may not lock as much memory as zero-copy needs",
        ("memory",),
    ),
    Meaning(
        r"[Cc]annot allocate memory|set up guest memory",
        "the target has not the memory for the guest",
        ("memory",),
    ),
    Meaning(
        r"certificate|TLS|x509",
        "one host does not believe the other's certificate",
        ("libvirt-listener",),
    ),
    Meaning(
        r"not done within|timed out waiting for migration",
        "memory was rewritten as fast as it was sent, or the link was slow or cut",
        ("never-converges", "migration-ports"),
    ),
    Meaning(
        r":49\d\d\d|No route to host|[Cc]onnection timed out|[Uu]nable to connect to server",
        "the source does not get to the port on which the target's QEMU waits",
        ("migration-ports", "name-resolution", "libvirt-listener"),
    ),
    Meaning(
        r"End of file|[Cc]annot recv data|[Cc]onnection re(?:fused|set)",
        "libvirt on one of the hosts went away, or does not run",
        ("libvirt-listener",),
    ),
)
"""The first whose pattern is found counts: what is more special stands before what is less."""


class Explanation(NamedTuple):
    """``meaning`` is None for words that are not known; ``causes`` may be several, or none.

    ``besides``: where there is none, whatever else would stop a migration between these hosts.
    """

    meaning: str | None
    causes: tuple[Finding, ...]
    besides: tuple[Finding, ...] = ()


def explained(error: str, found: Diagnosis, hosts: tuple[str, ...]) -> Explanation:
    """What the words mean, with the findings that explain them, on the hosts that it was about."""
    known = next((each for each in MEANINGS if re.search(each.pattern, error)), None)
    about = [finding for finding in found.findings if set(finding.hosts) <= set(hosts)]
    ids = known.ids if known else ()
    causes = tuple(finding for ident in ids for finding in about if finding.id == ident)
    blocks = tuple(finding for finding in about if finding.severity == "blocks")
    return Explanation(known.meaning if known else None, causes, () if causes else blocks)


def harmful(found: Diagnosis, hosts: tuple[str, ...]) -> Explanation:
    """For a migration that succeeded and was noticed: what makes it dangerous or slow."""
    about = (finding for finding in found.findings if set(finding.hosts) <= set(hosts))
    grave = tuple(finding for finding in about if finding.severity in {"dangerous", "slow"})
    return Explanation(None, grave)
