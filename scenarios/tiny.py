"""A second domain, so small that it moves in well under a second: a BIOS that finds no disk."""

from typing import NamedTuple

import libvirt
from lxml import etree

from miglab.guest.domain import newest_common_machine
from miglab.migration.fleet import Fleet
from miglab.migration.hypervisor import Hypervisor
from miglab.migration.listener import Listener
from miglab.migration.move import Move
from miglab.observe.events import Outcome
from miglab.policy import Policy

NAME = "tiny"
SECONDS = 60.0
TRAVELLING, RESIDENT = "travelling", "resident"
"""Titles of the definition that moves, and of the one that a target had before."""


ALIVE = ("running", "paused")


class Found(NamedTuple):
    """What a host has of it: its state, and the title of its definition."""

    state: str
    definition: str | None


class Tiny:
    """The domain on the hosts of ``fleet``; it runs from one case to the next."""

    def __init__(self, fleet: Fleet) -> None:
        self._hosts = list(fleet.hosts.values())
        capabilities = [host.capabilities() for host in self._hosts]
        self._machine = newest_common_machine(capabilities)

    def running(
        self, *, persistent: bool, known: bool, paused: bool = False
    ) -> tuple[Hypervisor, Hypervisor]:
        """It runs on the first, defined there or not; the second may know it by a definition."""
        source, target = self._between()
        running = source.connection.lookupByName(NAME)
        if paused != (source.state(NAME).state == "paused"):
            (running.suspend if paused else running.resume)()
        if persistent:
            source.connection.defineXML(self._xml(TRAVELLING))
        elif running.isPersistent():
            running.undefine()
        if known:
            target.connection.defineXML(self._xml(RESIDENT))
        return source, target

    def defined(self) -> tuple[Hypervisor, Hypervisor]:
        """It is defined on the first and shut off; the second knows nothing of it."""
        self.remove()
        source, target = self._hosts
        source.connection.defineXML(self._xml(TRAVELLING))
        return source, target

    def move(self, source: Hypervisor, target: Hypervisor, policy: Policy) -> Outcome:
        """How it ended."""
        with Listener(self._hosts, NAME) as listener:
            return Move(source, target, NAME, policy, listener).run(SECONDS)

    def found(self, host: Hypervisor) -> Found:
        """What ``host`` says of it."""
        state = host.state(NAME)
        return Found(state.state, _title(host) if state.persistent else None)

    def remove(self) -> None:
        """Ends it everywhere."""
        for host in self._hosts:
            host.remove(NAME)

    def _between(self) -> tuple[Hypervisor, Hypervisor]:
        """Where it runs and where it does not, with nothing of it there."""
        running = [host for host in self._hosts if host.state(NAME).state in ALIVE]
        if len(running) != 1:
            self.remove()
            running = self._hosts[:1]
            running[0].connection.createXML(self._xml(TRAVELLING))
        (other,) = (host for host in self._hosts if host not in running)
        other.remove(NAME)
        return running[0], other

    def _xml(self, title: str) -> str:
        return f"""
            <domain type="qemu">
              <name>{NAME}</name>
              <uuid>6d696767-6c61-4274-8000-000074696e79</uuid>
              <title>{title}</title>
              <memory unit="MiB">32</memory>
              <os><type arch="x86_64" machine="{self._machine}">hvm</type></os>
              <cpu mode="custom" match="exact" check="none">
                <model fallback="forbid">qemu64</model>
              </cpu>
              <devices>
                <controller type="usb" model="none"/>
                <memballoon model="none"/>
              </devices>
            </domain>"""


def _title(host: Hypervisor) -> str | None:
    """Of the definition that a next start would go by."""
    text = host.connection.lookupByName(NAME).XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)
    return etree.fromstring(text.encode()).findtext("title")
