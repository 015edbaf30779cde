"""One host's libvirt: connected by ``qemu+ssh`` through the lab's way in."""

from pathlib import Path

import libvirt
from lxml import etree

from miglab.errors import HypervisorError
from miglab.guest.domain import Cpu
from miglab.migration.event_loop import ensure_event_loop
from miglab.observe.states import DomainState

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
        try:
            self.connection.close()
        except libvirt.libvirtError:
            pass

    def domain(self, guest: str) -> libvirt.virDomain | None:
        """The domain of that name, or None."""
        try:
            return self.connection.lookupByName(guest)
        except libvirt.libvirtError as error:
            if error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
                return None
            raise HypervisorError(f"{self.name}: {error}") from None

    def state(self, guest: str) -> DomainState:
        """What this host says of ``guest``."""
        domain = self.domain(guest)
        if domain is None:
            return DomainState(host=self.name, state="absent")
        try:
            state, persistent = domain.state()[0], bool(domain.isPersistent())
        except libvirt.libvirtError as error:
            if error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
                return DomainState(host=self.name, state="absent")
            raise HypervisorError(f"{self.name}: {error}") from None
        return DomainState(host=self.name, state=STATES.get(state, "?"), persistent=persistent)

    def domain_type(self, domain: libvirt.virDomain) -> str:
        """``kvm``, or ``qemu`` for emulation."""
        return str(etree.fromstring(domain.XMLDesc().encode()).get("type"))

    def start(self, xml: str) -> None:
        """Defines and starts a guest; a definition that cannot start is taken back."""
        domain = None
        try:
            domain = self.connection.defineXML(xml)
            domain.create()
        except libvirt.libvirtError as error:
            if domain is not None:
                domain.undefine()
            raise HypervisorError(f"{self.name}: the guest does not start: {error}") from None

    def remove(self, guest: str) -> None:
        """Ends a guest at once and forgets its definition."""
        domain = self.domain(guest)
        if domain is None:
            return
        try:
            if domain.isActive():
                domain.destroy()
            if domain.isPersistent():
                domain.undefine()
        except libvirt.libvirtError as error:
            if error.get_error_code() != libvirt.VIR_ERR_NO_DOMAIN:
                raise HypervisorError(f"{self.name}: {guest} cannot be removed: {error}") from None

    def capabilities(self) -> str:
        """The host's capabilities XML."""
        return str(self.connection.getCapabilities())

    def has_pool(self, name: str) -> bool:
        """Whether a storage pool of that name is active."""
        try:
            return bool(self.connection.storagePoolLookupByName(name).isActive())
        except libvirt.libvirtError:
            return False

    def versions(self) -> dict[str, str]:
        """Versions of libvirt and QEMU."""
        return {
            "libvirt": _version(self.connection.getLibVersion()),
            "qemu": _version(self.connection.getVersion()),
        }

    def host_cpu(self) -> str:
        """The host's own CPU as domain capabilities give it for KVM: XML of a ``<cpu>``."""
        text = self.connection.getDomainCapabilities(None, "x86_64", None, "kvm", 0)
        cpu = etree.fromstring(text.encode()).find("cpu/mode[@name='host-model']")
        if cpu is None:
            raise HypervisorError(f"{self.name}: libvirt names no CPU model for KVM")
        cpu.tag = "cpu"
        return etree.tostring(cpu, encoding="unicode")

    def baseline_cpu(self, cpus: list[str]) -> Cpu:
        """The best CPU that every host of ``cpus`` has."""
        try:
            text = self.connection.baselineHypervisorCPU(None, "x86_64", None, "kvm", cpus, 0)
        except libvirt.libvirtError as error:
            raise HypervisorError(f"the hosts have no CPU model in common: {error}") from None
        cpu = etree.fromstring(text.encode())
        disabled = cpu.xpath("feature[@policy='disable']/@name")
        return Cpu(model=str(cpu.findtext("model")), disabled=tuple(map(str, disabled)))


def uri(ssh_command: Path, host: str) -> str:
    """``qemu+ssh`` to ``host`` by the lab's own ssh."""
    return f"qemu+ssh://root@{host}/system?command={ssh_command}&no_tty=1"


def _version(number: int) -> str:
    return f"{number // 1_000_000}.{number // 1000 % 1000}.{number % 1000}"
