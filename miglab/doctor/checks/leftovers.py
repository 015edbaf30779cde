"""What an earlier migration, or somebody, left on the target."""

from collections.abc import Iterator
from shlex import quote

from miglab.doctor.domain import Domain
from miglab.doctor.facts import Facts, HostFacts
from miglab.doctor.finding import Check, Finding, Remedy


def left_over_domain(
    _: Facts, guest: Domain, source: HostFacts, target: HostFacts
) -> Iterator[Finding]:
    """One of the same name and UUID that is shut off is the guest itself: that is well."""
    for other in target.domains:
        same = (other.name == guest.name, other.uuid == guest.uuid)
        if not any(same) or (all(same) and not other.running):
            continue
        shared = "name" if same[0] else "UUID"
        twice = all(same)
        yield Finding(
            id="left-over-domain",
            severity="dangerous" if twice else "blocks",
            hosts=(source.name, target.name),
            guest=guest.name,
            what=f"{guest.name} runs on both" if twice
            else f"{target.name} has another guest with the {shared} of {guest.name}",
            evidence=(
                f"{source.name}: {guest.name} {guest.uuid} {guest.state}",
                f"{target.name}: {other.name} {other.uuid} {other.state}",
            ),
            remedy=_remedy(target, other, twice),
        )  # fmt: skip


def _remedy(target: HostFacts, other: Domain, twice: bool) -> Remedy:
    """What runs is somebody's: it is ended by a person, never by a line that was copied."""
    if twice:
        what = "find out which one is to live, and end the other by hand"
        return Remedy(what=what, host=target.name)
    if other.running:
        what = f"{other.name} runs there: shut it down or move it away first, if nobody needs it"
        return Remedy(what=what, host=target.name)
    nvram = bool(other.tree.xpath("./os/nvram | ./os[@firmware='efi']"))
    return Remedy(
        what="if nobody needs it, remove its definition (its disks stay"
        + (", its NVRAM goes)" if nvram else ")"),
        host=target.name,
        command=f"virsh undefine {quote(other.uuid)}" + " --nvram" * nvram,
    )


CHECKS = (Check("left-over-domain", "the target has one of that name", "guest", left_over_domain),)
