"""How the share is given, and how it is taken."""

import re
from collections.abc import Iterator
from fnmatch import fnmatch
from ipaddress import ip_address, ip_network
from shlex import quote

from miglab.doctor.facts import Facts, HostFacts
from miglab.doctor.finding import Check, Finding, Remedy
from miglab.doctor.reading import hostname, mounts
from miglab.errors import FactError

NETGROUP = "@"
SOFT = {"soft", "softerr"}


def soft_mount(_: Facts, host: HostFacts) -> Iterator[Finding]:
    """Mounted soft, a server that is away for a while gives the guest I/O errors."""
    for mount in mounts(host):
        if mount.kind.startswith("nfs") and SOFT & set(mount.options):
            yield Finding(
                id="nfs-soft-mount",
                severity="dangerous",
                hosts=(host.name,),
                what=f"{host.name} gives up on its share when the server is slow to answer",
                evidence=(
                    f"{host.name}: {mount.source} on {mount.path}: {','.join(mount.options)}",
                ),
                remedy=Remedy(
                    what="mount it hard; in /etc/fstab too",
                    host=host.name,
                    command=f"mount -o remount,hard {quote(mount.path)}",
                    deploy=True,
                ),
            )


def export(facts: Facts, host: HostFacts) -> Iterator[Finding]:
    """The server must name this host's address, and let it write: the tutorial's own mistake."""
    storage = facts.storage
    if storage is None or facts.topology is None or "exports" not in storage.answers:
        return
    if facts.topology.share.kind != "nfs":
        return
    path = str(facts.topology.share.path)
    clients = _clients(storage, path)
    given = [access for client, access in clients if covers(client, host)]
    if any("rw" in access.lower() for access in given):
        return
    if netgroup := next((client for client, _ in clients if client.startswith(NETGROUP)), None):
        raise FactError(f"the export is for the netgroup {netgroup}, whose members are not known")
    named = ", ".join(client for client, _ in clients) or "nobody"
    yield Finding(
        id="export",
        severity="blocks",
        hosts=(host.name,),
        what=f"{storage.name} lets {host.name} only read {path}"
        if given
        else f"{storage.name} does not export {path} to {host.name}",
        evidence=(f"{storage.name}: {path} is for {named}", f"{host.name} is {host.address}"),
        remedy=Remedy(what=f"name {host.address} in the export, and let it write", deploy=True),
    )


def _clients(storage: HostFacts, path: str) -> list[tuple[str, str]]:
    """Client and access, of the kernel's server or of ganesha."""
    found = [
        (client, access)
        for line in storage.lines("exports", "kernel") + storage.lines("exports", "file")
        if line.split()[:1] == [path]
        for client, access in re.findall(r"([^\s(]+)\(([^)]*)\)", line)
    ]
    for line in storage.lines("exports", "ganesha"):
        for block in re.findall(r"EXPORT\s*\{(.*?\{.*?\}.*?)\}", line, re.IGNORECASE | re.DOTALL):
            if not re.search(rf"Path\s*=\s*\"?{re.escape(path)}\"?\s*;", block):
                continue
            for client in re.findall(r"CLIENT\s*\{(.*?)\}", block, re.IGNORECASE | re.DOTALL):
                names = re.search(r"Clients\s*=\s*([^;]*);", client)
                access = re.search(r"Access_Type\s*=\s*(\w+)", client)
                found += [
                    (name.strip(), access[1] if access else "none")
                    for name in (names[1] if names else "").split(",")
                ]
    return found


def covers(client: str, host: HostFacts) -> bool:
    """By address, network or name; a netgroup never does: who is in it is not told here."""
    if any(fnmatch(name, client) for name in (host.name, hostname(host), host.address)):
        return True
    try:
        return ip_address(host.address) in ip_network(client, strict=False)
    except ValueError:
        return False


CHECKS = (
    Check("nfs-soft-mount", "the share is mounted soft", "hypervisor", soft_mount),
    Check("export", "the export is for others, or read-only", "hypervisor", export),
)
