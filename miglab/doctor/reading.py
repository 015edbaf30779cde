"""What several checks read in the same answers; each answer is read once."""

import re
from functools import cache
from ipaddress import IPv4Address
from typing import Any, NamedTuple

from lxml import etree

from miglab.doctor.facts import HostFacts
from miglab.errors import FactError

INSTEAD = ("untried", "failed")
"""How a line begins that says why there is no other."""


class Link(NamedTuple):
    """An interface; ``kind`` is plain, bridge or tap."""

    name: str
    kind: str
    state: str
    mtu: int


class Mount(NamedTuple):
    """A file system that another machine serves."""

    source: str
    path: str
    kind: str
    options: tuple[str, ...]


def told_of(host: HostFacts, question: str, key: str, whom: str) -> tuple[str, ...]:
    """What the lines ``key WHOM …`` say besides; FactError, with what was said instead, for none.

    A peer or a guest of which nothing is told is not well: it was not tried.
    """
    told = (line.partition(" ") for line in host.lines(question, key))
    found = tuple(rest.strip() for name, _, rest in told if name == whom)
    if found:
        return found
    instead = [line for word in INSTEAD for line in host.lines(question, word)]
    why = "; ".join(line for line in instead if line.split()[:1] == [whom]) or "".join(instead[:1])
    raise FactError(
        f"{host.name}: {question}: nothing is told of {whom}{why and f' ({why[:160]})'}"
    )


def sound(host: HostFacts, question: str, *keys: str) -> None:
    """FactError for an answer with a line of another kind, where no line at all would be well."""
    for line in host.text(question).splitlines():
        if line.strip() and line.split()[0] not in keys:
            raise FactError(f"{host.name}: {question}: cannot be read: {line.strip()[:80]!r}")


def resolved(host: HostFacts, name: str) -> tuple[IPv4Address, ...]:
    """What ``name`` leads to there; empty for nowhere."""
    for line in host.lines("names", "name"):
        found, *addresses = line.split()
        if found == name:
            return tuple(map(IPv4Address, addresses))
    raise FactError(f"{host.name}: names: {name} was not looked up")


def hostname(host: HostFacts) -> str:
    """What it calls itself, which libvirt tells others to connect to."""
    return host.line("identity", "hostname")


def addresses(host: HostFacts) -> tuple[IPv4Address, ...]:
    """Its own."""
    host.line("network", "link")  # whoever has none did not answer
    found = (line.split()[1].partition("/")[0] for line in host.lines("network", "address"))
    return tuple(map(IPv4Address, found))


def address(host: HostFacts) -> str:
    """The one to reach it by: what it was said to be, or the first of its own for a mere name."""
    own = [str(each) for each in addresses(host) if not each.is_loopback]
    return host.address if host.address in own or not own else own[0]


def links(host: HostFacts) -> dict[str, Link]:
    """Its interfaces by name."""
    host.line("network", "link")  # whoever has none did not answer
    found = (line.split() for line in host.lines("network", "link"))
    return {word[0]: Link(word[0], word[1], word[2], int(word[3])) for word in found}


def uplinks(host: HostFacts, bridge: str) -> tuple[str, ...]:
    """What is plugged into a bridge there besides guests."""
    plugged = (line.split()[:2] for line in host.lines("network", "plugged"))
    known = links(host)
    return tuple(n for n, b in plugged if b == bridge and n in known and known[n].kind != "tap")


def mounts(host: HostFacts) -> tuple[Mount, ...]:
    """What it has mounted from others, the deepest first."""
    sound(host, "mounts", "mount", "share", "filesystem", "client")
    found = (line.split() for line in host.lines("mounts", "mount"))
    them = (Mount(word[0], word[1], word[2], tuple(word[3].split(","))) for word in found)
    return tuple(sorted(them, key=lambda mount: -len(mount.path)))


def mounted(host: HostFacts, path: str) -> Mount | None:
    """The mount that ``path`` lies in, None if it is the host's own."""
    for mount in mounts(host):
        if path == mount.path or path.startswith(mount.path.rstrip("/") + "/"):
            return mount
    return None


def image(host: HostFacts, path: str) -> tuple[int, int, int] | None:
    """Owner, group and mode of a guest's image there; None if it is absent."""
    for line in host.lines("images", "image"):
        found, _, rest = line.partition(" ")
        if found == path:
            uid, gid, mode, *_ = [*rest.split(), "", "", ""]
            return None if uid == "absent" else (int(uid), int(gid), int(mode, 8))
    raise FactError(f"{host.name}: images: {path} was not looked for")


def capabilities(host: HostFacts) -> Any:
    """libvirt's capabilities, as a tree."""
    return _tree(host.name, host.text("capabilities"))


@cache
def _tree(host: str, text: str) -> Any:
    try:
        return etree.fromstring(text[text.index("<capabilities") :])
    except (ValueError, etree.XMLSyntaxError) as error:
        raise FactError(f"{host}: libvirt's capabilities cannot be read: {error}") from None


def settings(host: HostFacts, file: str) -> dict[str, str]:
    """What a configuration file of libvirt's says, without quotes."""
    found = (line.split(" ", 2) for line in host.lines("libvirt", "set"))
    return {line[1]: line[2].strip("\"'") for line in found if len(line) > 2 and line[0] == file}


def libvirt_version(host: HostFacts) -> tuple[int, ...]:
    """Of its library."""
    for line in host.lines("libvirt", "version"):
        if found := re.match(r"Using library: libvirt (\d+(?:\.\d+)*)$", line):
            return tuple(map(int, found[1].split(".")))
    raise FactError(f"{host.name}: libvirt: it does not say how new it is")


def qemu_version(host: HostFacts) -> tuple[int, ...]:
    """Of the QEMU that it starts guests with."""
    found = host.line("postcopy", "qemu").split()
    if len(found) < 2:
        raise FactError(f"{host.name}: postcopy: QEMU does not say how new it is")
    return tuple(int(number) for number in found[1].split(".") if number)
