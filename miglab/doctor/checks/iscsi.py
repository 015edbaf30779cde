"""To whom the guest's disk is given by iSCSI."""

from collections.abc import Iterator

from miglab.doctor.checks.nfs import covers
from miglab.doctor.facts import Facts, HostFacts
from miglab.doctor.finding import Check, Finding, Remedy

ANYBODY = "ALL"


def export(facts: Facts, host: HostFacts) -> Iterator[Finding]:
    """The target must be there, and let this host's address log in."""
    storage, topology = facts.storage, facts.topology
    if storage is None or topology is None or topology.share.kind != "iscsi":
        return
    told = [line.split() for line in storage.lines("exports", "target")]
    clients = [word for name, *words in told if name == topology.iqn for word in words]
    if any(client == ANYBODY or covers(client, host) for client in clients):
        return
    named = ", ".join(clients) or "nobody"
    yield Finding(
        id="export",
        severity="blocks",
        hosts=(host.name,),
        what=f"{storage.name} does not let {host.name} log in to {topology.iqn}",
        evidence=(
            f"{storage.name}: {topology.iqn} is for {named}",
            f"{host.name} is {host.address}",
        ),
        remedy=Remedy(what=f"let {host.address} log in to the target", deploy=True),
    )


CHECKS = (Check("export", "the target is for others", "hypervisor", export),)
