"""One host's libvirt: connected by ``qemu+ssh`` through the lab's way in."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar

import libvirt
import libvirt_qemu
from lxml import etree

from miglab.errors import HypervisorError
from miglab.guest.domain import Cpu
from miglab.migration.event_loop import ensure_event_loop
from miglab.observe.states import BROKEN_OFF, DomainState

T = TypeVar("T")
KEEP_ALIVE = (5, 6)
"""Seconds between questions, and how many may go unanswered: a busy host answers late."""
SPLIT = {
    (libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_POSTCOPY_FAILED),
    (libvirt.VIR_DOMAIN_RUNNING, libvirt.VIR_DOMAIN_RUNNING_POSTCOPY_FAILED),
}
"""What libvirt says of either half of a guest whose post-copy broke off."""
STATES = {
    libvirt.VIR_DOMAIN_NOSTATE: "no state",
    libvirt.VIR_DOMAIN_RUNNING: "running",
    libvirt.VIR_DOMAIN_BLOCKED: "blocked",
    libvirt.VIR_DOMAIN_PAUSED: "paused",
    libvirt.VIR_DOMAIN_SHUTDOWN: "shutting down",
    libvirt.VIR_DOMAIN_SHUTOFF: "shut off",
    libvirt.VIR_DOMAIN_CRASHED: "crashed",
    libvirt.VIR_DOMAIN_PMSUSPENDED: "suspended",
}


class Hypervisor:
    """A connection that notices within half a minute when the host is gone."""

    def __init__(self, name: str, uri: str) -> None:
        ensure_event_loop()
        self.name = name
        self._uri = uri
        self.connection = self._open()

    def _open(self) -> libvirt.virConnect:
        try:
            connection = libvirt.open(self._uri)
            connection.setKeepAlive(*KEEP_ALIVE)
        except libvirt.libvirtError as error:
            raise HypervisorError(f"{self.name}: libvirt does not answer: {error}") from None
        return connection

    def renew(self) -> bool:
        """Connects again if the connection was lost; whether it was."""
        try:
            if self.connection.isAlive():
                return False
        except libvirt.libvirtError:
            pass  # then it is lost as well
        self.close()
        self.connection = self._open()
        return True

    def close(self) -> None:
        """Ends the connection; one that broke is closed already."""
        with suppress(libvirt.libvirtError):
            self.connection.close()

    @contextmanager
    def speaking(self, problem: str) -> Iterator[None]:
        """Turns what libvirt refuses in the block into a HypervisorError that names the problem."""
        try:
            yield
        except libvirt.libvirtError as error:
            raise HypervisorError(f"{self.name}: {problem}: {error}") from None

    def domain(self, guest: str) -> libvirt.virDomain | None:
        """The domain of that name, or None."""
        return self._unless_gone(guest, lambda domain: domain)

    def state(self, guest: str) -> DomainState:
        """What this host says of ``guest``."""

        def ask(domain: libvirt.virDomain) -> DomainState:
            state, reason = domain.state()
            word = BROKEN_OFF if (state, reason) in SPLIT else STATES.get(state, "?")
            return DomainState(host=self.name, state=word, persistent=bool(domain.isPersistent()))

        return self._unless_gone(guest, ask) or DomainState(host=self.name, state="absent")

    def state_anew(self, guest: str) -> DomainState:
        """The same, by a new connection if there is none any more."""
        self.renew()
        return self.state(guest)

    def _unless_gone(self, guest: str, ask: Callable[[libvirt.virDomain], T]) -> T | None:
        """What ``ask`` says of the domain; None when it is not there, or not any more."""
        with self.speaking(f"{guest}"):
            try:
                return ask(self.connection.lookupByName(guest))
            except libvirt.libvirtError as error:
                if error.get_error_code() != libvirt.VIR_ERR_NO_DOMAIN:
                    raise
                return None

    def uuid(self, guest: str) -> str | None:
        """The UUID of the domain of that name, or None."""
        return self._unless_gone(guest, lambda domain: str(domain.UUIDString()))

    def domain_type(self, domain: libvirt.virDomain) -> str:
        """``kvm``, or ``qemu`` for emulation."""
        with self.speaking("the guest cannot be described"):
            return str(etree.fromstring(domain.XMLDesc().encode()).get("type"))

    def start(self, xml: str) -> None:
        """Defines and starts a guest; a definition that cannot start is taken back."""
        with self.speaking("the guest does not start"):
            domain = self.connection.defineXML(xml)
            try:
                domain.create()
            except libvirt.libvirtError:
                with suppress(libvirt.libvirtError):
                    domain.undefine()
                raise

    def restore(self, xml: str, memory: str) -> None:
        """Defines the guest, and goes on with the ``memory`` that lies in a file on this host."""
        with self.speaking("cannot go on with the guest's memory"):
            self.connection.defineXML(xml)
            self.connection.restoreFlags(memory, xml, 0)

    def set_autostart(self, guest: str, wanted: bool) -> None:
        """Whether a guest that is defined here starts with this host."""

        def settle(domain: libvirt.virDomain) -> None:
            if domain.isPersistent() and domain.autostart() != wanted:
                domain.setAutostart(wanted)

        self._unless_gone(guest, settle)

    def remove(self, guest: str) -> None:
        """Ends a guest at once and forgets its definition."""

        def end(domain: libvirt.virDomain) -> None:
            if domain.isActive():
                try:
                    domain.destroy()
                except libvirt.libvirtError:
                    if domain.isActive():  # else it ended by itself while it was to be ended
                        raise
            if domain.isPersistent():
                domain.undefine()

        self._unless_gone(guest, end)

    def set_capability(self, guest: str, name: str) -> None:
        """Switches on what QEMU can do in migrations and libvirt does not know of.

        Raises HypervisorError with QEMU's reason if it has not got it.
        """
        wanted = {"capability": name, "state": True}
        command = {"execute": "migrate-set-capabilities", "arguments": {"capabilities": [wanted]}}
        with self.speaking(f"QEMU cannot be told of {name}"):
            domain = self.connection.lookupByName(guest)
            answer = json.loads(libvirt_qemu.qemuMonitorCommand(domain, json.dumps(command), 0))
        if "error" in answer:
            raise HypervisorError(f"{self.name}: {name}: {answer['error']['desc']}")

    def capabilities(self) -> str:
        """The host's capabilities XML."""
        with self.speaking("its capabilities cannot be had"):
            return str(self.connection.getCapabilities())

    def has_pool(self, name: str) -> bool:
        """Whether a storage pool of that name is active."""
        try:
            return bool(self.connection.storagePoolLookupByName(name).isActive())
        except libvirt.libvirtError:
            return False

    def versions(self) -> dict[str, str]:
        """Versions of libvirt and QEMU."""
        with self.speaking("its versions cannot be had"):
            return {
                "libvirt": _version(self.connection.getLibVersion()),
                "qemu": _version(self.connection.getVersion()),
            }

    def host_cpu(self) -> str:
        """The host's own CPU as domain capabilities give it for KVM: XML of a ``<cpu>``."""
        with self.speaking("its CPU under KVM cannot be had"):
            text = self.connection.getDomainCapabilities(None, "x86_64", None, "kvm", 0)
        cpu = etree.fromstring(text.encode()).find("cpu/mode[@name='host-model']")
        if cpu is None:
            raise HypervisorError(f"{self.name}: libvirt names no CPU model for KVM")
        cpu.tag = "cpu"
        return etree.tostring(cpu, encoding="unicode")

    def baseline_cpu(self, cpus: list[str]) -> Cpu:
        """The best CPU that every host of ``cpus`` has."""
        with self.speaking("the hosts have no CPU model in common"):
            text = self.connection.baselineHypervisorCPU(None, "x86_64", None, "kvm", cpus, 0)
        cpu = etree.fromstring(text.encode())
        disabled = cpu.findall("feature[@policy='disable']")
        return Cpu(
            model=cpu.findtext("model", ""),
            disabled=tuple(feature.get("name", "") for feature in disabled),
        )


def _version(number: int) -> str:
    return f"{number // 1_000_000}.{number // 1000 % 1000}.{number % 1000}"
