"""Whether one host's libvirt gets to another's."""

from collections.abc import Iterator

from miglab.doctor.facts import Facts, HostFacts
from miglab.doctor.finding import RESTART, Check, Finding, Remedy
from miglab.doctor.reading import settings, sound, told_of
from miglab.errors import FactError

DAEMONS = ("libvirtd", "virtqemud")


def ssh_trust(facts: Facts, source: HostFacts, target: HostFacts) -> Iterator[Finding]:
    """virsh on one host, and any peer-to-peer migration, goes to the other by ssh."""
    code, _, words = told_of(source, "trust", "ssh", target.name)[0].partition(" ")
    if code == "0":
        return
    if not code.isdecimal():
        raise FactError(f"{source.name}: trust: expected ssh's exit code, found {code!r}")
    why = words or f"ssh ended with code {code}"
    peer = facts.policy is None or facts.policy.peer_to_peer
    yield Finding(
        id="ssh-trust",
        severity="blocks" if peer else "advice",
        hosts=(source.name, target.name),
        what=f"root on {source.name} does not get to {target.name} by ssh",
        evidence=(f"{source.name}: ssh root@{target.name}: {why}",),
        remedy=Remedy(
            what=f"let {source.name} know the host key of {target.name}, and {target.name} the"
            f" key of root on {source.name} (ssh-copy-id)",
            host=source.name,
            deploy=True,
        ),
    )


def libvirt_listener(_: Facts, host: HostFacts) -> Iterator[Finding]:
    """A daemon that does not run, nor would be started when somebody knocks."""
    host.line("libvirt", "unit")  # whoever has none did not answer
    units = {line.split()[0]: [*line.split()[1:], "", ""] for line in host.lines("libvirt", "unit")}
    active = [name for name, state in units.items() if state[0] == "active"]
    if any(name.partition(".")[0] in DAEMONS for name in active):
        return
    yield Finding(
        id="libvirt-listener",
        severity="blocks",
        hosts=(host.name,),
        what=f"libvirt does not run on {host.name}",
        evidence=tuple(
            f"{host.name}: {name}: {' '.join(units.get(name, ['unknown']))}" for name in DAEMONS
        ),
        remedy=Remedy(
            what="start it, now and at every boot",
            host=host.name,
            command=f"systemctl enable --now {_daemon(units)}",
            deploy=True,
        ),
    )


def _daemon(units: dict[str, list[str]]) -> str:
    """One daemon or many, as the host is set up: what is enabled, or else what is installed."""
    state = {name: words[1] for name, words in units.items()}
    modular = ("virtqemud.socket", "virtqemud")
    for well in ({"enabled"}, {"enabled", "disabled", "static", "indirect"}):
        if state.get("libvirtd") in well or state.get("libvirtd.socket") in well:
            return "libvirtd"
        if any(state.get(name) in well for name in modular):
            return modular[0]
    return "libvirtd"


def certificates(facts: Facts, host: HostFacts) -> Iterator[Finding]:
    """What QEMU and libvirt show for TLS: in time, and vouched for by the authority beside it."""
    sound(host, "certificates", "certificate", "verified", "fingerprint", "absent")
    wrong = [
        f"{host.name}: {line}"
        for line in host.lines("certificates", "verified")
        if not line.endswith(": OK")
    ]
    wrong += [
        f"{host.name}: {line.split()[0]}: expired"
        for line in host.lines("certificates", "certificate")
        if line.split()[1:2] == ["expired"]
    ]
    if wrong:
        yield _certificate(facts, (host.name,), f"a certificate of {host.name} is no good", wrong)


def authorities(facts: Facts, source: HostFacts, target: HostFacts) -> Iterator[Finding]:
    """Each believes its own authority only."""
    mine, theirs = (
        dict(line.split() for line in host.lines("certificates", "fingerprint"))
        for host in (source, target)
    )
    wrong = [
        f"{file}: {mine[file][:23]}… and {theirs[file][:23]}…"
        for file in mine.keys() & theirs.keys()
        if mine[file] != theirs[file]
    ]
    if wrong:
        what = "they have certificates of different authorities"
        yield _certificate(facts, (source.name, target.name), what, sorted(wrong))


def _certificate(facts: Facts, hosts: tuple[str, ...], what: str, seen: list[str]) -> Finding:
    tls = facts.policy is None or facts.policy.tls
    return Finding(
        id="libvirt-listener",
        severity="blocks" if tls else "advice",
        hosts=hosts,
        what=f"{what}: nothing encrypted is moved",
        evidence=tuple(seen),
        remedy=Remedy(what="give every host a certificate of one authority", deploy=True),
    )


def listener_address(_: Facts, host: HostFacts) -> Iterator[Finding]:
    """``migration_address`` or ``migration_host`` set to what others cannot reach."""
    told = settings(host, "qemu.conf")
    for key in ("migration_address", "migration_host"):
        if told.get(key, "").startswith(("127.", "localhost", "::1")):
            yield Finding(
                id="libvirt-listener",
                severity="blocks",
                hosts=(host.name,),
                what=f"QEMU on {host.name} waits for guests at {told[key]}, where nobody gets",
                evidence=(f"{host.name}: /etc/libvirt/qemu.conf: {key} = {told[key]}",),
                remedy=Remedy(
                    what="leave it out",
                    host=host.name,
                    command=f"sed -i '/^{key} *=/d' /etc/libvirt/qemu.conf; {RESTART}",
                ),
            )


CHECKS = (
    Check("ssh-trust", "no way by ssh between the hosts", "pair", ssh_trust),
    Check("libvirt-listener", "libvirt does not run", "hypervisor", libvirt_listener),
    Check("libvirt-listener", "a certificate is no good", "hypervisor", certificates),
    Check("libvirt-listener", "authorities differ", "couple", authorities),
    Check("libvirt-listener", "QEMU listens where nobody gets", "hypervisor", listener_address),
)
