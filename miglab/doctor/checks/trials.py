"""What came of trying, with ``--deep``: nothing is told where nothing was tried."""

from collections.abc import Iterator

from miglab.doctor.domain import Domain
from miglab.doctor.facts import Facts, HostFacts
from miglab.doctor.finding import Check, Finding, Remedy
from miglab.doctor.reading import told_of
from miglab.errors import FactError

WELL = ("identical", "superset")
"""What virsh says of a processor that can be given; whatever else it says is no comparison."""


def ports_tried(_: Facts, source: HostFacts, target: HostFacts) -> Iterator[Finding]:
    """QEMU really waited there, so refused is as bad as silent."""
    if "deep-ports" not in source.answers:
        return
    tried = (line.partition(" ") for line in told_of(source, "deep-ports", "port", target.name))
    closed = [(port, words) for port, _, words in tried if words != "open"]
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
    wrong = [line for line in lines if line.partition(" ")[0] in {"refused", "unread"}]
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
    _share_was_tried(facts, host)


def _share_was_tried(facts: Facts, host: HostFacts) -> None:
    """FactError unless it was told of this host, and of each file that others wrote for it."""
    said = {word for word, _, _ in _lines(host)}
    if not said & {"wrote", "opened", "refused"}:
        words = host.text("deep-share").strip() or "nothing was said"
        raise FactError(f"{host.name}: deep-share: the share was not tried: {words[:160]}")
    told = {name.partition(" ")[0] for word, _, name in _lines(host) if word in {"read", "unread"}}
    for other in facts.hypervisors:
        wrote = other is not host and any(word == "wrote" for word, _, _ in _lines(other))
        if wrote and other.name not in told:
            raise FactError(f"{host.name}: deep-share: nothing is told of {other.name}'s file")


def _lines(host: HostFacts) -> list[tuple[str, str, str]]:
    return [line.partition(" ") for line in host.text("deep-share").splitlines()]


def processors_compared(
    _: Facts, guest: Domain, source: HostFacts, target: HostFacts
) -> Iterator[Finding]:
    """libvirt knows of each model what it is made of."""
    if "deep-cpu" not in target.answers or not guest.processor:
        return
    for words in told_of(target, "deep-cpu", "compares", guest.name):
        if "incompatible" in words:
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
        elif not any(word in words for word in WELL):
            raise FactError(f"{target.name}: virsh hypervisor-cpu-compare: {words[:160]}")


def guest_start(_: Facts, host: HostFacts) -> Iterator[Finding]:
    """The smallest guest there is, without disk and network."""
    if "deep-start" not in host.answers or host.lines("deep-start", "started"):
        return
    said = host.text("deep-start").strip()
    if not said or host.lines("deep-start", "failed"):
        raise FactError(f"{host.name}: deep-start: it was not tried: {said[:160]}")
    yield Finding(
        id="guest-start",
        severity="blocks",
        hosts=(host.name,),
        what=f"libvirt on {host.name} cannot start even the smallest guest",
        evidence=tuple(f"{host.name}: {line}" for line in said.splitlines()[:3]),
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
    for line in told_of(source, "deep-move", "move", target.name):
        word, *said = line.split(" ", 1)
        if word == "stayed":
            yield Finding(
                id="dry-migration",
                severity="blocks",
                hosts=(source.name, target.name),
                what=f"not even the smallest guest gets from {source.name} to {target.name}",
                evidence=(f"{source.name}: virsh migrate: {''.join(said) or 'no answer in time'}",),
                remedy=Remedy(what="mend the other findings first; then libvirt's words tell why"),
            )
        elif word != "moved":
            raise FactError(f"{source.name}: deep-move: expected moved or stayed, found {word!r}")


CHECKS = (
    Check("migration-ports", "memory cannot be sent: tried", "pair", ports_tried),
    Check("share-permission", "QEMU may not use the share: tried", "hypervisor", share_tried),
    Check(
        "cpu-model", "the target has not the guest's processor: tried", "guest", processors_compared
    ),
    Check("guest-start", "not even the smallest guest starts", "hypervisor", guest_start),
    Check("dry-migration", "not even the smallest guest gets there", "pair", dry_migration),
)
