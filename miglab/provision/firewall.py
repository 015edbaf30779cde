"""An active firewall lets the lab's hosts in to one another, as far as they need it."""

from collections.abc import Generator

from pyinfra import host
from pyinfra.api.deploy import deploy
from pyinfra.api.operation import operation

from miglab.packages import Family
from miglab.provision.context import family, say
from miglab.provision.facts.firewall import PolicyActive, Ruleset, UfwRules
from miglab.provision.facts.system import ActiveUnits, Text
from miglab.provision.firewalls import firewalld, nftables, ufw
from miglab.provision.firewalls.openings import Opening, openings
from miglab.topology import Node, Topology

NFTABLES: dict[Family, str] = {
    "debian": "/etc/nftables.conf",
    "redhat": "/etc/sysconfig/nftables.conf",
}


@operation()
def opened(wanted: tuple[Opening, ...]) -> Generator[str]:
    """``wanted`` is let in by the firewall that is active, now and after a reboot."""
    units = host.get_fact(ActiveUnits)
    if "firewalld.service" in units:
        present = host.get_fact(Text, path=firewalld.PATH)
        yield from firewalld.commands(wanted, present, host.get_fact(PolicyActive))
    elif "ufw.service" in units and (added := host.get_fact(UfwRules)) is not None:
        yield from ufw.commands(wanted, added)
    elif "nftables.service" in units:
        yield from _nftables(wanted)
    else:
        host.noop("no firewall is active")


def _nftables(wanted: tuple[Opening, ...]) -> Generator[str]:
    """Nothing where no chain drops; a warning where rules of ours would not last."""
    ruleset = host.get_fact(Ruleset)
    if not (chains := nftables.dropping(ruleset)):
        host.noop("nftables drops nothing on its way in")
        return
    path = NFTABLES[family(host)]
    main = host.get_fact(Text, path=path)
    problem = nftables.problem(path, main)
    if main is None or problem:
        listed = "; ".join(f"{each.source} to TCP {', '.join(each.ports)}" for each in wanted)
        say(host, f"{problem}; accept in {chains[0]} yourself: {listed}")
        return
    present = host.get_fact(Text, path=nftables.PATH)
    yield from nftables.commands(path, main, present, wanted, ruleset)


@deploy("Firewall")
def deploy_firewall(topology: Topology, node: Node) -> None:
    """Nothing is done, and nothing installed, where no firewall is active or nothing is needed."""
    if wanted := openings(topology, node):
        opened(name="What the lab's hosts need is open", wanted=wanted)
