"""Hosts that libvirt takes for one and the same."""

from collections.abc import Iterator

from miglab.doctor.facts import Facts, HostFacts
from miglab.doctor.finding import RESTART, Check, Finding, Remedy
from miglab.doctor.reading import capabilities


def same_host_uuid(_: Facts, source: HostFacts, target: HostFacts) -> Iterator[Finding]:
    """Cloned machines: libvirt refuses to migrate a guest to the host it is on."""
    uuids = [capabilities(host).findtext("host/uuid") for host in (source, target)]
    if uuids[0] != uuids[1]:
        return
    yield Finding(
        id="same-host-uuid",
        severity="blocks",
        hosts=(source.name, target.name),
        what=f"{source.name} and {target.name} have the same host UUID",
        evidence=tuple(
            f"{host.name}: virsh capabilities: {uuid}"
            for host, uuid in zip((source, target), uuids, strict=True)
        ),
        remedy=Remedy(
            what="give one of them a UUID of its own, and restart its libvirt",
            host=target.name,
            command="for file in libvirtd virtqemud; do"
            " [ -e /etc/libvirt/$file.conf ] || continue;"
            " sed -i '/^ *host_uuid/d' /etc/libvirt/$file.conf;"
            ' echo "host_uuid = \\"$(cat /proc/sys/kernel/random/uuid)\\""'
            " >> /etc/libvirt/$file.conf; done;"
            f" {RESTART}",
        ),
    )


CHECKS = (Check("same-host-uuid", "two hosts have the same host UUID", "couple", same_host_uuid),)
