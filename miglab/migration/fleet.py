"""All hypervisors of a lab, asked together: where the guest is, and what they have in common."""

from contextlib import suppress
from pathlib import Path

from miglab.errors import GuestError, HypervisorError, UsageError
from miglab.guest import acceleration, local_disk
from miglab.guest.acceleration import Acceleration
from miglab.guest.domain import Cpu, Platform, domain_xml, guest_uuid, newest_common_machine
from miglab.guest.local_disk import NodeShell
from miglab.lab.access import libvirt_uri
from miglab.lab.parallel import each
from miglab.migration.hypervisor import Hypervisor
from miglab.observe.states import DomainState
from miglab.topology import Topology


class Fleet:
    """Connections to every hypervisor; use as a context."""

    def __init__(self, topology: Topology, ssh_command: Path, pace: float = 1) -> None:
        self.topology, self.pace = topology, pace
        self.guest = topology.guest.name
        names = [node.name for node in topology.hypervisors]
        opened = each(lambda name: Hypervisor(name, libvirt_uri(ssh_command, name)), names)
        self.hosts = {host.name: host for host in opened}

    def __enter__(self) -> "Fleet":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends all connections."""
        for host in self.hosts.values():
            host.close()

    def renew(self) -> bool:
        """Opens connections that were lost; whether any was. Raises HypervisorError in vain."""
        return any(each(Hypervisor.renew, self.hosts.values()))

    def states(self) -> list[DomainState]:
        """What each host says of the guest, in the order declared; a lost one is unreachable.

        Asked after a move, whose record must be written whatever became of the hosts.
        """
        return each(self._state, self.hosts.values())

    def _state(self, host: Hypervisor) -> DomainState:
        """A daemon that died under us is asked again, for systemd has another one running."""
        for attempt in (host.state, host.state_anew):
            with suppress(HypervisorError):
                return attempt(self.guest)
        return DomainState(host=host.name, state="unreachable")

    def _alive(self) -> list[DomainState]:
        """The hosts that have the guest alive; raises HypervisorError if one cannot be asked."""
        states = [host.state(self.guest) for host in self.hosts.values()]
        return [state for state in states if state.alive]

    def home(self) -> Hypervisor:
        """The one host where the guest runs; raises GuestError for none, two, or a paused one."""
        alive = self._alive()
        where = ", ".join(f"{state.host} ({state.state})" for state in alive)
        if not alive:
            ours = "start it with `miglab guest start`"
            how = "it is not ours to start" if self.topology.guest.foreign else ours
            raise GuestError(f"{self.guest}: runs nowhere; {how}")
        if len(alive) > 1:
            raise GuestError(f"{self.guest}: expected on one host, found on {where}")
        if alive[0].state != "running":
            raise GuestError(f"{self.guest}: expected running, found {where}")
        return self.hosts[alive[0].host]

    def target(self, source: Hypervisor, name: str | None) -> Hypervisor:
        """The host named, or the next one after ``source``; raises UsageError for a wrong name."""
        others = [host for host in self.hosts.values() if host is not source]
        if name is None:
            order = list(self.hosts.values())
            return order[(order.index(source) + 1) % len(order)]
        if name == source.name:
            raise UsageError(f"--to: {self.guest} is on {name} already")
        if name not in self.hosts:
            names = ", ".join(host.name for host in others)
            raise UsageError(f"--to: expected one of {names}, found {name!r}")
        return self.hosts[name]

    def accelerations(self, shell: NodeShell) -> dict[str, Acceleration]:
        """By host, what a guest really boots with there."""
        names = list(self.hosts)
        found = each(lambda name: acceleration.probe(lambda text: shell(name, text)), names)
        return dict(zip(names, found, strict=True))

    def acceleration_of(self, host: Hypervisor) -> str:
        """What the guest runs with on ``host`` now: libvirt's domain type."""
        domain = host.domain(self.guest)
        return "absent" if domain is None else host.domain_type(domain)

    def platform(self, accelerated: Acceleration) -> Platform:
        """What the guest may rely on: nothing that one of the hosts lacks."""
        hosts = list(self.hosts.values())
        machine = newest_common_machine([host.capabilities() for host in hosts])
        if machine is None:
            raise HypervisorError("the hosts have no machine type of QEMU (pc-q35-…) in common")
        cpu = Cpu()
        if accelerated.kind == "kvm":
            cpu = hosts[0].baseline_cpu([host.host_cpu() for host in hosts])
        pool = self.topology.share.path.name
        return Platform(
            acceleration=accelerated.kind,
            machine=machine,
            cpu=cpu,
            pooled=all(host.has_pool(pool) for host in hosts),
            pace=self.pace,
        )

    def runs(self) -> bool:
        """Whether a QEMU process for the guest is anywhere; refuses if a host does not say."""
        return bool(self._alive())

    def start_guest(self, shell: NodeShell) -> str:
        """Starts the guest on the first hypervisor unless it runs somewhere; the host it is on."""
        if self.runs():
            return self.home().name
        accelerated = acceleration.common(list(self.accelerations(shell).values()))
        home = self.hosts[self.topology.source.name]
        self.stop_guest()  # what is left of it are definitions
        if self.topology.guest.storage == "local":
            local_disk.make(shell, self.topology, home.name)
        home.start(domain_xml(self.topology, self.platform(accelerated)))
        return home.name

    def settle_autostart(self) -> None:
        """A guest so declared starts with the host that it is on, and with no other.

        libvirt leaves that to us when a guest moves; two hosts that start it would write one disk.
        """
        if not self.topology.guest.autostart:
            return
        homes = {state.host for state in self._alive()}
        for name, host in self.hosts.items():
            host.set_autostart(self.guest, homes == {name})

    def namesakes(self) -> list[str]:
        """The hosts that have a guest of that name which is not the one declared."""
        found = {name: host.uuid(self.guest) for name, host in self.hosts.items()}
        return [n for n, uuid in found.items() if uuid not in {None, guest_uuid(self.topology)}]

    def stop_guest(self) -> None:
        """Ends the guest on every host."""
        for host in self.hosts.values():
            host.remove(self.guest)
