"""A run in which all went well, and how to spoil it."""

from collections.abc import Mapping
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from miglab.guest.status import GuestStatus
from miglab.observe.events import Event, Job, Outcome, Progress
from miglab.observe.history import PING, Environment, History, Plan
from miglab.observe.journal import JournalReading, JournalRecord
from miglab.observe.probes import PingRecord
from miglab.observe.states import DomainState
from miglab.policy import Policy
from miglab.scenario import Scenario
from miglab.workload import Load

MS = 1_000_000
EPOCH = 1_700_000_000_000_000_000
STARTED, STOP, RESUME, ENDED, UNTIL = 1000, 2500, 2620, 3000, 4000  # ms after EPOCH
DARK = (2450.5, 2650.5)
SLOTS = 8192
BOOT = "ca19695f-b2d9-484d-84fb-81f696c1e950"
OTHER_BOOT = "00000000-0000-4000-8000-000000000000"


def at(ms: float) -> int:
    """A moment of the run, in nanoseconds."""
    return EPOCH + round(ms * MS)


def status(**values: Any) -> GuestStatus:
    """A guest with a running load and journal; ``load``, ``journal`` and ``kmsg`` add to theirs."""
    parts: dict[str, dict[str, Any]] = {
        "load": {
            "state": "running",
            "working_set": 64 << 20,
            "rate": 50 << 20,
            "pattern": "sequential",
            "compressibility_pct": 0,
            "seed": 1,
            "pages": 16384,
            "written": 100_000,
            "verified": 100_000,
            "mismatches": 0,
            "first_mismatch": None,
            "sweeps": 1,
            "achieved_bps": 50 << 20,
        },
        "journal": {
            "state": "running",
            "hz": 50,
            "acked": 20,
            "slots": SLOTS,
            "errors": 0,
            "errno": 0,
            "max_latency_us": 2000,
            "latency_log2_us": (0, 0, 3),
        },
        "kmsg": {"bad": 0, "first": ""},
    }
    whole = {
        "version": 1,
        "boot_id": BOOT,
        "mono_ns": 60 * 10**9,
        "wall_ns": at(STARTED),
        "cpus": 2,
        "mem_total_kib": 217_900,
        "mem_free_kib": 129_612,
    }
    for name, part in parts.items():
        whole[name] = part | values.pop(name, {})
    return GuestStatus.model_validate(whole | values)


def reading(first: int = 21, last: int = 120, slots: int = SLOTS) -> JournalReading:
    """A journal in which everything is as it was acknowledged."""
    empty = JournalReading(first=first, last=last, slots=slots, records=())
    records = tuple(
        JournalRecord(slot=(n - 1) % slots, whole=True, boot_id=BOOT, sequence=n, mono_ns=n)
        for n in empty.expected
    )
    return empty.model_copy(update={"records": records})


def ping(interval_ms: int = 2) -> PingRecord:
    """What a client saw: replies after 0.3 ms, none while it was dark."""
    slots = range(0, UNTIL, interval_ms)
    return PingRecord(
        target=IPv4Address("192.168.80.50"),
        interval_ms=interval_ms,
        complete=True,
        sent=tuple((n, at(ms)) for n, ms in enumerate(slots)),
        replies=tuple(
            (n, at(ms + 0.3)) for n, ms in enumerate(slots) if not DARK[0] <= ms <= DARK[1]
        ),
    )


def event(host: str, name: str, ms: float) -> Event:
    """One of QEMU's."""
    return Event(host=host, vantage="qemu", name=name, time_ns=at(ms))


def history() -> History:
    """The guest moved from source to target under load, and nothing was lost."""
    load = {"written": 120_000, "verified": 150_000, "sweeps": 2}
    return History(
        plan=Plan(
            guest="vm1",
            source="source",
            target="target",
            scenario=Scenario(load=Load(), policy=Policy()),
        ),
        environment=Environment(
            miglab="0.1.0",
            lab="unit",
            origin="embedded",
            acceleration="qemu",
            acceleration_reason="source, target: there is no /dev/kvm",
            hosts={"source": {"os": "debian-13"}, "target": {"os": "debian-13"}},
        ),
        outcome=Outcome(
            started_ns=at(STARTED),
            ended_ns=at(ENDED),
            job=Job(total_ms=2000, downtime_ms=125, transferred_bytes=200 << 20, rounds=4),
        ),
        events=(event("source", "STOP", STOP), event("target", "RESUME", RESUME)),
        progress=(Progress(time_ns=at(1200), elapsed_ms=200, remaining=9, rate=9, iteration=1),),
        guest_before=status(),
        guest_settled=status(
            mono_ns=62 * 10**9,
            load={"written": 115_000, "verified": 115_000},
            journal={"acked": 110},
        ),
        guest_after=status(mono_ns=63 * 10**9, load=load, journal={"acked": 120}),
        domains=(
            DomainState(host="source", state="absent"),
            DomainState(host="target", state="running", persistent=True),
        ),
        journal=reading(),
        ping=ping(),
    )


def spoiled(changes: Mapping[str, object], base: History | None = None) -> History:
    """The run with other values at dotted places such as ``guest_after.load.mismatches``."""
    data: Any = (base or history()).model_dump(mode="json")
    for place, value in changes.items():
        *path, last = (int(part) if part.isdigit() else part for part in place.split("."))
        part = data
        for key in path:
            part = part[key]
        part[last] = value
    return History.model_validate(data)


def write_ping(record: PingRecord, folder: Path) -> None:
    """The file that the ping recorder would have left."""
    lines = [f"ping,{record.version},{record.interval_ms},{record.target}"]
    kinds = {"s": record.sent, "r": record.replies, "e": record.errors}
    for kind, found in kinds.items():
        lines += [",".join([kind, *map(str, numbers)]) for numbers in found]
    lines += ["end"] if record.complete else []
    (folder / PING).write_text("".join(f"{line}\n" for line in lines))


def write(run: History, folder: Path) -> Path:
    """The whole record of ``run`` in ``folder``, as an experiment leaves it."""
    folder.mkdir(parents=True, exist_ok=True)
    if run.ping is not None:
        write_ping(run.ping, folder)
    run.write(folder)
    return folder
