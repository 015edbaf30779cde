"""Hosts that do not agree on the time."""

from collections.abc import Iterator

from miglab.doctor.facts import Facts, HostFacts
from miglab.doctor.finding import Check, Finding, Remedy
from miglab.errors import FactError

MS_MAX = 500.0
"""Certificates and leases bear more; a guest that takes its time from the host does not."""


def clock(_: Facts, source: HostFacts, target: HostFacts) -> Iterator[Finding]:
    """A guest's wall clock is carried over, and then corrected by whatever the target thinks."""
    offsets = [host.offset_ms for host in (source, target)]
    doubts = [host.offset_uncertainty_ms for host in (source, target)]
    if None in offsets or None in doubts:
        raise FactError(f"{source.name}, {target.name}: their clocks were not read")
    between = abs((offsets[0] or 0) - (offsets[1] or 0))
    doubt = sum(each or 0 for each in doubts)
    if between - doubt <= MS_MAX:
        return
    yield Finding(
        id="clock",
        severity="dangerous",
        hosts=(source.name, target.name),
        what=f"their clocks are {between / 1000:.1f} ± {doubt / 1000:.1f} s apart",
        evidence=tuple(
            f"{host.name}: {(host.offset_ms or 0) / 1000:+.2f} s from ours;"
            f" {'; '.join(host.text('clock').splitlines()[:2])}"
            for host in (source, target)
        ),
        remedy=Remedy(
            what="let one thing keep both right (chrony, systemd-timesyncd)",
            host=target.name,
            command="timedatectl set-ntp true",
        ),
    )


CHECKS = (Check("clock", "the hosts' clocks differ", "couple", clock),)
