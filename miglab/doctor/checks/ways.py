"""What a way of moving needs: time to converge, and userfaultfd for post-copy."""

from collections.abc import Iterator

from miglab.doctor.domain import Domain
from miglab.doctor.facts import Facts, HostFacts
from miglab.doctor.finding import Check, Finding, Remedy
from miglab.doctor.reading import qemu_version, told_of
from miglab.errors import FactError
from miglab.policy import Policy

KERNEL_FAULTS_UNTIL = (8, 0)
"""Before this QEMU, post-copy wants faults of the kernel too, which is for the privileged only."""

CANNOT_RESUME = "libvirt 11.3.0"
"""The only version that it was seen with; whether others have it is not known."""


def never_converges(
    facts: Facts, guest: Domain, source: HostFacts, target: HostFacts
) -> Iterator[Finding]:
    """Memory is rewritten about as fast as it can be sent; only measured with --deep.

    QEMU counts the pages that changed within a second, so what is rewritten twice in it counts
    once: the true rate may be much higher.
    """
    policy = facts.policy or Policy()
    if "deep-rate" not in source.answers or policy.mode == "postcopy":
        return
    told = told_of(source, "deep-rate", "dirty", guest.name)[0]
    if not told.isdecimal():
        raise FactError(f"{source.name}: deep-rate: expected MiB/s of {guest.name}, found {told!r}")
    rate = int(told) << 20
    bearable = rate < policy.bandwidth // 2 or rate <= policy.last_stop_bytes
    if bearable or policy.auto_converge:
        return
    yield Finding(
        id="never-converges",
        severity="slow",
        hosts=(source.name, target.name),
        guest=guest.name,
        what=f"{guest.name} rewrites memory about as fast as it would be sent, or faster",
        evidence=(
            f"{source.name}: virsh domdirtyrate-calc: {rate >> 20} MiB/s",
            f"policy {policy.name}: {policy.bandwidth >> 20} MiB/s",
        ),
        remedy=Remedy(
            what="move it by post-copy, or let QEMU slow it down:"
            " `miglab migrate --policy postcopy`, `--policy auto-converge`"
        ),
    )


def userfaultfd(facts: Facts, host: HostFacts) -> Iterator[Finding]:
    """QEMU on the target fetches pages as they are touched, which the kernel must let it do."""
    sysctl, device = host.line("postcopy", "sysctl"), host.line("postcopy", "device")
    user = dict(line.split(" ", 1) for line in host.lines("users", "set")).get("user", "")
    open_device = device != "absent" and int(device.split()[0], 8) & 0o6 == 0o6
    kernel = qemu_version(host) < KERNEL_FAULTS_UNTIL
    if sysctl == "1" or user == "root" or (not kernel and sysctl == "0") or open_device:
        return
    yield Finding(
        id="userfaultfd",
        severity="blocks" if facts.wants("postcopy") else "advice",
        hosts=(host.name,),
        what=f"no post-copy to {host.name}: userfaultfd is denied to QEMU",
        evidence=(
            f"{host.name}: vm.unprivileged_userfaultfd: {sysctl}",
            f"{host.name}: /dev/userfaultfd: {device}",
        ),
        remedy=Remedy(
            what="allow it (for good in /etc/sysctl.d), or give QEMU's group /dev/userfaultfd",
            host=host.name,
            command="sysctl -w vm.unprivileged_userfaultfd=1 || chmod 666 /dev/userfaultfd",
        ),
    )


def postcopy_recovery(facts: Facts, host: HostFacts) -> Iterator[Finding]:
    """Seen in trials: asked to go on, the target's daemon dies, and the guest stays in halves."""
    told = [line for line in host.lines("libvirt", "version") if line.startswith("Using library")]
    if not facts.wants("postcopy") or not any(line.endswith(CANNOT_RESUME) for line in told):
        return
    yield Finding(
        id="postcopy-recovery",
        severity="advice",
        hosts=(host.name,),
        what=f"a post-copy to {host.name} that breaks off cannot be taken up again",
        evidence=tuple(f"{host.name}: {line}" for line in told),
        remedy=Remedy(
            what="use post-copy where the network is sure, or another version of libvirt"
            " on the target (9.0 goes on)"
        ),
    )


CHECKS = (
    Check("never-converges", "memory changes faster than it is sent", "guest", never_converges),
    Check("userfaultfd", "userfaultfd is denied", "hypervisor", userfaultfd),
    Check("postcopy-recovery", "a broken post-copy is lost", "hypervisor", postcopy_recovery),
)
