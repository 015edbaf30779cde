"""Stand-ins for what is far away: the program in the guest, a hypervisor, its domain."""

import json
import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Self, cast

import libvirt

from miglab.errors import HypervisorError
from miglab.guest.control import GuestControl
from miglab.guest.status import GuestStatus
from miglab.migration.hypervisor import Hypervisor
from miglab.observe.states import DomainState
from tests.histories import status

Answer = Callable[[str, dict[str, str]], dict[str, Any]]


def obliging(verb: str, _: dict[str, str]) -> dict[str, Any]:
    """The answers of a guest that agrees to everything."""
    return status().model_dump() if verb == "status" else {"sweeps": 2} if verb == "sweep" else {}


def in_turn(*statuses: GuestStatus) -> Answer:
    """Says one status after the other, then the last one again and again; agrees to the rest."""
    ahead = list(statuses)

    def answer(verb: str, values: dict[str, str]) -> dict[str, Any]:
        if verb != "status":
            return obliging(verb, values)
        return (ahead.pop(0) if len(ahead) > 1 else ahead[0]).model_dump()

    return answer


class FakeGuest:
    """Speaks the control protocol on loopback, in a thread, with the faults of a real network.

    ``faults`` befall the first datagrams, one each: ``lost``; ``late``: answered only with the
    next one; ``twice``; ``stale``: an answer to somebody else's question comes first; ``garbage``
    comes first; else none.
    """

    def __init__(self, answer: Answer = obliging, faults: Iterable[str] = ()) -> None:
        self.answer = answer
        self.requests: list[str] = []
        self._faults = iter(faults)
        self._held: list[bytes] = []
        self._channel = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._channel.bind(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, name="fake guest")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._channel.sendto(b"", self._channel.getsockname())  # nothing: the sign to end
        self._thread.join()
        self._channel.close()

    def control(self) -> GuestControl:
        """A line to it."""
        channel = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        channel.bind(("127.0.0.1", 0))
        host, port = self._channel.getsockname()
        return GuestControl(channel, host, port)

    @property
    def ids(self) -> list[str]:
        """Of all the requests so far."""
        return [request.split()[0] for request in self.requests]

    def _serve(self) -> None:
        while True:
            datagram, peer = self._channel.recvfrom(2048)
            if not datagram:
                return
            self.requests.append(datagram.decode())
            for reply in self._replies(datagram.decode(), next(self._faults, "")):
                self._channel.sendto(reply, peer)

    def _replies(self, request: str, fault: str) -> Iterator[bytes]:
        token, verb, *pairs = request.split()
        values = dict(cast(tuple[str, str], tuple(pair.split("=", 1))) for pair in pairs)
        reply = json.dumps({"id": token} | self.answer(verb, values)).encode()
        match fault:
            case "lost":
                return
            case "late":
                self._held.append(reply)
                return
            case "twice":
                yield reply
            case "stale":
                yield json.dumps({"id": "earlier", "error": "not yours"}).encode()
            case "garbage":
                yield from (b"\xff\x00", b"[1]", b"{", b"null", b"[" * 2000)
        yield from self._held
        self._held.clear()
        yield reply


def refusal(text: str, code: int | None = None) -> libvirt.libvirtError:
    """What libvirt raises, with one of its codes."""
    error = libvirt.libvirtError(text)
    error.err = None if code is None else (code, 10, text, 2, None, None, None, -1, -1)
    return error


class FakeDomain:
    """A guest on a fake host: it is moved by ``move``, called with everything libvirt was told."""

    def __init__(self, move: Callable[..., object] = lambda *_: object()) -> None:
        self.move = move
        self.calls: list[tuple[Any, ...]] = []
        self.refuses: dict[str, int] = {}
        self.figures: dict[str, Any] = {"type": libvirt.VIR_DOMAIN_JOB_NONE}
        self.condition = (libvirt.VIR_DOMAIN_RUNNING, libvirt.VIR_DOMAIN_RUNNING_BOOTED)

    def _call(self, name: str, *values: object) -> None:
        self.calls.append((name, *values))
        if self.refuses.get(name, 0):
            self.refuses[name] -= 1
            raise refusal(f"{name} refused")

    def migrate3(self, connection: object, parameters: object, flags: int) -> object:
        """Direct migration, driven by the client."""
        self._call("migrate3", connection, parameters, flags)
        return self.move()

    def migrateToURI3(self, uri: str, parameters: object, flags: int) -> object:  # noqa: N802
        """Peer-to-peer migration; the names are libvirt's."""
        self._call("migrateToURI3", uri, parameters, flags)
        return self.move()

    def abortJob(self) -> None:  # noqa: N802
        """Cancels."""
        self._call("abortJob")

    def migrateSetMaxDowntime(self, limit_ms: int) -> None:  # noqa: N802
        """Takes the limit."""
        self._call("migrateSetMaxDowntime", limit_ms)

    def migrateStartPostCopy(self) -> None:  # noqa: N802
        """Switches."""
        self._call("migrateStartPostCopy")

    def jobStats(self, flags: int = 0) -> dict[str, Any]:  # noqa: N802
        """What was put into ``figures``."""
        self._call("jobStats", flags)
        return self.figures

    def startDirtyRateCalc(self, seconds: int, flags: int = 0) -> None:  # noqa: N802
        """Begins to measure."""
        self._call("startDirtyRateCalc", seconds, flags)

    def state(self) -> list[int]:
        """What was put into ``condition``, as libvirt has it."""
        return list(self.condition)

    def name(self) -> str:
        """Its name."""
        return "vm1"


class FakeHypervisor:
    """A host of a name, in a state; it is its own libvirt connection."""

    def __init__(self, name: str, state: str = "absent", domain: FakeDomain | None = None) -> None:
        self.name = name
        self.word = state
        self.found = domain
        self.connection = self
        self.closed = False
        self.removed = 0
        self.started: list[str] = []
        self.pooled = True
        self.lost = False
        self.identity: str | None = None
        self.lacks: frozenset[str] = frozenset()
        self.figures: dict[str, Any] | None = {}
        self.autostart: bool | None = None

    @property
    def real(self) -> Hypervisor:
        """Itself, to whoever wants a real one."""
        return cast(Hypervisor, self)

    def domain(self, _: str) -> FakeDomain | None:
        """The domain, if there is one."""
        return self.found

    def set_autostart(self, _: str, wanted: bool) -> None:
        """Keeps it."""
        self.autostart = wanted

    def uuid(self, _: str) -> str | None:
        """As it was told."""
        return self.identity

    def lookupByName(self, _: str) -> FakeDomain:  # noqa: N802 - libvirt's name
        """The domain, or libvirt's way of saying that there is none."""
        if self.found is None:
            raise refusal("Domain not found", libvirt.VIR_ERR_NO_DOMAIN)
        return self.found

    def state(self, _: str) -> DomainState:
        """What was put into ``word``."""
        return DomainState(host=self.name, state=self.word)

    def state_anew(self, guest: str) -> DomainState:
        """A new connection tells what the old one would."""
        return self.state(guest)

    def renew(self) -> bool:
        """Whether it was ``lost``; it is not any more."""
        lost, self.lost = self.lost, False
        return lost

    def set_capability(self, _: str, name: str) -> None:
        """Its QEMU has all but what it ``lacks``."""
        if self.found is not None:
            self.found.calls.append(("set_capability", name))
        if name in self.lacks:
            raise HypervisorError(f"{self.name}: {name}: Invalid parameter '{name}'")

    def domainListGetStats(  # noqa: N802 - libvirt's name
        self, domains: list[FakeDomain], _: int
    ) -> list[tuple[FakeDomain, dict[str, Any]]]:
        """What was put into ``figures``; None to refuse, nothing for no answer at all."""
        if self.figures is None:
            raise refusal("no figures")
        return [(domain, self.figures) for domain in domains if self.figures]

    def close(self) -> None:
        """Notes that it was closed."""
        self.closed = True

    def remove(self, _: str) -> None:
        """Notes that the guest was removed."""
        self.removed += 1
        self.word = "absent"

    def start(self, xml: str) -> None:
        """Keeps what it was told to start."""
        self.started.append(xml)
        self.word = "running"

    def capabilities(self) -> str:
        """One machine type."""
        machine = "<machine>pc-q35-10.0</machine>"
        return f"<c><guest><arch name='x86_64'>{machine}</arch></guest></c>"

    def has_pool(self, _: str) -> bool:
        """What was put into ``pooled``."""
        return self.pooled


def hosts_of(words: Mapping[str, str]) -> dict[str, FakeHypervisor]:
    """Fake hosts by name, from the state of the guest on each."""
    return {name: FakeHypervisor(name, word) for name, word in words.items()}
