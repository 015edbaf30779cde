"""libvirt's words, as they were met in labs and in other people's reports."""

import pytest

from miglab.doctor.checks import CHECKS
from miglab.doctor.diagnose import Diagnosis
from miglab.doctor.failure import MEANINGS, explained, harmful
from miglab.doctor.finding import Finding, Remedy, Severity

SAID = {
    "name-resolution": [
        "hostname on destination resolved to localhost, but migration requires an FQDN",
        "ssh: Could not resolve hostname target: Name or service not known",
    ],
    "migration-ports": [
        "unable to connect to server at 'target:49152': Connection timed out",
        "unable to connect to server at 'target:49152': No route to host",
    ],
    "same-host-uuid": [
        "internal error: Attempt to migrate guest to the same host 8a…",
    ],
    "disk-cache": [
        "Unsafe migration: Migration may lead to data corruption if disks use cache != none",
    ],
    "local-disk": [
        "Unsafe migration: Migration without shared storage is unsafe",
    ],
    "export": [
        "-blockdev {…}: iSCSI: Failed to connect to LUN : Failed to log in to target."
        " Status: Target not found(515)",
    ],
    "local-media": [
        "Could not open '/var/lib/libvirt/images/seed.iso': No such file or directory",
    ],
    "image-missing": [
        "Failed to open file : NFS: Lookup of /opt/x failed with NFS3ERR_NOENT",
    ],
    "share-permission": [
        "Could not open '/opt/kvmshare/vm1.img': Permission denied",
    ],
    "machine-type": [
        "Cannot check QEMU binary /usr/bin/kvm: No such file or directory",
        "unsupported configuration: Emulator does not support machine type 'pc-q35-10.0'",
    ],
    "bridge": [
        "Cannot get interface MTU on 'br0': No such device",
    ],
    "ssh-trust": [
        "Cannot recv data: Host key verification failed.: Connection reset by peer",
        "root@target: Permission denied (publickey,password).",
    ],
    "libvirt-listener": [
        "Failed to connect socket to '/var/run/libvirt/libvirt-sock'",
        "The server certificate /etc/pki/libvirt/servercert.pem has expired",
    ],
    "left-over-domain": [
        "operation failed: domain 'vm1' already exists with uuid 6d6967",
    ],
    "userfaultfd": [
        "Postcopy is not supported: Userfaultfd not available: Operation not permitted",
    ],
    "never-converges": [
        "not done within 5 s, cancelled: operation aborted",
    ],
    "memory": [
        "cannot set up guest memory 'pc.ram': Cannot allocate memory",
        "cannot limit locked memory of process 123 to 9: Operation not permitted",
    ],
    "kvm": [
        "failed to initialize kvm: Permission denied on /dev/kvm KVM",
    ],
    "cpu-model": [
        "the CPU is incompatible with host CPU: Host CPU does not provide required features",
    ],
}


def finding(ident: str, severity: Severity = "blocks", *hosts: str) -> Finding:
    """One such, between source and target unless said otherwise."""
    between = hosts or ("source", "target")
    remedy = Remedy(what="mend it")
    return Finding(
        id=ident, severity=severity, hosts=between, what="broken", evidence=("seen",), remedy=remedy
    )


def diagnosis(*findings: Finding) -> Diagnosis:
    """Of these only."""
    return Diagnosis(
        state="findings",
        findings=findings,
        untold=(),
        unreached=(),
        hosts=("source", "target"),
        acceleration={},
    )


@pytest.mark.parametrize(
    ("words", "ident"), [(words, ident) for ident, all_ in SAID.items() for words in all_]
)
def test_words_lead_to_the_finding(words: str, ident: str) -> None:
    """And to what they mean."""
    reason = explained(words, diagnosis(finding(ident)), ("source", "target"))
    assert [each.id for each in reason.causes] == [ident]
    assert reason.meaning


def test_words_that_nobody_knows_stand_as_they_are() -> None:
    """No guess is made; what would stop a migration between these hosts stands beside them."""
    clock, bridge = finding("clock", "dangerous"), finding("bridge")
    other = finding("kvm", "blocks", "third")
    reason = explained("the moon is full", diagnosis(clock, bridge, other), ("source", "target"))
    assert reason == (None, (), (bridge,))


def test_where_a_cause_is_known_nothing_stands_beside_it() -> None:
    """Only the finding that the words lead to."""
    found = diagnosis(finding("same-host-uuid"), finding("bridge"))
    reason = explained("same host", found, ("source", "target"))
    assert ([each.id for each in reason.causes], reason.besides) == (["same-host-uuid"], ())
    assert explained("locked memory", found, ("source", "target")).besides == found.findings


def test_only_what_is_between_these_hosts_explains() -> None:
    """Another pair's broken name is another pair's."""
    found = diagnosis(finding("same-host-uuid", "blocks", "source", "third"))
    assert explained("same host", found, ("source", "target")).causes == ()


def test_a_migration_that_was_noticed() -> None:
    """What is dangerous or slow explains it, what would block it does not."""
    found = diagnosis(finding("announce", "dangerous"), finding("bridge"), finding("kvm", "advice"))
    assert [each.id for each in harmful(found, ("source", "target")).causes] == ["announce"]


def test_every_meaning_names_known_checks() -> None:
    """By identifier."""
    assert {ident for each in MEANINGS for ident in each.ids} <= {check.id for check in CHECKS}
