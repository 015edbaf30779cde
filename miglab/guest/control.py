"""Speaking to the program in the guest: one datagram asked, one answered."""

import json
import socket
import uuid
from collections.abc import Callable
from ipaddress import IPv4Address
from typing import Any

from pydantic import ValidationError

from miglab.deadline import Deadline
from miglab.declaration import problems_of
from miglab.errors import GuestError, UsageError
from miglab.guest.status import GuestStatus
from miglab.workload import Load

PORT = 7070
RESEND_SECONDS = 0.2


class GuestControl:
    """Asks the guest over ``channel``, a UDP socket on the guest's network."""

    def __init__(
        self, channel: socket.socket, address: IPv4Address, port: int = PORT, patience: float = 1
    ) -> None:
        self._channel = channel
        self._peer = (str(address), port)
        self._patience, self._resend_seconds = patience, RESEND_SECONDS * patience

    def __enter__(self) -> "GuestControl":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the conversation."""
        self._channel.close()

    def ask(self, verb: str, within: float = 5.0, /, **values: object) -> dict[str, Any]:
        """The guest's reply; a lost datagram is sent again and acted on once.

        Raises GuestError when no reply comes, UsageError when the guest refuses the values.
        """
        token = uuid.uuid4().hex[:16]
        request = " ".join([token, verb, *(f"{key}={value}" for key, value in values.items())])
        deadline = Deadline(within * self._patience)
        while not deadline.passed:
            self._send(request)
            reply = self._reply(token, Deadline(min(self._resend_seconds, deadline.remaining)))
            if reply is None:
                continue
            if "error" in reply:
                raise UsageError(f"guest {self._peer[0]}: {reply['error']}")
            return reply
        raise GuestError(
            f"guest {self._peer[0]}: no answer to {verb!r} within {within * self._patience:g} s"
        )

    def _send(self, request: str) -> None:
        try:
            self._channel.sendto(request.encode(), self._peer)
        except OSError as error:
            raise GuestError(f"guest {self._peer[0]}: cannot be asked: {error.strerror}") from None

    def _reply(self, token: str, deadline: Deadline) -> dict[str, Any] | None:
        """The reply to this very request; those to earlier ones may still be under way.

        Such a stale one does not cause another sending: every sending has a reply, so both sides
        would go on for ever.
        """
        while not deadline.passed:
            self._channel.settimeout(max(0.001, deadline.remaining))  # 0 would mean: do not wait
            try:
                reply = _parsed(self._channel.recv(2048))
            except TimeoutError:
                return None
            except OSError as error:
                problem = f"cannot be heard: {error.strerror}"
                raise GuestError(f"guest {self._peer[0]}: {problem}") from None
            if reply.get("id") == token:
                return reply
        return None

    def status(self, seconds: float = 5.0) -> GuestStatus:
        """What the guest says of itself now."""
        try:
            return GuestStatus.model_validate(self.ask("status", seconds))
        except ValidationError as error:
            lines = "; ".join(problems_of(error))
            raise GuestError(f"guest {self._peer[0]}: a status not understood: {lines}") from None

    def set_load(self, load: Load | None, seconds: float = 60.0) -> GuestStatus:
        """Starts, changes or ends the load while the guest runs; returns once it is under way."""
        if load is None:
            self.ask("unload")
            return self.status()
        rate = load.rate if load.rate == "max" else int(load.rate)
        newer = load.model_dump(include={"zero", "cpus"}, exclude_defaults=True)
        self.ask(
            "load",
            working_set=int(load.working_set),
            rate=rate,
            pattern=load.pattern,
            compressibility=load.compressibility,
            seed=load.seed,
            **newer,  # an older guest does not know them, and need not as long as they are 0
        )
        return self._await(lambda status: status.load.state == "running", "the load runs", seconds)

    def sweep(self, seconds: float = 60.0) -> GuestStatus:
        """Verifies every page of the working set once, now."""
        wanted = int(self.ask("sweep")["sweeps"])
        return self._await(lambda status: status.load.sweeps >= wanted, "the sweep ends", seconds)

    def set_journal(self, hz: int) -> None:
        """Writes ``hz`` synced, numbered records a second to the guest's disk; 0 ends it."""
        self.ask("journal", hz=hz, reset=1)

    def set_beacon(self, hz: int, to: tuple[str, int] | None = None, seconds: int = 86_400) -> None:
        """Sends ``hz`` numbered datagrams a second to the address and port ``to``; 0 ends it."""
        if hz == 0 or to is None:
            self.ask("beacon", hz=0)
        else:
            self.ask("beacon", hz=hz, to=f"{to[0]}:{to[1]}", seconds=seconds)

    def _await(self, done: Callable[[GuestStatus], bool], what: str, seconds: float) -> GuestStatus:
        def probe() -> GuestStatus | None:
            status = self.status()
            return status if done(status) else None

        def late() -> GuestError:
            return GuestError(
                f"guest {self._peer[0]}: waited {seconds * self._patience:g} s until {what}"
            )

        return Deadline(seconds * self._patience).until(probe, late)


def _parsed(datagram: bytes) -> dict[str, Any]:
    """A reply, or nothing for what is none: anybody can send to a port."""
    try:
        reply = json.loads(datagram)
    except (ValueError, RecursionError):
        return {}
    return reply if isinstance(reply, dict) else {}
