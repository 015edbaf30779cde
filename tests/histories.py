"""A run in which all went well, and how to spoil it."""

from collections.abc import Mapping
from functools import cache
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, Literal

from miglab.guest.status import GuestStatus
from miglab.observe.beats import BeaconRecord
from miglab.observe.clocks import Clocks, HostClock
from miglab.observe.console import Console
from miglab.observe.events import Event, Job, Outcome, Progress
from miglab.observe.exchanges import StreamRecord
from miglab.observe.history import Environment, History, Plan, record_file
from miglab.observe.journal import JournalReading, JournalRecord
from miglab.observe.passages import Announcement, Connection, Traffic, WireRecord, Write
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
EVERY_MS = 40  # a write of the guest's journal
SOURCE, TARGET = IPv4Address("192.168.80.121"), IPv4Address("192.168.80.161")
BOOT = "ca19695f-b2d9-484d-84fb-81f696c1e950"
OTHER_BOOT = "00000000-0000-4000-8000-000000000000"


def at(ms: float) -> int:
    """A moment of the run, in nanoseconds."""
    return EPOCH + round(ms * MS)


def mono(ms: float) -> int:
    """The guest's own clock at that moment: it stands while the vCPUs are stopped."""
    stood_ms = min(max(ms - STOP, 0), RESUME - STOP)
    return 60 * 10**9 + round((ms - stood_ms) * MS)


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
            "hz": 1000 // EVERY_MS,
            "acked": 20,
            "slots": SLOTS,
            "errors": 0,
            "errno": 0,
            "max_latency_us": 2000,
            "latency_log2_us": (0, 0, 3),
        },
        "beacon": {"state": "running", "hz": 250, "sent": 100, "errors": 0},
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
        JournalRecord(
            slot=(n - 1) % slots,
            whole=True,
            boot_id=BOOT,
            sequence=n,
            mono_ns=mono(written_ms(n)),
            previous_acked_ns=mono(written_ms(n - 1) + 1) if n > 1 else 0,
        )
        for n in empty.expected
    )
    return empty.model_copy(update={"records": records})


def written_ms(number: int) -> float:
    """When the guest wrote that record: those that were due while it stood came afterwards."""
    due = EVERY_MS * (number - 21)
    return due if not STOP <= due < RESUME else RESUME + (due - STOP) / EVERY_MS


def is_dark(ms: float) -> bool:
    """Whether nothing came through at that moment."""
    return DARK[0] <= ms <= DARK[1]


def beacon() -> BeaconRecord:
    """What came of the guest's datagrams: none that it sent in the dark, none while it stood."""
    sent = [ms for ms in range(0, UNTIL, 4) if not STOP <= ms < RESUME]
    beats = [
        (number, mono(ms), at(0) + mono(ms), at(ms + 0.3))
        for number, ms in enumerate(sent, start=1)
        if not is_dark(ms)
    ]
    return BeaconRecord(hz=250, complete=True, boots=((0, BOOT),), beats=tuple(beats))


def stream() -> StreamRecord:
    """An answer after 0.4 ms, and one that was a long time in coming."""
    asked = [ms for ms in range(0, UNTIL, 10) if not is_dark(ms)]
    answered = [ms + 0.4 for ms in asked]
    answered[asked.index(2450)] = DARK[1] + 5
    return StreamRecord(
        interval_ms=10,
        address=IPv4Address("192.168.80.50"),
        port=7070,
        complete=True,
        connected=((at(0),),),
        requests=tuple((n, at(ms)) for n, ms in enumerate(asked, start=1)),
        answers=tuple((n, at(ms)) for n, ms in enumerate(answered, start=1)),
    )


RATE = 100 << 20  # of the source, in bytes per second, while the guest runs there
DATA_PORT, CONNECTED = 49152, 1050


def connections(
    count: int = 3, what: Literal["begun", "hello"] = "begun"
) -> tuple[Connection, ...]:
    """Of QEMU's on the source to QEMU's on the target, one after the other."""
    return tuple(
        Connection(
            time_ns=at(CONNECTED + n),
            client=SOURCE,
            client_port=40_000 + n,
            server=TARGET,
            port=DATA_PORT,
            what=what,
        )
        for n in range(count)
    )


def traffic() -> tuple[Traffic, ...]:
    """Ten times a second: all that the source sends goes on to the target."""
    samples = []
    for ms in range(0, UNTIL, 100):
        moved = RATE * min(max(ms - CONNECTED, 0), STOP - CONNECTED) // 1000
        samples.append(Traffic(time_ns=at(ms), node="source", received=moved, sent=0))
        samples.append(Traffic(time_ns=at(ms), node="target", received=0, sent=moved))
    return tuple(samples)


def wire() -> WireRecord:
    """QEMU's announcements on the target, and the journal's writes from where the guest was.

    Three connections for the guest's memory, and how much the source sent.
    """
    written = [written_ms(n) for n in range(21, 121)]
    return WireRecord(
        mac="52:54:00:80:00:50",
        complete=True,
        announcements=tuple(
            Announcement(time_ns=at(RESUME + ms), node="target", kind="rarp") for ms in (1, 51)
        ),
        writes=tuple(
            Write(
                time_ns=at(ms + 0.2),
                client=SOURCE if ms < STOP else TARGET,
                offset=(1 << 20) + n * 4096,
                count=4096,
                handle="0badcafe",
            )
            for n, ms in enumerate(written, start=20)
        ),
        connections=connections(),
        traffic=traffic(),
    )


def ping(interval_ms: int = 2) -> PingRecord:
    """What a client saw: replies after 0.3 ms, none while it was dark."""
    slots = range(0, UNTIL, interval_ms)
    return PingRecord(
        target=IPv4Address("192.168.80.50"),
        interval_ms=interval_ms,
        complete=True,
        sent=tuple((n, at(ms)) for n, ms in enumerate(slots)),
        replies=tuple((n, at(ms + 0.3)) for n, ms in enumerate(slots) if not is_dark(ms)),
    )


def event(host: str, name: str, ms: float) -> Event:
    """One of QEMU's."""
    return Event(host=host, vantage="qemu", name=name, time_ns=at(ms))


@cache
def history() -> History:
    """The guest moved from source to target under load, and nothing was lost."""
    load = {"written": 120_000, "verified": 150_000, "sweeps": 2}
    rested = {"written": 117_000, "verified": 117_000}
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
            addresses={"source": str(SOURCE), "target": str(TARGET)},
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
            load={"written": 107_000, "verified": 107_000},
            journal={"acked": 110},
        ),
        guest_rested=status(mono_ns=63 * 10**9, load=rested, journal={"acked": 118}),
        guest_after=status(mono_ns=63 * 10**9, load=load, journal={"acked": 120}),
        domains=(
            DomainState(host="source", state="absent"),
            DomainState(host="target", state="running", persistent=True),
        ),
        clocks=Clocks(
            hosts=(HostClock(host="source", shared=True), HostClock(host="target", shared=True))
        ),
        consoles=(Console(host="source", text=""), Console(host="target", text="")),
        journal=reading(),
        ping=ping(),
        stream=stream(),
        beacon=beacon(),
        wire=wire(),
    )


def spoiled(changes: Mapping[str, object], base: History | None = None) -> History:
    """The run with other values at dotted places such as ``guest_after.load.mismatches``."""
    run = base or history()
    touched = {place.partition(".")[0] for place in changes}
    data: Any = run.model_dump(mode="json", include=touched)
    for place, value in changes.items():
        *path, last = (int(part) if part.isdigit() else part for part in place.split("."))
        part = data
        for key in path:
            part = part[key]
        part[last] = value
    untouched = {name: getattr(run, name) for name in History.model_fields if name not in touched}
    return History.model_validate(untouched | data)


Lines = list[tuple[object, ...]]


def ping_lines(record: PingRecord) -> Lines:
    """Head and events."""
    kinds = {"s": record.sent, "r": record.replies, "e": record.errors}
    head: Lines = [("ping", record.version, record.interval_ms, record.target)]
    return head + [(kind, *numbers) for kind, found in kinds.items() for numbers in found]


def stream_lines(record: StreamRecord) -> Lines:
    """Head and events."""
    kinds: dict[str, tuple[tuple[int, ...], ...]] = {
        "c": record.connected,
        "q": record.requests,
        "a": record.answers,
        "x": record.lost,
    }
    head: Lines = [("stream", record.version, record.interval_ms, record.address, record.port)]
    return head + [(kind, *numbers) for kind, found in kinds.items() for numbers in found]


def beacon_lines(record: BeaconRecord) -> Lines:
    """Head and events."""
    head: Lines = [("beacon", record.version, record.hz)]
    return head + [("i", *boot) for boot in record.boots] + [("b", *beat) for beat in record.beats]


def wire_lines(record: WireRecord) -> Lines:
    """Head and events."""
    lines: Lines = [("wire", record.version, record.mac)]
    for seen in record.announcements:
        lines.append(("n", *seen.model_dump().values()))
    for write in record.writes:
        lines.append(("w", *write.model_dump().values()))
    for begun in record.connections:
        lines.append(("c", *begun.model_dump().values()))
    for sample in record.traffic:
        lines.append(("b", *sample.model_dump().values()))
    return [*lines, ("d", record.dropped)]


def write_record(lines: Lines, complete: bool, path: Path) -> None:
    """The file that a recorder would have left."""
    texts = [",".join(map(str, line)) for line in lines] + (["end"] if complete else [])
    path.write_text("".join(f"{text}\n" for text in texts))


def write(run: History, folder: Path) -> Path:
    """The whole record of ``run`` in ``folder``, as an experiment leaves it."""
    folder.mkdir(parents=True, exist_ok=True)
    if run.ping is not None:
        write_record(ping_lines(run.ping), run.ping.complete, record_file(folder, "ping"))
    if run.stream is not None:
        write_record(stream_lines(run.stream), run.stream.complete, record_file(folder, "stream"))
    if run.beacon is not None:
        write_record(beacon_lines(run.beacon), run.beacon.complete, record_file(folder, "beacon"))
    if run.wire is not None:
        write_record(wire_lines(run.wire), run.wire.complete, record_file(folder, "wire"))
    run.write(folder)
    return folder
