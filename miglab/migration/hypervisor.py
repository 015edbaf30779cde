"""One host's libvirt: connected by ``qemu+ssh`` through the lab's way in."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar

import libvirt
from lxml import etree

from miglab.errors import HypervisorError
from miglab.guest.domain import Cpu
from miglab.migration.event_loop import ensure_event_loop
from miglab.observe.states import DomainState

T = TypeVar("T")
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
    """A connection that notices within seconds when the host is gone."""

    def __init__(self, name: str, uri: str) -> None:
        ensure_event_loop()
        self.name = name
        try:
            self.connection = libvirt.open(uri)
            self.connection.setKeepAlive(3, 3)
        except libvirt.libvirtError as error:
            raise HypervisorError(f"{name}: libvirt does not answer: {error}") from None

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
            word = STATES.get(domain.state()[0], "?")
            return DomainState(host=self.name, state=word, persistent=bool(domain.isPersistent()))

        return self._unless_gone(guest, ask) or DomainState(host=self.name, state="absent")

    def _unless_gone(self, guest: str, ask: Callable[[libvirt.virDomain], T]) -> T | None:
        """What ``ask`` says of the domain; None when it is not there, or not any more."""
        with self.speaking(f"{guest}"):
            try:
                return ask(self.connection.lookupByName(guest))
            except libvirt.libvirtError as error:
                if error.get_error_code() != libvirt.VIR_ERR_NO_DOMAIN:
                    raise
                return None

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

    def remove(self, guest: str) -> None:
        """Ends a guest at once and forgets its definition."""

        def end(domain: libvirt.virDomain) -> None:
            if domain.isActive():
                domain.destroy()
            if domain.isPersistent():
                domain.undefine()

        self._unless_gone(guest, end)

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
