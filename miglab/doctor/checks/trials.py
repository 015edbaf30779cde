"""What came of trying, with ``--deep``: nothing is told where nothing was tried."""

from collections.abc import Iterator

from miglab.doctor.domain import Domain
from miglab.doctor.facts import Facts, HostFacts
from miglab.doctor.finding import Check, Finding, Remedy


def ports_tried(_: Facts, source: HostFacts, target: HostFacts) -> Iterator[Finding]:
    """QEMU really waited there, so refused is as bad as silent."""
    if "deep-ports" not in source.answers:
        return
    tried = (line.split(" ", 2) for line in source.lines("deep-ports", "port"))
    closed = [
        (port, words)
        for peer, port, words in tried
        if (peer, words) != (peer, "open") and peer == target.name
    ]
    if closed:
        yield Finding(
            id="migration-ports",
            severity="blocks",
            hosts=(source.name, target.name),
            what=f"{source.name} does not get to QEMU that waits on {target.name}",
            evidence=tuple(
                f"{source.name}: connect to {target.name}:{port}: {words}" for port, words in closed
            ),
            remedy=Remedy(what=f"let {source.name} reach TCP 49152–49215 on {target.name}"),
        )


def share_tried(facts: Facts, host: HostFacts) -> Iterator[Finding]:
    """As QEMU's user, by whatever way this host gets to the share."""
    if "deep-share" not in host.answers or facts.storage is None:
        return
    lines = host.text("deep-share").splitlines()
    wrong = [line for line in lines if line.partition(" ")[0] in {"refused", "unread", "failed"}]
    if wrong:
        yield Finding(
            id="share-permission",
            severity="blocks",
            hosts=(host.name,),
            what=f"QEMU's user on {host.name} cannot use the share",
            evidence=tuple(f"{host.name}: {line}" for line in wrong[:3]),
            remedy=Remedy(
                what=f"let QEMU's user write to what {facts.storage.name} shares",
                host=facts.storage.name,
                deploy=True,
            ),
        )


def processors_compared(
    _: Facts, guest: Domain, source: HostFacts, target: HostFacts
) -> Iterator[Finding]:
    """libvirt knows of each model what it is made of."""
    if "deep-cpu" not in target.answers:
        return
    for line in target.lines("deep-cpu", "compares"):
        name, words = line.split(" ", 1)
        if name == guest.name and "incompatible" in words:
            yield Finding(
                id="cpu-model",
                severity="blocks",
                hosts=(source.name, target.name),
                guest=guest.name,
                what=f"QEMU on {target.name} cannot give {guest.name} the processor that it has",
                evidence=(f"{target.name}: virsh hypervisor-cpu-compare: {words}",),
                remedy=Remedy(
                    what="start the guest with a model that all hosts have:"
                    " `virsh hypervisor-cpu-baseline` names it"
                ),
            )


def guest_start(_: Facts, host: HostFacts) -> Iterator[Finding]:
    """The smallest guest there is, without disk and network."""
    if "deep-start" not in host.answers or host.lines("deep-start", "started"):
        return
    yield Finding(
        id="guest-start",
        severity="blocks",
        hosts=(host.name,),
        what=f"libvirt on {host.name} cannot start even the smallest guest",
        evidence=tuple(f"{host.name}: {line}" for line in host.text("deep-start").splitlines()[:3]),
        remedy=Remedy(
            what="its own log tells why",
            host=host.name,
            command="journalctl -u libvirtd -u virtqemud -n 50",
        ),
    )


def dry_migration(_: Facts, source: HostFacts, target: HostFacts) -> Iterator[Finding]:
    """The whole way, by virsh on the source, with a guest that nobody misses."""
    if "deep-move" not in source.answers:
        return
    for line in source.lines("deep-move", "move"):
        peer, word, *said = line.split(" ", 2)
        if peer == target.name and word == "stayed":
            yield Finding(
                id="dry-migration",
                severity="blocks",
                hosts=(source.name, target.name),
                what=f"not even the smallest guest gets from {source.name} to {target.name}",
                evidence=(f"{source.name}: virsh migrate: {' '.join(said)}",),
                remedy=Remedy(what="mend the other findings first; then libvirt's words tell why"),
            )


CHECKS = (
    Check("migration-ports", "memory cannot be sent: tried", "pair", ports_tried),
    Check("share-permission", "QEMU may not use the share: tried", "hypervisor", share_tried),
    Check(
        "cpu-model", "the target has not the guest's processor: tried", "guest", processors_compared
    ),
    Check("guest-start", "not even the smallest guest starts", "hypervisor", guest_start),
    Check("dry-migration", "not even the smallest guest gets there", "pair", dry_migration),
)
