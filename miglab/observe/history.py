"""The raw record of one run: everything that was seen, nothing that was concluded.

A record is a folder with one JSON file for each field of :class:`History`, and the ping
recorder's own file. It is written before anything is judged, and can be judged again. The plan is
written last: where it is, the others are complete.
"""

import json
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import ValidationError

from miglab.errors import EvidenceError, LabError
from miglab.guest.status import GuestStatus
from miglab.observe.events import Event, Outcome, Progress
from miglab.observe.journal import JournalReading
from miglab.observe.probes import PingRecord
from miglab.observe.states import DomainState
from miglab.scenario import Scenario
from miglab.values import Value

PING = "ping.csv"


class Environment(Value):
    """Where it ran: ``acceleration`` says why too; versions by host."""

    miglab: str
    lab: str
    origin: str
    acceleration: str
    acceleration_reason: str
    hosts: dict[str, dict[str, str]]


class Plan(Value):
    """What was asked for, after defaults: from where to where, and how."""

    format: Literal[1] = 1
    guest: str
    source: str
    target: str
    scenario: Scenario


class History(Value):
    """Everything seen in one run; a part that was not recorded is None or empty.

    The guest was asked before the move, at once after it (``guest_settled``), and at the end.
    """

    plan: Plan
    environment: Environment
    outcome: Outcome
    events: tuple[Event, ...] = ()
    progress: tuple[Progress, ...] = ()
    guest_before: GuestStatus
    guest_settled: GuestStatus | None = None
    guest_after: GuestStatus | None = None
    domains: tuple[DomainState, ...] = ()
    journal: JournalReading | None = None
    faults: tuple[str, ...] = ()
    ping: PingRecord | None = None

    def write(self, folder: Path) -> None:
        """Writes every field but ``ping``, whose recorder has written it already.

        Raises LabError when the folder cannot take it.
        """
        fields = self.model_dump(mode="json", exclude={"ping"})
        plan = fields.pop("plan")
        try:
            for name, value in [*fields.items(), ("plan", plan)]:
                _file(folder, name).write_text(json.dumps(value, indent=1) + "\n")
        except OSError as error:
            raise LabError(f"{folder}: the record cannot be written: {error.strerror}") from None

    @classmethod
    def read(cls, folder: Path) -> Self:
        """The record in ``folder``; raises EvidenceError for one that is absent or damaged."""
        if not _file(folder, "plan").exists():
            raise EvidenceError(f"{folder}: expected the record of a run, found no plan.json")
        names = [name for name in cls.model_fields if name != "ping"]
        fields = {name: _read(_file(folder, name)) for name in names}
        if (folder / PING).exists():
            fields["ping"] = PingRecord.read(folder / PING)
        try:
            return cls.model_validate(fields)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"]))
            raise EvidenceError(f"{folder}: {where}: {first['msg']}") from None


def _file(folder: Path, name: str) -> Path:
    return folder / f"{name}.json"


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise EvidenceError(f"{path}: cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise EvidenceError(f"{path}: expected JSON, found what it is not: {error}") from None
