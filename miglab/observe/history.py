"""The raw record of one run: everything that was seen, nothing that was concluded.

A record is a folder with one JSON file for each field of :class:`History`, and each recorder's own
file. It is written before anything is judged, and can be judged again. The plan is written last:
where it is, the others are complete.

``format`` 1 had neither commands, clocks, consoles nor any recorder but ping, 2 neither dirty rate
nor deeds; what a format lacks is read as not recorded.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Protocol, Self

from pydantic import Field, ValidationError

from miglab.errors import EvidenceError, LabError
from miglab.guest.status import GuestStatus
from miglab.observe.beats import BeaconRecord
from miglab.observe.clocks import Clocks
from miglab.observe.command import Command
from miglab.observe.console import Console
from miglab.observe.deeds import Deed
from miglab.observe.events import DirtyRate, Event, Outcome, Progress
from miglab.observe.exchanges import StreamRecord
from miglab.observe.journal import JournalReading
from miglab.observe.passages import WireRecord
from miglab.observe.probes import PingRecord
from miglab.observe.states import DomainState
from miglab.scenario import Scenario
from miglab.values import Value


class Environment(Value):
    """Where it ran: ``acceleration`` says why too; versions by host, addresses by node."""

    miglab: str
    lab: str
    origin: str
    acceleration: str
    acceleration_reason: str
    pace: float = 1
    hosts: dict[str, dict[str, str]]
    addresses: Mapping[str, str] = Field(default_factory=dict)


class Plan(Value):
    """What was asked for, after defaults: from where to where, and how.

    Where another command is watched, nobody knows the target (None) before it is over.
    """

    format: Literal[1, 2, 3] = 3
    kind: Literal["migrate", "watch"] = "migrate"
    guest: str
    source: str
    target: str | None
    scenario: Scenario


class History(Value):
    """Everything seen in one run; a part that was not recorded is None or empty.

    The guest was asked before the move, at once after it (``guest_settled``), once it had its pace
    again (``guest_rested``), and at the end, after a sweep of its memory.
    """

    plan: Plan
    environment: Environment
    outcome: Outcome
    command: Command | None = None
    events: tuple[Event, ...] = ()
    progress: tuple[Progress, ...] = ()
    dirty_rate: DirtyRate | None = None
    deeds: tuple[Deed, ...] = ()
    guest_before: GuestStatus | None = None
    guest_settled: GuestStatus | None = None
    guest_rested: GuestStatus | None = None
    guest_after: GuestStatus | None = None
    domains: tuple[DomainState, ...] = ()
    clocks: Clocks | None = None
    consoles: tuple[Console, ...] = ()
    journal: JournalReading | None = None
    faults: tuple[str, ...] = ()
    ping: PingRecord | None = None
    stream: StreamRecord | None = None
    beacon: BeaconRecord | None = None
    wire: WireRecord | None = None

    def write(self, folder: Path) -> None:
        """Writes every field but those whose recorders have written them already.

        Raises LabError when the folder cannot take it.
        """
        fields = self.model_dump(mode="json", exclude=set(RECORDS))
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
        plan = _read(_file(folder, "plan"))
        names = [name for name in cls.model_fields if name not in RECORDS | {"plan": None}]
        found = plan.get("format") if isinstance(plan, dict) else None
        names = [name for name in names if not (found in (1, 2) and SINCE.get(name, 1) > found)]
        fields = {"plan": plan} | {name: _read(_file(folder, name)) for name in names}
        records, problems = _recorded(folder)
        try:
            history = cls.model_validate(fields | records)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"]))
            raise EvidenceError(f"{folder}: {where}: {first['msg']}") from None
        return history.model_copy(update={"faults": (*history.faults, *problems)})


class _Readable(Protocol):
    @classmethod
    def read(cls, path: Path) -> Any: ...


RECORDS: dict[str, type[_Readable]] = {
    "ping": PingRecord,
    "stream": StreamRecord,
    "beacon": BeaconRecord,
    "wire": WireRecord,
}
"""What recorders write themselves, each to ``NAME.csv``."""
SINCE = {
    "command": 2,
    "clocks": 2,
    "consoles": 2,
    "guest_rested": 2,
    "dirty_rate": 3,
    "deeds": 3,
}
"""With which format a field came; the others were always there."""


def record_file(folder: Path, name: str) -> Path:
    """Where the recorder of that name writes."""
    return folder / f"{name}.csv"


def _recorded(folder: Path) -> tuple[dict[str, Any], list[str]]:
    """What the recorders wrote; one that left nothing to be read is a fault, not the end."""
    found, problems = {}, []
    for name, record in RECORDS.items():
        if (path := record_file(folder, name)).exists():
            try:
                found[name] = record.read(path)
            except EvidenceError as error:
                problems.append(str(error))
    return found, problems


def _file(folder: Path, name: str) -> Path:
    return folder / f"{name}.json"


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise EvidenceError(f"{path}: cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise EvidenceError(f"{path}: expected JSON, found what it is not: {error}") from None
