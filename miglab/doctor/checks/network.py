"""What stands in the way of a guest's memory, and of its packets afterwards."""

from collections.abc import Iterator
from shlex import quote

from miglab.doctor.domain import Domain
from miglab.doctor.facts import Facts, HostFacts
from miglab.doctor.finding import Check, Finding, Remedy
from miglab.doctor.reading import address, links, told_of, uplinks

REACHED = {"open", "refused"}
DARK_SECONDS_MAX = 2.0


def migration_ports(_: Facts, source: HostFacts, target: HostFacts) -> Iterator[Finding]:
    """Control goes by ssh or libvirt's port, and works; memory goes to 49152–49215."""
    tried = [line.partition(" ") for line in told_of(source, "ports", "port", target.name)]
    closed = [(port, words) for port, _, words in tried if words not in REACHED]
    if not closed:
        return
    rules = [rule for rule in target.lines("security", "rule") if "4915" in rule or "drop" in rule]
    yield Finding(
        id="migration-ports",
        severity="blocks",
        hosts=(source.name, target.name),
        what=f"{source.name} does not get to QEMU's ports on {target.name}",
        evidence=(
            *(f"{source.name}: connect to {target.name}:{port}: {words}" for port, words in closed),
            *(f"{target.name}: {rule}" for rule in rules[:3]),
        ),
        remedy=Remedy(
            what=f"let {source.name}, and no others but hypervisors, reach TCP 49152–49215 on"
            f" {target.name}; for good in whatever makes its rules",
            host=target.name,
            command=_opened(address(source)),
        ),
    )


def _opened(peer: str) -> str:
    """By firewalld, nftables or iptables, whichever the host has; before its other rules."""
    ports, rich = "49152-49215", 'rule family="ipv4" source address='
    rule = f'{rich}"{peer}" port port="{ports}" protocol="tcp" accept'
    firewalld = f"firewall-cmd --add-rich-rule='{rule}'"
    chains = (
        "nft list chains 2>/dev/null | awk '/^table/ {f = $2; t = $3} /chain/ {c = $2}"
        ' /type filter hook input/ && (f == "ip" || f == "inet") {print f, t, c}\''
    )
    nft = (
        'echo "$chains" | while read -r family table chain; do'
        f" nft insert rule $family $table $chain ip saddr {peer} tcp dport {ports} accept; done"
    )
    iptables = f"iptables -I INPUT -s {peer} -p tcp --dport {ports.replace('-', ':')} -j ACCEPT"
    return (
        f"chains=$({chains}); if firewall-cmd --state 2>/dev/null; then {firewalld};"
        f' elif [ -n "$chains" ]; then {nft}; else {iptables}; fi'
    )


def bridge(facts: Facts, guest: Domain, source: HostFacts, target: HostFacts) -> Iterator[Finding]:
    """A guest is plugged into a bridge of the same name, and expects packets of the same size."""
    here, there = links(source), links(target)
    for name in guest.bridges:
        found = there.get(name)
        if found is None or found.kind != "bridge":
            known = [link.name for link in there.values() if link.kind == "bridge"]
            ours = facts.topology is not None and name == facts.topology.network.bridge
            yield _missing_bridge(guest, name, (source, target), known, ours)
        elif uplinks(source, name) and not uplinks(target, name):
            yield _lonely_bridge(guest, name, source, target)
        elif name in here and here[name].mtu != found.mtu:
            yield _other_mtu(guest, name, (source, here[name].mtu), (target, found.mtu))


def _missing_bridge(
    guest: Domain, name: str, hosts: tuple[HostFacts, HostFacts], known: list[str], ours: bool
) -> Finding:
    """No command: a bridge that nothing is plugged into lets the guest come, and it is dark."""
    source, target = hosts
    return Finding(
        id="bridge",
        severity="blocks",
        hosts=(source.name, target.name),
        guest=guest.name,
        what=f"{guest.name} is plugged into {name}, and {target.name} has no such bridge",
        evidence=(f"{target.name}: bridges: {', '.join(known) or 'none'}",),
        remedy=Remedy(
            what=f"make the bridge {name} on {target.name}, with the interface plugged into it that"
            f" leads to the network behind {name} on {source.name}",
            host=target.name,
            deploy=ours,
        ),
    )


def _lonely_bridge(guest: Domain, name: str, source: HostFacts, target: HostFacts) -> Finding:
    there = ", ".join(uplinks(source, name))
    return Finding(
        id="bridge",
        severity="dangerous",
        hosts=(source.name, target.name),
        guest=guest.name,
        what=f"{guest.name} will be dark on {target.name}: {name} leads nowhere there",
        evidence=(
            f"{source.name}: {name} has {there}",
            f"{target.name}: {name} has no port but those of guests",
        ),
        remedy=Remedy(
            what=f"plug the interface into {name} on {target.name} that leads to the network behind"
            f" {name} on {source.name}",
            host=target.name,
        ),
    )


def _other_mtu(
    guest: Domain, name: str, here: tuple[HostFacts, int], there: tuple[HostFacts, int]
) -> Finding:
    (source, mine), (target, theirs) = here, there
    return Finding(
        id="bridge",
        severity="dangerous",
        hosts=(source.name, target.name),
        guest=guest.name,
        what=f"{name} has another MTU on {target.name}: large packets of {guest.name} get lost",
        evidence=(f"{source.name}: {name} mtu {mine}", f"{target.name}: {name} mtu {theirs}"),
        remedy=Remedy(
            what="give both the same MTU",
            host=target.name,
            command=f"ip link set {quote(name)} mtu {mine}",
        ),
    )


def announce(_: Facts, guest: Domain, source: HostFacts, target: HostFacts) -> Iterator[Finding]:
    """A switch that learns late, or not at all, keeps the guest dark after the move."""
    told = {tuple(line.split()[:2]): line.split()[2] for line in target.lines("network", "bridge")}
    for name in guest.bridges:
        delay = int(told.get((name, "forward_delay"), "0")) / 100
        spanning = told.get((name, "stp_state"), "0") != "0"
        if spanning and 2 * delay > DARK_SECONDS_MAX:
            yield Finding(
                id="announce",
                severity="dangerous",
                hosts=(source.name, target.name),
                guest=guest.name,
                what=f"{guest.name} will be dark for {2 * delay:g} s on {target.name}:"
                f" {name} listens and learns before it forwards",
                evidence=(f"{target.name}: {name}: spanning tree on, forward delay {delay:g} s",),
                remedy=Remedy(
                    what=f"no spanning tree on {name}, or no delay, if there can be no loop",
                    host=target.name,
                    command=f"ip link set {quote(name)} type bridge stp_state 0 forward_delay 200",
                ),
            )


CHECKS = (
    Check("migration-ports", "memory cannot be sent: ports are closed", "pair", migration_ports),
    Check("bridge", "a bridge is missing, or of another MTU", "guest", bridge),
    Check("announce", "the network learns too late where the guest is", "guest", announce),
)
