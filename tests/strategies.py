"""What Hypothesis may choose from: values that a user may give, histories that a run may leave."""

from typing import Any, get_args

from hypothesis import strategies as st
from pydantic import ByteSize

from miglab.guest.status import (
    BeaconStatus,
    GuestStatus,
    JournalStatus,
    KernelLog,
    LoadStatus,
    Mismatch,
    Swept,
)
from miglab.observe.beats import BeaconRecord
from miglab.observe.clocks import Clocks, HostClock
from miglab.observe.command import Command
from miglab.observe.console import Console
from miglab.observe.deeds import Deed
from miglab.observe.events import DirtyRate, Event, Job, Outcome, Progress
from miglab.observe.exchanges import StreamRecord
from miglab.observe.history import Environment, History, Plan
from miglab.observe.journal import JournalReading, JournalRecord
from miglab.observe.passages import Announcement, Connection, Traffic, WireRecord, Write
from miglab.observe.probes import PingRecord
from miglab.observe.states import BROKEN_OFF, DomainState
from miglab.policy import DOWNTIME_MS_MAX, MIB, Budget, Policy
from miglab.scenario import Scenario
from miglab.workload import BYTES_MAX, CPUS_MAX, PAGE, Load, Pattern

U64 = st.integers(0, 2**64 - 1)
COUNTS = st.integers(0, 2**53)
NS = st.integers(0, 2**63 - 1)
WORDS = st.text(max_size=20)
Fields = dict[str, st.SearchStrategy[Any]]
NAMES = st.sampled_from(["source", "target", "third"])


def loads() -> st.SearchStrategy[Load]:
    """Any load that can be declared."""
    return st.builds(
        Load,
        working_set=st.integers(1, BYTES_MAX // PAGE - 1).map(lambda n: ByteSize(n * PAGE)),
        rate=st.just("max") | st.integers(0, BYTES_MAX - 1).map(ByteSize),
        pattern=st.sampled_from(get_args(Pattern)),
        compressibility=st.integers(0, 100),
        zero=st.integers(0, 100),
        cpus=st.integers(0, CPUS_MAX),
        seed=U64,
    )


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    """Any policy that can be declared."""
    percent, bandwidth = st.integers(1, 99), st.integers(1, 1 << 20).map(lambda n: n * MIB)
    kept: Fields = {"persist_target": st.booleans(), "undefine_source": st.booleans()}
    common: Fields = {
        **kept,
        "auto_converge": st.booleans(),
        "bandwidth": bandwidth,
        "downtime_ms_max": st.integers(1, DOWNTIME_MS_MAX),
        "tls": st.booleans(),
        "peer_to_peer": st.booleans(),
        "copy_storage": st.sampled_from(["none", "full", "incremental"]),
    }
    after: list[Fields] = [
        {"postcopy_after_rounds": st.integers(1, 1000)},
        {"postcopy_after_ms": percent},
    ]
    ways: list[Fields] = [
        {"mode": st.just("offline"), "peer_to_peer": st.booleans(), **kept},
        *(
            {"mode": st.just("postcopy"), "bandwidth_postcopy": bandwidth, **common, **a}
            for a in after
        ),
        {**common, "streams": st.integers(1, 16), "compression": st.sampled_from(["zlib", "zstd"])},
        {
            **common,
            "streams": st.integers(1, 16),
            "zero_copy": st.booleans(),
            "tls": st.just(False),
        },
        {
            **common,
            "compression": st.just("xbzrle"),
            "xbzrle_cache": st.integers(20, 40).map(lambda n: 1 << n),
        },
        {
            **common,
            "auto_converge": st.just(True),
            "auto_converge_initial_pct": percent,
            "auto_converge_increment_pct": percent,
        },
        {**common, "auto_converge": st.just(False), "dirty_limit": st.booleans()},
        {
            **kept,
            "peer_to_peer": st.just(True),
            "tunnelled": st.booleans(),
            "bandwidth": bandwidth,
        },
    ]
    way = draw(st.sampled_from(ways))
    needed = {"mode", "streams", "compression", "tls", "auto_converge", "peer_to_peer"} & set(way)
    chosen = [key for key in way if key in needed or draw(st.booleans())]
    return Policy.model_validate({key: draw(way[key]) for key in chosen})


def scenarios() -> st.SearchStrategy[Scenario]:
    """Any scenario that can be declared."""
    return st.builds(
        Scenario,
        load=st.sampled_from([None, "off"]) | loads(),
        policy=st.none() | policies(),
        budget=st.builds(Budget, client_ms_max=st.none() | st.integers(1, 10**9)),
    )


def statuses() -> st.SearchStrategy[GuestStatus]:
    """Whatever a guest may say of itself."""
    mismatch = st.builds(
        Mismatch, page=COUNTS, version=COUNTS, word=COUNTS, expected=WORDS, found=WORDS
    )
    load = st.builds(
        LoadStatus,
        state=st.sampled_from(["off", "filling", "running"]),
        working_set=U64,
        rate=U64 | st.just("max"),
        pattern=WORDS,
        compressibility_pct=st.integers(0, 100),
        zero_pct=st.none() | st.integers(0, 100),
        seed=U64,
        cpus=st.none() | COUNTS,
        pages=COUNTS,
        written=COUNTS,
        verified=COUNTS,
        mismatches=COUNTS,
        first_mismatch=st.none() | mismatch,
        sweeps=COUNTS,
        swept=st.none() | st.builds(Swept, sweep=COUNTS, region_written=COUNTS, digest=WORDS),
        achieved_bps=COUNTS,
        computed=st.none() | COUNTS,
    )
    journal = st.builds(
        JournalStatus,
        state=st.sampled_from(["off", "running", "none"]),
        hz=COUNTS,
        acked=COUNTS,
        slots=COUNTS,
        errors=COUNTS,
        errno=COUNTS,
        max_latency_us=COUNTS,
        latency_log2_us=st.lists(COUNTS, max_size=24).map(tuple),
    )
    return st.builds(
        GuestStatus,
        version=st.just(1),
        boot_id=WORDS,
        mono_ns=U64,
        wall_ns=U64,
        cpus=COUNTS,
        mem_total_kib=COUNTS,
        mem_free_kib=COUNTS,
        load=load,
        journal=journal,
        beacon=st.none()
        | st.builds(
            BeaconStatus,
            state=st.sampled_from(["off", "running"]),
            hz=COUNTS,
            sent=COUNTS,
            errors=COUNTS,
        ),
        kmsg=st.builds(KernelLog, bad=COUNTS, first=WORDS),
    )


def readings() -> st.SearchStrategy[JournalReading]:
    """Whatever may be found in an image."""
    found = st.builds(
        JournalRecord,
        slot=COUNTS,
        whole=st.booleans(),
        boot_id=WORDS,
        sequence=U64,
        mono_ns=U64,
        wall_ns=U64,
        previous_acked_ns=U64,
    )
    return st.builds(
        JournalReading,
        first=COUNTS,
        last=COUNTS,
        slots=st.integers(1, 8192),
        records=st.lists(found, max_size=4).map(tuple),
    )


def pings() -> st.SearchStrategy[PingRecord]:
    """Whatever a ping recorder may write."""
    pairs = st.lists(st.tuples(COUNTS, NS), max_size=5).map(tuple)
    return st.builds(
        PingRecord,
        target=st.ip_addresses(v=4),
        interval_ms=st.integers(1, 1000),
        complete=st.booleans(),
        sent=pairs,
        replies=pairs,
        errors=st.lists(st.tuples(COUNTS, NS, st.integers(1, 133)), max_size=3).map(tuple),
    )


def streams() -> st.SearchStrategy[StreamRecord]:
    """Whatever an application may see."""
    pairs = st.lists(st.tuples(COUNTS, NS), max_size=5).map(tuple)
    return st.builds(
        StreamRecord,
        interval_ms=st.integers(1, 1000),
        address=st.ip_addresses(v=4),
        port=st.integers(1, 65535),
        complete=st.booleans(),
        connected=st.lists(st.tuples(NS), max_size=2).map(tuple),
        requests=pairs,
        answers=pairs,
        lost=pairs,
    )


def beacons() -> st.SearchStrategy[BeaconRecord]:
    """Whatever may come of a beacon."""
    beats = st.tuples(COUNTS, NS, NS, NS)
    return st.builds(
        BeaconRecord,
        hz=st.integers(1, 10_000),
        complete=st.booleans(),
        boots=st.lists(st.tuples(COUNTS, st.uuids().map(str)), max_size=2).map(tuple),
        beats=st.lists(beats, max_size=5).map(tuple),
    )


def wires() -> st.SearchStrategy[WireRecord]:
    """Whatever may pass."""
    kinds = st.sampled_from(["rarp", "garp", "arp"])
    seen = st.builds(Announcement, time_ns=NS, node=NAMES, kind=kinds)
    written = st.builds(
        Write,
        time_ns=NS,
        client=st.ip_addresses(v=4),
        offset=NS,
        count=COUNTS,
        handle=st.text("0123456789abcdef", min_size=8, max_size=8),
    )
    begun = st.builds(
        Connection,
        time_ns=NS,
        client=st.ip_addresses(v=4),
        client_port=st.integers(0, 65535),
        server=st.ip_addresses(v=4),
        port=st.integers(49150, 49155),
        what=st.sampled_from(["begun", "hello"]),
    )
    sample = st.builds(Traffic, time_ns=NS, node=NAMES, received=U64, sent=U64)
    common: Fields = {
        "mac": st.just("52:54:00:80:00:50"),
        "complete": st.booleans(),
        "announcements": st.lists(seen, max_size=3).map(tuple),
        "writes": st.lists(written, max_size=3).map(tuple),
        "dropped": COUNTS,
    }
    return st.builds(WireRecord, version=st.just(1), **common) | st.builds(
        WireRecord,
        version=st.just(2),
        connections=st.lists(begun, max_size=3).map(tuple),
        traffic=st.lists(sample, max_size=4).map(tuple),
        **common,
    )


def deeds() -> st.SearchStrategy[Deed]:
    """Whatever may be done to a lab."""
    return st.builds(
        Deed, name=WORDS, moment=WORDS, began_ns=NS, ended_ns=NS, error=st.none() | WORDS
    )


def clocks() -> st.SearchStrategy[Clocks]:
    """Hosts with whatever clocks."""
    offsets = st.integers(-(2**60), 2**60)
    host = st.builds(
        HostClock,
        host=NAMES,
        shared=st.booleans(),
        offset_ns=offsets,
        uncertainty_ns=COUNTS,
        drift_ns=offsets,
    )
    return st.builds(Clocks, jump_ns=offsets, hosts=st.lists(host, max_size=2).map(tuple))


def outcomes() -> st.SearchStrategy[Outcome]:
    """However libvirt may end."""
    figure = st.none() | COUNTS
    job = st.builds(Job, **dict.fromkeys(Job.model_fields, figure))
    return st.builds(
        Outcome,
        started_ns=NS,
        ended_ns=NS,
        error=st.none() | WORDS,
        unsupported=st.booleans(),
        recovered=COUNTS,
        unmet=st.lists(WORDS, max_size=2).map(tuple),
        job=job,
    )


def histories() -> st.SearchStrategy[History]:
    """Any record, most of them of strange runs."""
    events = st.builds(
        Event,
        host=NAMES,
        vantage=st.sampled_from(["qemu", "libvirt"]),
        name=st.sampled_from(["STOP", "RESUME", "MIGRATION"]) | WORDS,
        time_ns=NS,
        detail=WORDS | st.sampled_from(['{"status": "postcopy-active"}', "[]", "{"]),
    )
    progress = st.builds(
        Progress,
        time_ns=NS,
        elapsed_ms=COUNTS,
        remaining=COUNTS,
        rate=COUNTS,
        iteration=COUNTS,
        throttle=COUNTS,
        dirty_pages_per_s=st.none() | COUNTS,
        postcopy_requests=st.none() | COUNTS,
    )
    words = ["absent", "running", "paused", "shut off", "crashed", BROKEN_OFF, "unreachable"]
    states = st.sampled_from(words)
    return st.builds(
        History,
        plan=st.builds(
            Plan,
            kind=st.sampled_from(["migrate", "watch"]),
            guest=WORDS,
            source=NAMES,
            target=st.none() | NAMES,
            scenario=scenarios(),
        ),
        environment=st.builds(
            Environment,
            miglab=WORDS,
            lab=WORDS,
            origin=WORDS,
            acceleration=st.sampled_from(["kvm", "qemu"]),
            acceleration_reason=WORDS,
            hosts=st.dictionaries(NAMES, st.dictionaries(WORDS, WORDS, max_size=2), max_size=2),
            addresses=st.dictionaries(NAMES, st.ip_addresses(v=4).map(str), max_size=3),
        ),
        outcome=outcomes(),
        events=st.lists(events, max_size=4).map(tuple),
        progress=st.lists(progress, max_size=2).map(tuple),
        dirty_rate=st.none() | st.builds(DirtyRate, bytes_per_s=COUNTS, period_s=COUNTS),
        deeds=st.lists(deeds(), max_size=2).map(tuple),
        guest_before=st.none() | statuses(),
        guest_settled=st.none() | statuses(),
        guest_rested=st.none() | statuses(),
        guest_after=st.none() | statuses(),
        command=st.none()
        | st.builds(
            Command,
            argv=st.lists(WORDS, min_size=1, max_size=2).map(tuple),
            exit_code=st.none() | st.integers(-64, 255),
            last_words=WORDS,
        ),
        clocks=st.none() | clocks(),
        consoles=st.lists(st.builds(Console, host=NAMES, text=st.none() | WORDS), max_size=2).map(
            tuple
        ),
        domains=st.lists(
            st.builds(DomainState, host=NAMES, state=states, persistent=st.booleans()), max_size=3
        ).map(tuple),
        journal=st.none() | readings(),
        faults=st.lists(WORDS, max_size=2).map(tuple),
        ping=st.none() | pings(),
        stream=st.none() | streams(),
        beacon=st.none() | beacons(),
        wire=st.none() | wires(),
    )
