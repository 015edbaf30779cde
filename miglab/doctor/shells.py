"""Ways to the hosts: a lab's own, or ssh to anybody's."""

from collections.abc import Iterable, Mapping

from miglab.doctor.gather import Host, Shell
from miglab.errors import NodeError
from miglab.lab.access import ssh_argv
from miglab.lab.command import attempt, last_words
from miglab.lab.lab import Lab
from miglab.lab.own import Own
from miglab.topology import Node


def lab_hosts(nodes: Iterable[Node]) -> list[Host]:
    """Declared nodes, as they are asked."""
    return [Host(name=n.name, address=str(n.address), role=n.role) for n in nodes]


def lab_shell(lab: Lab) -> Shell:
    """By the lab's own ssh_config; machines that may be emulated are given longer."""
    place, patience = lab.place, lab.patience

    def shell(host: str, script: str, seconds: float) -> str:
        text = f"PATIENCE={round(patience)}\n{script}"
        return _said(host, ssh_argv(place, host, ["sh -s"]), text, seconds * patience)

    return shell


def own_shell(hosts: Mapping[str, Own]) -> Shell:
    """By the user's own ssh, as root or by sudo that asks for no password."""

    def shell(host: str, script: str, seconds: float) -> str:
        own = hosts[host]
        argv = own.argv("sh -s" if own.is_root else "sudo -n sh -s")
        return _said(host, argv, script, seconds)

    return shell


def _said(host: str, argv: list[str], script: str, seconds: float) -> str:
    done = attempt(argv, about=host, error=NodeError, stdin=script, seconds=seconds)
    if done.returncode and not done.stdout:
        raise NodeError(f"{host}: cannot be asked ({done.returncode}): {last_words(done)}")
    return done.stdout


def own_hosts(hosts: Mapping[str, Own]) -> list[Host]:
    """As they are asked; an address that is a name is looked up by the hosts themselves."""
    return [
        Host(name=own.name, address=own.ssh_hostname or own.name, role=own.role)
        for own in hosts.values()
    ]
