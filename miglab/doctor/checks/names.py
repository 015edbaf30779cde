"""Names that lead elsewhere, or nowhere."""

from collections.abc import Iterator

from miglab.doctor.facts import Facts, HostFacts
from miglab.doctor.finding import Check, Finding, Remedy
from miglab.doctor.reading import address, addresses, hostname, resolved


def name_resolution(_: Facts, source: HostFacts, target: HostFacts) -> Iterator[Finding]:
    """libvirt tells the source to send to the name that the target has for itself."""
    found = resolved(source, target.name)
    own = [each for each in addresses(target) if not each.is_loopback]
    if found and all(each in own for each in found):
        return
    if not found:
        what = f"{source.name} does not know the name {target.name}"
    elif any(each.is_loopback for each in found):
        what = f"on {source.name} the name {target.name} leads to {source.name} itself"
    else:
        what = f"on {source.name} the name {target.name} leads to another machine"
    line = f"{address(target)} {target.name}"
    told = " ".join(map(str, found)) or "no address"
    yield Finding(
        id="name-resolution",
        severity="blocks",
        hosts=(source.name, target.name),
        what=what,
        evidence=(
            f"{source.name}: getent ahostsv4 {target.name}: {told}",
            f"{target.name} has {', '.join(map(str, own)) or 'no address'}",
        ),
        remedy=Remedy(
            what=f"let {target.name} lead to {address(target)}, in DNS or in /etc/hosts",
            host=source.name,
            command=f"cp /etc/hosts /etc/hosts.before; "
            f"{{ awk '{{for (i = 2; i <= NF; i++) if ($i == \"{target.name}\") next}} 1'"
            f" /etc/hosts.before; echo '{line}'; }} > /etc/hosts",
            deploy=True,
        ),
    )


def own_name(_: Facts, host: HostFacts) -> Iterator[Finding]:
    """A host that calls itself localhost sends everybody to themselves."""
    name = hostname(host)
    if name.partition(".")[0] != "localhost":
        return
    yield Finding(
        id="name-resolution",
        severity="blocks",
        hosts=(host.name,),
        what=f"{host.name} calls itself {name}",
        evidence=(f"{host.name}: hostname: {name}",),
        remedy=Remedy(
            what="give it its name",
            host=host.name,
            command=f"hostnamectl set-hostname {host.name}",
            deploy=True,
        ),
    )


CHECKS = (
    Check("name-resolution", "a host's name leads elsewhere, or nowhere", "pair", name_resolution),
    Check("name-resolution", "a host calls itself localhost", "hypervisor", own_name),
)
