"""The processor that a guest was started with, and the target may not have."""

from collections.abc import Iterator

from miglab.doctor.domain import Domain
from miglab.doctor.facts import Facts, HostFacts
from miglab.doctor.finding import Check, Finding, Remedy
from miglab.doctor.reading import qemu_version

HOST_MODES = {"host-passthrough", "maximum"}


def cpu_model(_: Facts, guest: Domain, source: HostFacts, target: HostFacts) -> Iterator[Finding]:
    """With KVM the guest uses the host's processor: what it was promised must be there too."""
    if guest.kind != "kvm":
        yield from _emulated(guest, source, target)
        return
    required = guest.tree.xpath("./cpu/feature[@policy='require' or @policy='force']/@name")
    flags = {host.name: set(host.line("processor", "flags").split()) for host in (source, target)}
    model = {host.name: host.line("processor", "model") for host in (source, target)}
    # Only what the source's kernel names too: libvirt knows features that no kernel writes down.
    gone = flags[source.name] - flags[target.name]
    missing = [str(name) for name in required if _flag(name) in gone]
    passed = guest.text("./cpu/@mode") in HOST_MODES
    lost = sorted(gone) if passed else []
    if missing or lost or (passed and model[source.name] != model[target.name]):
        yield Finding(
            id="cpu-model",
            severity="blocks" if missing or lost else "dangerous",
            hosts=(source.name, target.name),
            guest=guest.name,
            what=f"{target.name} has not the processor that {guest.name} was started with",
            evidence=(
                *(f"{name}: {told}" for name, told in model.items()),
                *(
                    [f"{target.name} has no {', '.join((missing or lost)[:8])}"]
                    * bool(missing + lost)
                ),
            ),
            remedy=_common_model(source),
        )
    # QEMU moves it where the frequency is stated, and libvirt looks whether the target has it.
    if "invtsc" in required and not guest.text("./clock/timer[@name='tsc']/@frequency"):
        yield Finding(
            id="cpu-model",
            severity="blocks",
            hosts=(source.name, target.name),
            guest=guest.name,
            what=f"{guest.name} has invtsc, with which QEMU does not migrate",
            evidence=(f"{source.name}: {guest.name}: feature invtsc",),
            remedy=Remedy(what="leave invtsc out, or state the TSC's frequency in <clock>"),
        )


def _flag(feature: str) -> str:
    """libvirt's name of a feature as the kernel writes it."""
    return feature.replace("-", "_").replace(".", "_")


def _common_model(source: HostFacts) -> Remedy:
    return Remedy(
        what="start the guest with a model that all hosts have: `virsh hypervisor-cpu-baseline`"
        " on the capabilities of all of them names it",
        host=source.name,
    )


def _emulated(guest: Domain, source: HostFacts, target: HostFacts) -> Iterator[Finding]:
    """TCG has the processor that its QEMU can emulate, which differs by version."""
    mode = guest.text("./cpu/@mode")
    versions = {host.name: qemu_version(host) for host in (source, target)}
    if mode in HOST_MODES and len(set(versions.values())) > 1:
        yield Finding(
            id="cpu-model",
            severity="dangerous",
            hosts=(source.name, target.name),
            guest=guest.name,
            what=f"{guest.name} has all that its QEMU can emulate, and {target.name}'s is another",
            evidence=tuple(
                f"{name}: QEMU {'.'.join(map(str, version))}" for name, version in versions.items()
            ),
            remedy=_common_model(source),
        )


CHECKS = (Check("cpu-model", "the target has not the guest's processor", "guest", cpu_model),)
