"""The raw record of one run: everything that was seen, nothing that was concluded.

A record is a folder with one JSON file for each field of :class:`History`, and the ping
recorder's own file. It is written before anything is judged, and can be judged again.
"""

import json
from pathlib import Path
from typing import Any, Self

from pydantic import TypeAdapter, ValidationError

from miglab.errors import EvidenceError
from miglab.guest.status import GuestStatus
from miglab.observe.events import Event, Outcome, Progress
from miglab.observe.journal import JournalReading
from miglab.observe.probes import PingRecord
from miglab.observe.states import DomainState
from miglab.scenario import Scenario
from miglab.values import Value

FORMAT = 1
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

    format: int = FORMAT
    guest: str
    source: str
    target: str
    scenario: Scenario


class History(Value):
    """Everything seen in one run; a part that was not recorded is None or empty."""

    plan: Plan
    environment: Environment
    outcome: Outcome
    events: tuple[Event, ...] = ()
    progress: tuple[Progress, ...] = ()
    guest_before: GuestStatus
    guest_after: GuestStatus | None = None
    domains: tuple[DomainState, ...] = ()
    journal: JournalReading | None = None
    faults: tuple[str, ...] = ()
    ping: PingRecord | None = None

    def write(self, folder: Path) -> None:
        """Writes every field but ``ping``, whose recorder has written it already."""
        for name, value in self.model_dump(mode="json", exclude={"ping"}).items():
            (folder / f"{name}.json").write_text(json.dumps(value, indent=1) + "\n")

    @classmethod
    def read(cls, folder: Path) -> Self:
        """The record in ``folder``; raises EvidenceError for one that is absent or damaged."""
        if not (folder / "plan.json").exists():
            raise EvidenceError(f"{folder}: expected the record of a run, found no plan.json")
        fields: dict[str, Any] = {}
        for name in cls.model_fields:
            path = folder / f"{name}.json"
            if path.exists():
                fields[name] = _json(path)
        if (folder / PING).exists():
            fields["ping"] = PingRecord.read(folder / PING)
        try:
            return cls.model_validate(fields)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"]))
            raise EvidenceError(f"{folder}: {where}: {first['msg']}") from None


def _json(path: Path) -> Any:
    try:
        return TypeAdapter(Any).validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise EvidenceError(f"{path}: expected JSON, found {str(error).splitlines()[0]}") from None
