"""What a way of moving needs: time to converge, and userfaultfd for post-copy."""

from collections.abc import Iterator

from miglab.doctor.checks.access import READ_WRITE, account
from miglab.doctor.domain import Domain
from miglab.doctor.facts import Facts, HostFacts
from miglab.doctor.finding import Check, Finding, Remedy
from miglab.doctor.reading import libvirt_version, qemu_version, told_of
from miglab.errors import FactError
from miglab.policy import Policy

OPENS_DEVICE = (8, 0)
"""Since this QEMU, post-copy gets userfaultfd by its device, if the kernel has one."""

HANDS_DEVICE = (10, 1)
"""Since this libvirt, each QEMU is given the device, whoever owns it on the host."""

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
    if sysctl == "1" or account(host)[0] == 0:
        return
    if device != "absent" and qemu_version(host) >= OPENS_DEVICE and _opens(host, device):
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
            what="allow it (for good in /etc/sysctl.d), or, since QEMU 8.0, give QEMU's group"
            " /dev/userfaultfd",
            host=host.name,
            command="sysctl -w vm.unprivileged_userfaultfd=1",
        ),
    )


def _opens(host: HostFacts, device: str) -> bool:
    """By the device's mode, or because libvirt hands it over."""
    mode, owner, group = [*device.split(), "", ""][:3]
    uid, gid = account(host)
    shift = 6 if owner == str(uid) else 3 if group == str(gid) else 0
    permitted = (int(mode, 8) >> shift) & READ_WRITE == READ_WRITE
    return permitted or libvirt_version(host) >= HANDS_DEVICE


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
