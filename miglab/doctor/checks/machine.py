"""What a guest is built of, and the target has not: machine type, QEMU, memory, KVM."""

from collections.abc import Iterator
from shlex import quote

from miglab.doctor.domain import Domain
from miglab.doctor.facts import Facts, HostFacts
from miglab.doctor.finding import Check, Finding, Remedy
from miglab.doctor.reading import capabilities, image
from miglab.errors import FactError

QEMU_ITSELF = 2 << 30
"""Address space that QEMU takes besides: libraries, stacks of threads, buffers."""


def machine_type(
    _: Facts, guest: Domain, source: HostFacts, target: HostFacts
) -> Iterator[Finding]:
    """The target's QEMU must know the machine by its full name, older or newer as it may be."""
    arch = guest.text("./os/type/@arch")
    found = capabilities(target).xpath("guest/arch[@name=$arch]//machine", arch=arch)
    machines = {each.text for each in found} | {each.get("canonical") for each in found}
    if guest.machine not in machines:
        yield Finding(
            id="machine-type",
            severity="blocks",
            hosts=(source.name, target.name),
            guest=guest.name,
            what=f"{target.name} cannot build the machine {guest.machine} of {guest.name}",
            evidence=(
                f"{target.name}: machine types: {_some(machines)}",
                f"{source.name}: {guest.name}: {guest.machine}",
            ),
            remedy=Remedy(
                what="start the guest with a machine type that all hosts know, or bring the"
                f" QEMU of {target.name} up to that of {source.name}",
            ),
        )
    if guest.emulator and image(target, guest.emulator) is None:
        emulators = {each.text for each in capabilities(target).xpath("guest/arch//emulator")}
        yield Finding(
            id="machine-type",
            severity="blocks",
            hosts=(source.name, target.name),
            guest=guest.name,
            what=f"{target.name} has no {guest.emulator}, which {guest.name} runs with",
            evidence=(f"{target.name}: emulators: {', '.join(sorted(map(str, emulators)))}",),
            remedy=Remedy(
                what="install it there under the same path, or a link to what is there",
                host=target.name,
                command=f"ln -s $(command -v qemu-system-x86_64 || echo /usr/libexec/qemu-kvm)"
                f" {quote(guest.emulator)}",
            ),
        )


def _some(machines: set[str | None]) -> str:
    names = sorted(name for name in machines if name and "q35" in name)
    return ", ".join(names[-4:]) or "none"


def memory(facts: Facts, guest: Domain, source: HostFacts, target: HostFacts) -> Iterator[Finding]:
    """QEMU takes the guest's memory on the target before the first page is sent."""
    free = int(target.line("memory", "MemAvailable")) << 10
    bound = next(iter(target.lines("memory", "space")), "unlimited")
    bounded = bound != "unlimited" and int(bound) < guest.memory_bytes + QEMU_ITSELF
    if free < guest.memory_bytes or bounded:
        yield Finding(
            id="memory",
            severity="blocks",
            hosts=(source.name, target.name),
            guest=guest.name,
            what=f"{target.name} has not the memory for {guest.name}",
            evidence=(
                f"{guest.name}: {guest.memory_bytes >> 20} MiB",
                f"{target.name}: MemAvailable {free >> 20} MiB",
                f"{target.name}: libvirt's address space: {bound}",
            ),
            remedy=Remedy(what=f"free memory on {target.name}, or move the guest elsewhere"),
        )
    locked = next(iter(target.lines("memory", "locked")), "unlimited")
    asked = facts.policy is not None and facts.policy.zero_copy
    if asked and locked != "unlimited" and int(locked) < guest.memory_bytes:
        yield Finding(
            id="memory",
            severity="blocks",
            hosts=(source.name, target.name),
            guest=guest.name,
            what="zero-copy needs all memory locked, and libvirt may not lock so much",
            evidence=(f"{target.name}: locked memory of libvirt's daemon: {locked} bytes",),
            remedy=Remedy(
                what="raise the limit (LimitMEMLOCK=infinity in a drop-in of libvirt's service)",
                host=target.name,
            ),
        )


def kvm(facts: Facts, host: HostFacts) -> Iterator[Finding]:
    """/dev/kvm may be there and run nothing: nested, locked by another, or not allowed."""
    told = host.line("acceleration", "kvm")
    if told.startswith("works"):
        return
    needed = _needed(facts)
    there = not told.startswith("absent")
    if not there and not needed:
        return
    yield Finding(
        id="kvm",
        severity="blocks" if needed else "advice",
        hosts=(host.name,),
        what=f"no guest runs with KVM on {host.name}"
        + (", though /dev/kvm is there" if there else ""),
        evidence=(f"{host.name}: firmware booted with it: {told}",),
        remedy=Remedy(
            what="switch virtualisation on in the firmware, or nested virtualisation on the host"
            " below; until then guests of type qemu run, ten times slower",
        ),
    )


def _needed(facts: Facts) -> bool:
    """Whether a guest uses it anywhere; FactError if none is seen, and not every host tells."""
    silent: list[FactError] = []
    for host in facts.hypervisors:
        try:
            if any(guest.kind == "kvm" for guest in host.domains):
                return True
        except FactError as error:
            silent.append(error)
    if silent:
        raise silent[0]
    return False


CHECKS = (
    Check("machine-type", "the target cannot build the guest's machine", "guest", machine_type),
    Check("memory", "the target has not the memory", "guest", memory),
    Check("kvm", "/dev/kvm is there and runs nothing", "hypervisor", kvm),
)
