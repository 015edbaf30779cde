"""The payload without a machine: its functions through ctypes, the whole of it as a process."""

import contextlib
import ctypes
import itertools
import json
import os
import re
import select
import shutil
import socket
import struct
import subprocess
import time
import uuid
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from miglab.guest.pages import (
    GOLDEN,
    MASK,
    expected_digest,
    mix64,
    page_base,
    page_digest,
    rewrites,
)
from tests.guest.test_pages import page_words

SOURCE = Path(__file__).parents[2] / "miglab" / "guest" / "payload"
DRIVER = Path(__file__).with_name("payload_driver.c")  # stands in for init.c
MIB = 1 << 20
U64 = st.integers(0, MASK)
PERCENT = st.integers(0, 100)

pytestmark = pytest.mark.skipif(not shutil.which("gcc"), reason="gcc is not installed")


def compile_c(output: Path, *arguments: str) -> Path:
    """Compile as build.sh does, warnings being errors."""
    flags = ["-std=gnu11", "-O2", "-g", "-pthread", "-Wall", "-Wextra", "-Werror", f"-I{SOURCE}"]
    sources = [DRIVER, *(path for path in sorted(SOURCE.glob("*.c")) if path.name != "init.c")]
    subprocess.run(["gcc", *flags, *arguments, *sources, "-o", output], check=True)
    return output


class Stamp(ctypes.Structure):
    """`struct stamp`."""

    _fields_ = [(name, ctypes.c_uint64) for name in ("sequence", "mono_ns", "wall_ns")]


class Text(ctypes.Structure):
    """`struct text`."""

    _fields_ = [
        ("data", ctypes.c_char * 1441),
        ("length", ctypes.c_size_t),
        ("overflow", ctypes.c_bool),
    ]


class Pattern(ctypes.Structure):
    """`struct pattern`."""

    _fields_ = [
        ("kind", ctypes.c_int),
        *((name, ctypes.c_uint64) for name in ("pages", "cursor", "random")),
    ]


class Pace(ctypes.Structure):
    """`struct pace`."""

    _fields_ = [(name, ctypes.c_uint64) for name in ("rate", "page_ns", "due_ns")]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """The functions of everything but init.c."""
    path = tmp_path_factory.mktemp("payload") / "payload.so"
    loaded = ctypes.CDLL(str(compile_c(path, "-shared", "-fPIC")))
    results = {
        ctypes.c_uint64: "page_base page_digest page_share pattern_next pace_pages tick_after"
        " record_slots record_offset",
        ctypes.c_uint32: "crc32 page_distinct_words",
        ctypes.c_bool: "kmsg_is_bad address_parse",
    }
    for kind, names in results.items():
        for name in names.split():
            getattr(loaded, name).restype = kind  # loaded[name] would be a copy
    loaded.page_base.argtypes = [ctypes.c_uint64, ctypes.c_uint64, ctypes.c_uint32]
    return loaded


def u64(value: int) -> ctypes.c_uint64:
    """An argument that ctypes must not cut to 32 bits."""
    return ctypes.c_uint64(value)


@given(seed=U64, page=st.integers(0, 2**40), version=st.integers(0, 2**32 - 1), percent=PERCENT)
@settings(deadline=None)
def test_page_content_is_the_documented_function(
    library: ctypes.CDLL, seed: int, page: int, version: int, percent: int
) -> None:
    """A host can compute any page from seed, page, version and compressibility."""
    words = (ctypes.c_uint64 * 512)()
    base = library.page_base(seed, page, version)
    library.page_fill(words, u64(base), library.page_distinct_words(percent))
    assert list(words) == page_words(seed, page, version, percent)
    assert all(words[i] for i in (0, 511))
    digest = page_digest(page_base(seed, page, version), percent)
    assert library.page_digest(words) == digest
    assert library.page_share(u64(page), u64(digest)) == mix64(digest ^ mix64(page + 1))


@given(word=st.integers(0, 511), bit=st.integers(0, 63), base=U64, percent=PERCENT)
@settings(deadline=None)
def test_any_flipped_bit_is_found(
    library: ctypes.CDLL, word: int, bit: int, base: int, percent: int
) -> None:
    """No bit of a page can change unnoticed, and the first wrong word is named."""
    words = (ctypes.c_uint64 * 512)()
    distinct = library.page_distinct_words(percent)
    library.page_fill(words, u64(base), distinct)
    assert library.page_first_wrong_word(words, u64(base), distinct) == -1
    words[word] ^= 1 << bit
    assert library.page_first_wrong_word(words, u64(base), distinct) == word


@pytest.mark.parametrize(
    ("percent", "least", "most"), [(0, 0.9, 1.1), (50, 0.4, 0.6), (100, 0, 0.1)]
)
def test_compressibility_is_what_a_compressor_saves(
    percent: int, least: float, most: float
) -> None:
    """Zlib shrinks a page by about the stated share."""
    page = struct.pack("<512Q", *page_words(1, 2, 3, percent))
    assert least <= len(zlib.compress(page)) / len(page) <= most


def pages(library: ctypes.CDLL, kind: int, count: int, seed: int, draws: int) -> list[int]:
    """The pages a pattern draws."""
    pattern = Pattern()
    library.pattern_start(ctypes.byref(pattern), kind, u64(count), u64(seed))
    return [library.pattern_next(ctypes.byref(pattern)) for _ in range(draws)]


def test_sequential_goes_round(library: ctypes.CDLL) -> None:
    """Every page in its order, then the first again."""
    assert pages(library, 0, 5, 0, 11) == [0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0]


def test_random_is_uniform_and_repeatable(library: ctypes.CDLL) -> None:
    """Each of ten pages gets a tenth, and a seed gives the same order each time."""
    drawn = pages(library, 1, 10, 7, 20_000)
    assert all(1800 < times < 2200 for times in Counter(drawn).values())
    assert drawn == pages(library, 1, 10, 7, 20_000) != pages(library, 1, 10, 8, 20_000)


@pytest.mark.parametrize("count", [1, 2, 9, 10, 11, 1000])
def test_hotspot_writes_nine_in_ten_to_the_first_tenth(library: ctypes.CDLL, count: int) -> None:
    """All pages stay in range, however few there are."""
    drawn, hot = pages(library, 2, count, 3, 10_000), max(1, count // 10)
    assert max(drawn) < count
    share = sum(page < hot for page in drawn) / len(drawn)
    assert share == 1 if count == 1 else 0.88 < share < 0.92


@given(kind=st.integers(0, 2), count=st.integers(1, 50), seed=U64, draws=st.integers(0, 500))
@settings(deadline=None)
def test_a_host_knows_how_often_each_page_was_rewritten(
    library: ctypes.CDLL, kind: int, count: int, seed: int, draws: int
) -> None:
    """From pattern, size, seed and the number of rewrites, as the digest of a sweep needs it."""
    drawn = Counter(pages(library, kind, count, seed, draws))
    pattern = ["sequential", "random", "hotspot"][kind]
    assert rewrites(pattern, count, seed, draws) == [drawn[page] for page in range(count)]


@given(rate=st.integers(MIB, 500 * MIB), steps=st.lists(st.integers(1, 15_000_000), min_size=1))
@settings(deadline=None)
def test_pace_neither_runs_ahead_nor_falls_behind(
    library: ctypes.CDLL, rate: int, steps: list[int]
) -> None:
    """Whenever it is asked within the burst, what is due is written, to one page and 0.1 %."""
    pace, now, written = Pace(), 10**9, 0
    library.pace_start(ctypes.byref(pace), u64(rate), u64(now))
    for step in steps:
        now += step
        written += library.pace_pages(ctypes.byref(pace), u64(now), u64(10**6))
        due = (now - 10**9) * rate / 10**9 / 4096
        assert due - 1.1 <= written <= due * 1.001 + 1


def test_pace_makes_good_20_ms_at_most(library: ctypes.CDLL) -> None:
    """A worker that was held up for a second does not flood."""
    pace = Pace()
    library.pace_start(ctypes.byref(pace), u64(50 * MIB), u64(0))
    caught_up = library.pace_pages(ctypes.byref(pace), u64(10**9), u64(10**6))
    assert caught_up == 50 * MIB * 20 // 1000 // 4096


@given(tick=st.integers(0, 2**60), period=st.integers(1, 2**34), late=st.integers(-(2**40), 2**40))
def test_ticks_stay_on_their_grid(library: ctypes.CDLL, tick: int, period: int, late: int) -> None:
    """The next tick is the first one after now: none twice, none made up for."""
    now = max(0, tick + late)
    after = library.tick_after(u64(tick), u64(period), u64(now))
    assert after > now or now < tick
    assert (after - tick) % period == 0
    assert after > tick
    assert after - period <= max(now, tick)


@given(data=st.binary(max_size=5000))
def test_crc_is_that_of_zlib(library: ctypes.CDLL, data: bytes) -> None:
    """Any reader can check a record with what it has at hand."""
    assert library.crc32(data, ctypes.c_size_t(len(data))) == zlib.crc32(data)


class Record(NamedTuple):
    """What a journal record says."""

    boot: uuid.UUID
    sequence: int
    mono_ns: int
    wall_ns: int
    previous_acked_ns: int


def check_record(record: bytes) -> Record:
    """The documented layout, and nothing but it."""
    assert record[:8] == b"MIGLABJ2"
    numbers = struct.unpack_from("<4Q", record, 24)
    filler = [(mix64(numbers[0]) + k * GOLDEN) & MASK for k in range(505)]
    assert record[56:4092] == struct.pack("<505Q", *filler)[:4036]
    assert struct.unpack_from("<I", record, 4092) == (zlib.crc32(record[:4092]),)
    return Record(uuid.UUID(bytes=record[8:24]), *numbers)


@given(sequence=U64, mono=U64, wall=U64, acked=U64, boot=st.uuids())
@settings(deadline=None)
def test_record_and_beacon_layout(
    library: ctypes.CDLL, sequence: int, mono: int, wall: int, acked: int, boot: uuid.UUID
) -> None:
    """Both are little-endian and carry who, which, and when by two clocks."""
    stamp = Stamp(sequence, mono, wall)
    record, beacon = ctypes.create_string_buffer(4096), ctypes.create_string_buffer(48)
    library.record_write(record, boot.bytes, ctypes.byref(stamp), u64(acked))
    library.beacon_write(beacon, boot.bytes, ctypes.byref(stamp))
    assert check_record(record.raw) == (boot, sequence, mono, wall, acked)
    assert beacon.raw == struct.pack("<8s3Q16s", b"MIGLABB1", sequence, mono, wall, boot.bytes)


@pytest.mark.parametrize(
    ("size", "slots"),
    [(0, 0), (MIB + 4095, 0), (MIB + 8192, 2), (64 * MIB, 8192), (16 * MIB, 3840)],
)
def test_journal_slots_are_what_fits(library: ctypes.CDLL, size: int, slots: int) -> None:
    """The first MiB is left alone, and 8192 records are enough."""
    assert library.record_slots(u64(size)) == slots


def test_journal_wraps_around(library: ctypes.CDLL) -> None:
    """Record slots + 1 lies where record 1 lay."""
    assert [library.record_offset(u64(n), u64(3)) for n in (1, 3, 4)] == [MIB, MIB + 8192, MIB]


@given(used=st.integers(1200, 1435), string=st.text('ab"\\\n', max_size=200))
@settings(deadline=None)
def test_a_last_string_leaves_room_for_what_follows(
    library: ctypes.CDLL, used: int, string: str
) -> None:
    """It is cut between two characters, never within an escape."""
    text = Text(b"{" * used, used)
    library.json_string_cut(ctypes.byref(text), None, string.encode(), ctypes.c_size_t(2))
    assert not text.overflow
    assert text.length == len(text.data) <= 1438
    assert string.replace("\n", "?").startswith(found := json.loads(text.data[used:]))
    assert len(found) == len(string) or text.length >= 1436


@pytest.mark.parametrize(
    ("line", "bad"),
    [
        ("BUG: soft lockup - CPU#1 stuck for 22s! [init:1]", True),
        ("watchdog: Watchdog detected hard LOCKUP on cpu 0", True),
        ("Oops: 0000 [#1] PREEMPT SMP", True),
        ("kernel BUG at mm/slub.c:440!", True),
        ("Kernel panic - not syncing: Attempted to kill init!", True),
        ("INFO: task init:1 blocked for more than 120 seconds.", True),
        ("rcu: INFO: rcu_preempt self-detected stall on CPU", True),
        ("rcu: INFO: rcu_sched detected stalls on CPUs/tasks:", True),
        ("I/O error, dev vda, sector 2048 op 0x1:(WRITE)", True),
        ("Call Trace:", True),
        ("Kernel command line: console=ttyS0 panic=1 oops=panic", False),
        ("rcu: RCU CPU stall warnings timeout set to 60 (rcu_cpu_stall_timeout).", False),
        ("virtio_blk virtio1: [vda] 131072 512-byte logical blocks", False),
    ],
)
def test_kernel_complaints_are_told_from_chatter(
    library: ctypes.CDLL, line: str, bad: bool
) -> None:
    """Real lines of both kinds."""
    assert library.kmsg_is_bad(line.encode()) is bad


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("192.168.80.50/24", ("192.168.80.50", "255.255.255.0")),
        ("10.0.0.1/8", ("10.0.0.1", "255.0.0.0")),
        ("1.2.3.4/32", ("1.2.3.4", "255.255.255.255")),
        ("1.2.3.4/0", ("1.2.3.4", "0.0.0.0")),  # noqa: S104  a mask, not a bind
        *((bad, None) for bad in ("", "1.2.3.4", "1.2.3.4/", "1.2.3/24", "1.2.3.4/33", "a/1")),
        ("1.2.3.4/-1", None),
        ("111111111111111111111.2.3.4/8", None),
    ],
)
def test_address_and_prefix(
    library: ctypes.CDLL, text: str, expected: tuple[str, str] | None
) -> None:
    """The notation of the kernel command line, and refusal of anything like it."""
    address, mask = ctypes.create_string_buffer(4), ctypes.create_string_buffer(4)
    good = library.address_parse(text.encode(), address, mask)
    assert (
        (socket.inet_ntoa(address.raw), socket.inet_ntoa(mask.raw)) if good else None
    ) == expected


# The whole of it, as a process of this machine.


class Guest(NamedTuple):
    """A running payload and how to reach it."""

    process: subprocess.Popen[str]
    disk: Path
    socket: socket.socket
    ids: Iterator[str]

    def send(self, datagram: bytes) -> dict[str, Any]:
        """One datagram for one datagram."""
        self.socket.send(datagram)
        reply = self.socket.recv(65536)
        assert len(reply) <= 1440
        return dict(json.loads(reply))

    def ask(self, line: str) -> dict[str, Any]:
        """The reply to a request under an ID of its own."""
        request_id = next(self.ids)
        reply = self.send(f"{request_id} {line}".encode())
        assert reply.pop("id") == request_id
        return reply

    def status(self, part: str) -> dict[str, Any]:
        """One part of the status."""
        return dict(self.ask("status")[part])

    def wait(self, part: str, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """That part of the status, once it is as it should be."""
        end = time.monotonic() + 20
        while not holds(status := self.status(part)):
            assert time.monotonic() < end, status
            time.sleep(0.01)
        return status

    def fill(
        self,
        mib: int,
        rate: str = "0",
        pattern: str = "sequential",
        seed: int = 7,
        percent: int = 0,
        more: str = "",
    ) -> None:
        """Set a load and wait until its pages are there."""
        line = f"load working_set={mib * MIB} rate={rate} pattern={pattern}"
        assert self.ask(f"{line} compressibility={percent} seed={seed} {more}") == {}
        self.wait("load", lambda load: load["state"] == "running")

    def sweep(self) -> dict[str, Any]:
        """The load's status after every page has been verified."""
        target = self.ask("sweep")["sweeps"]
        return self.wait("load", lambda load: load["sweeps"] >= target)

    def rewrite(self, pages: int) -> None:
        """Wait until that many more pages have been rewritten."""
        goal = self.status("load")["written"] + pages
        self.wait("load", lambda load: load["written"] >= goal)

    def stop_journal(self) -> dict[str, Any]:
        """The journal's status once it is off and its last write is done."""
        assert self.ask("journal hz=0") == {}
        time.sleep(0.1)
        return self.status("journal")


def free_port() -> int:
    """A port nobody has just now, neither by TCP nor by UDP."""
    while True:
        with (
            socket.create_server(("127.0.0.1", 0)) as tcp,
            socket.socket(type=socket.SOCK_DGRAM) as udp,
        ):
            port = int(tcp.getsockname()[1])
            with contextlib.suppress(OSError):
                udp.bind(("127.0.0.1", port))
                return port


@pytest.fixture(
    scope="module", params=["", "address,undefined", "thread"], ids=lambda p: p or "plain"
)
def driver(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The payload as a program for this machine, also under the compiler's sanitizers."""
    flags = [f"-fsanitize={request.param}", "-fno-sanitize-recover=all"] if request.param else []
    path = tmp_path_factory.mktemp("payload") / "driver"
    return compile_c(path, *flags)


@pytest.fixture
def guest(driver: Path, tmp_path: Path) -> Iterator[Guest]:
    """A fresh payload with a disk of 4 MiB and one line of complaint in its kernel log."""
    disk, kmsg, port = tmp_path / "disk", tmp_path / "kmsg", free_port()
    disk.write_bytes(bytes(4 * MIB))
    kmsg.write_text('3,900,5,-;BUG: "quoted" \\x0a' + "x" * 200 + "\n SUBSYSTEM=pci\n")
    command = [str(driver), str(port), str(disk), str(kmsg)]
    with (
        subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client,
    ):
        client.connect(("127.0.0.1", port))
        client.settimeout(5)
        guest = Guest(process, disk, client, (f"t{n}" for n in itertools.count()))
        await_first_reply(guest)
        yield guest
        process.kill()
        assert process.stderr is not None
        complaints = process.stderr.read()
        assert not re.search("Sanitizer|runtime error", complaints), complaints


def await_first_reply(guest: Guest) -> None:
    """Until the port is open; nothing else may refuse."""
    end = time.monotonic() + 10
    while guest.process.poll() is None and time.monotonic() < end:
        try:
            guest.ask("status")
        except ConnectionRefusedError:
            time.sleep(0.02)
        else:
            return
    guest.process.kill()
    assert guest.process.stderr is not None
    complaints = guest.process.stderr.read()
    if "unexpected memory mapping" in complaints:
        pytest.skip("this kernel's address layout is too random for ThreadSanitizer")
    pytest.fail(f"the payload does not answer: {complaints}")


def test_status_is_complete(guest: Guest) -> None:
    """All the keys of the reference, with the values of a machine at rest."""
    status = guest.ask("status")
    assert status["version"] == 1
    assert status["boot_id"] == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert abs(status["mono_ns"] - time.monotonic_ns()) < 10**9
    assert abs(status["wall_ns"] - time.time_ns()) < 10**9
    assert status["cpus"] >= 1
    assert 0 < status["mem_free_kib"] < status["mem_total_kib"]
    assert status["load"] | {"verified": 0} == {
        "state": "off", "working_set": 0, "rate": 0, "pattern": "sequential",
        "compressibility_pct": 0, "zero_pct": 0, "seed": 0, "cpus": 0, "pages": 0, "written": 0,
        "verified": 0, "mismatches": 0, "first_mismatch": None, "sweeps": 0, "swept": None,
        "achieved_bps": 0, "computed": 0,
    }  # fmt: skip
    assert status["beacon"] == {"state": "off", "hz": 0, "sent": 0, "errors": 0}
    kmsg = guest.wait("kmsg", lambda kmsg: kmsg["bad"] == 1)
    assert kmsg["first"] == ('BUG: "quoted" \\x0a' + "x" * 200)[:120]


def greatest(value: Any, key: str = "") -> Any:
    """A part of a status as it may be after ten years, and with a load that fits no machine."""
    known = {
        "hz": 10_000, "slots": 8192, "errno": 133, "cpus": 999, "compressibility_pct": 100,
        "zero_pct": 100, "version": 2**32, "word": 511, "pages": 2**40, "page": 2**40,
        "mem_total_kib": 2**42, "mem_free_kib": 2**42, "working_set": 2**52, "sweeps": 10**12,
        "sweep": 10**12,
        "rate": MASK - 1, "seed": MASK, "mono_ns": 2**63, "wall_ns": 2**63, "bad": 10**10,
    }  # fmt: skip
    if isinstance(value, dict):
        return {inner: greatest(part, inner) for inner, part in value.items()}
    if key == "latency_log2_us":
        return [min(10**10, 3 * 10**14 >> bucket) for bucket in range(24)]
    return known.get(key, 3 * 10**13) if isinstance(value, int) else value


def test_status_fits_into_its_datagram(guest: Guest) -> None:
    """With all of its parts, and with numbers nobody will live to see; only ``first`` gives way."""
    guest.fill(1, seed=5)
    start = struct.pack("<2Q", *page_words(5, 9, 1, 0)[:2])
    assert overwrite_memory(guest.process.pid, start, 0, b"??") == 1
    guest.sweep()
    status = guest.send(b"i" * 32 + b" status")
    assert status["load"]["first_mismatch"]["page"] == 9
    assert status["load"]["swept"]["sweep"] == 1
    worst = greatest(status) | {"address": "192.168.180.150/24"}
    states = {"load": "running", "journal": "running", "beacon": "running"}
    for part, state in states.items():
        worst[part]["state"] = state
    worst["kmsg"]["first"] = ""
    assert len(json.dumps(worst, separators=(",", ":"))) <= 1440


@pytest.mark.parametrize("pattern", ["sequential", "random", "hotspot"])
def test_load_keeps_its_pace_and_its_pages(guest: Guest, pattern: str) -> None:
    """Roughly the asked rate on whatever this machine is, and no mismatch."""
    guest.fill(2, rate=str(8 * MIB), pattern=pattern)
    before = guest.ask("status")
    time.sleep(0.5)
    after = guest.ask("status")
    seconds = (after["mono_ns"] - before["mono_ns"]) / 1e9
    rate = (after["load"]["written"] - before["load"]["written"]) * 4096 / seconds
    assert 3 * MIB < rate < 9 * MIB
    assert guest.sweep()["mismatches"] == 0


def test_rate_zero_writes_nothing_and_max_as_much_as_it_can(guest: Guest) -> None:
    """A change of pace keeps the pages; control answers meanwhile."""
    guest.fill(2)
    held = guest.status("load")
    time.sleep(0.1)
    assert guest.status("load")["written"] == held["written"] == 0
    guest.fill(2, rate="max")
    running = guest.wait("load", lambda load: load["written"] > 5000)
    assert running["rate"] == "max"
    assert guest.sweep()["mismatches"] == 0
    assert guest.ask("unload") == {}
    idle = guest.wait("load", lambda load: load["state"] == "off")
    assert idle["written"] >= running["written"]
    assert guest.sweep()["sweeps"] == 2
    assert guest.status("load")["swept"] is None


def digest_for(load: dict[str, Any]) -> str:
    """What a host expects of the sweep in this status."""
    return expected_digest(
        pages=load["pages"],
        seed=load["seed"],
        compressibility=load["compressibility_pct"],
        zero=load["zero_pct"],
        pattern=load["pattern"],
        region_written=load["swept"]["region_written"],
    )


@pytest.mark.parametrize(
    ("pattern", "percent", "zero"),
    [("sequential", 0, 0), ("random", 37, 50), ("hotspot", 100, 1), ("random", 0, 100)],
)
def test_a_host_knows_the_digest_of_a_sweep(
    guest: Guest, pattern: str, percent: int, zero: int
) -> None:
    """Before the first rewrite, and after changes of pace and of CPUs, which restart nothing."""
    written = []
    for sweep, rate in enumerate(["0", "max", str(8 * MIB), "max", "0"], 1):
        guest.fill(1, rate, pattern, percent=percent, more=f"zero={zero} cpus={sweep % 3}")
        guest.rewrite(0 if rate == "0" else 50)
        load = guest.sweep()
        assert load["swept"]["sweep"] == sweep
        assert load["swept"]["digest"] == digest_for(load)
        written.append(load["swept"]["region_written"])
    assert written[0] == 0
    assert written == sorted(written)
    assert written[-1] == guest.status("load")["written"] > 100


def test_another_region_has_a_digest_of_its_own(guest: Guest) -> None:
    """Another pattern or other zero pages: it begins anew, and is not swept yet."""
    guest.fill(1, rate="max")
    guest.rewrite(301)
    assert guest.sweep()["swept"]["region_written"] > 300
    for sweep, (pattern, more) in enumerate([("random", ""), ("random", "zero=1")], 2):
        guest.fill(1, pattern=pattern, more=more)
        assert guest.status("load")["swept"] is None
        assert guest.sweep()["swept"] == {
            "sweep": sweep, "region_written": 0, "digest": digest_for(guest.status("load")),
        }  # fmt: skip


def test_many_changes_in_a_row_leave_the_last(guest: Guest) -> None:
    """Regions replaced before, while and after they are filled."""
    for seed in range(20):
        line = f"load working_set={(1 + seed % 3) * MIB} rate=max pattern=random"
        assert guest.ask(f"{line} compressibility={seed} seed={seed}") == {}
        if seed % 4 == 0:
            guest.ask("unload")
    guest.fill(3, rate="max", seed=99)
    load = guest.sweep()
    assert (load["seed"], load["pages"], load["mismatches"]) == (99, 768, 0)


def overwrite_memory(process_id: int, find: bytes, at: int, value: bytes) -> int:
    """Write into another process beside every place where it holds these bytes; how many."""
    hits = 0
    maps = Path(f"/proc/{process_id}/maps").read_text().splitlines()
    with Path(f"/proc/{process_id}/mem").open("r+b", buffering=0) as memory:
        for line in maps:
            begin, end = (int(bound, 16) for bound in line.split()[0].split("-"))
            if " rw-p " not in line or not MIB <= end - begin <= 64 * MIB:
                continue
            memory.seek(begin)
            place = (memory.read(end - begin) or b"").find(find)
            if place >= 0:
                memory.seek(begin + place + at)
                hits += memory.write(value) == len(value)
    return hits


def test_planted_violation_is_counted_once(guest: Guest) -> None:
    """Two bytes changed from outside are found, described, and mended by the sweep."""
    guest.fill(4, seed=4242)
    words = page_words(4242, 300, 1, 0)
    start = struct.pack("<2Q", *words[:2])
    assert overwrite_memory(guest.process.pid, start, 8 * 100, b"\xde\xad") == 1
    wrong = guest.sweep()
    assert wrong["swept"]["digest"] != digest_for(wrong)
    load = guest.sweep()
    assert load["swept"]["digest"] == digest_for(load)
    found = bytes.fromhex(load["first_mismatch"].pop("found"))[::-1]
    assert found == b"\xde\xad" + struct.pack("<Q", words[100])[2:]
    assert load["first_mismatch"] == {
        "page": 300, "version": 1, "word": 100, "expected": f"{words[100]:016x}",
    }  # fmt: skip
    assert load["mismatches"] == 1


def resident(guest: Guest) -> int:
    """Bytes of memory that the payload has really written to."""
    words = Path(f"/proc/{guest.process.pid}/statm").read_text().split()
    return int(words[1]) * os.sysconf("SC_PAGE_SIZE")


def test_zero_pages_are_written_and_verified(guest: Guest) -> None:
    """A page that was never written to would read as zero too, but takes no memory."""
    before = resident(guest)
    guest.fill(8, more="zero=100")
    assert resident(guest) - before >= 8 * MIB
    guest.fill(8, more="zero=50")
    start = struct.pack("<2Q", *page_words(7, 50, 1, 0)[:2])  # the first that is not zero
    assert overwrite_memory(guest.process.pid, start, -4096 + 8 * 3, b"\xad\xde") == 1
    load = guest.sweep()
    assert load["swept"]["digest"] != digest_for(load)
    assert load["first_mismatch"] == {
        "page": 49, "version": 1, "word": 3, "expected": "0" * 16, "found": f"{0xDEAD:016x}",
    }  # fmt: skip
    load = guest.sweep()
    assert (load["mismatches"], load["swept"]["digest"]) == (1, digest_for(load))


def idle_threads(guest: Guest) -> list[str]:
    """The states of the threads that every other one preempts: R is running, S sleeping."""
    tasks = Path(f"/proc/{guest.process.pid}/task").iterdir()
    return [
        (task / "stat").read_text().rpartition(")")[2].split()[0]
        for task in tasks
        if os.sched_getscheduler(int(task.name)) == os.SCHED_IDLE
    ]


def test_as_many_threads_compute_as_was_asked_for(guest: Guest) -> None:
    """Beside the load's own; those that are not wanted any more sleep, and no round is counted."""
    guest.fill(1, more="cpus=3")
    guest.wait("load", lambda load: load["computed"] > 10)
    guest.wait("load", lambda _: sorted(idle_threads(guest)) == ["R", "R", "R", "S"])
    guest.fill(1, more="cpus=1")
    guest.wait("load", lambda _: sorted(idle_threads(guest)) == ["R", "S", "S", "S"])
    assert guest.status("load")["cpus"] == 1
    assert guest.ask("unload") == {}
    guest.wait("load", lambda _: set(idle_threads(guest)) == {"S"})
    rested = guest.status("load")
    assert rested["cpus"] == 0
    assert guest.sweep()["computed"] == rested["computed"]


def test_a_repeated_id_is_answered_but_not_obeyed(guest: Guest) -> None:
    """The same reply again, and one sweep, not two."""
    first = guest.send(b"same sweep")
    assert guest.send(b"same sweep") == first == {"id": "same", "sweeps": 1}
    assert guest.ask("sweep") == {"sweeps": 2}
    assert guest.send(b"fresh status") != guest.send(b"fresh status")


GOOD_LOAD = "working_set=1048576 rate=0 pattern=random compressibility=0 seed=1"


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("", "verb: expected status"),
        ("dance", "verb: expected status"),
        ("status now", "argument: expected key=value, found now"),
        ("status x=1", "x: expected no such key"),
        ("load", "working_set: expected 4096 to"),
        ("load " + GOOD_LOAD.replace("1048576", "99999999999999"), "working_set: expected 4096 to"),
        ("load " + GOOD_LOAD.replace("1048576", "5000"), "working_set: expected a multiple"),
        ("load " + GOOD_LOAD.replace("rate=0", "rate=-1"), "rate: expected bytes per second"),
        ("load " + GOOD_LOAD.replace("random", "odd"), "expected sequential|random|hotspot"),
        ("load " + GOOD_LOAD.replace("ity=0", "ity=101"), "compressibility: expected 0 to 100"),
        ("load " + GOOD_LOAD.replace("seed=1", f"seed={2**64}"), "seed: expected 0 to"),
        ("load " + GOOD_LOAD + " zero=101", "zero: expected 0 to 100, found 101"),
        ("load " + GOOD_LOAD + " cpus=17", "cpus: expected 0 to 16, found 17"),
        ("load " + GOOD_LOAD + " seed=1", "seed: expected it once"),
        ("load " + GOOD_LOAD + " colour=red", "colour: expected no such key"),
        ("journal", "hz: expected 0 to 1000, found nothing"),
        ("journal hz=1001", "hz: expected 0 to 1000, found 1001"),
        ("beacon hz=10", "to: expected IPV4:PORT, found nothing"),
        ("beacon hz=10 to=localhost:1 seconds=1", "to: expected IPV4:PORT"),
        ("beacon hz=10 to=127.0.0.1:0 seconds=1", "to: expected IPV4:PORT"),
        ("beacon hz=10 to=127.0.0.1:9 seconds=0", "seconds: expected 1 to 86400"),
        ("poweroff now=1", "now: expected no such key"),
        ("status " + "x" * 600, "request: expected at most 512 bytes"),
    ],
)
def test_a_bad_request_changes_nothing(guest: Guest, line: str, complaint: str) -> None:
    """One line: key, expected, found."""
    assert complaint in guest.ask(line)["error"]
    status = guest.ask("status")
    states = [status[part]["state"] for part in ("load", "journal", "beacon")]
    assert states in (["off", "off", "off"], ["off", "none", "off"])


@given(datagram=st.one_of(st.binary(max_size=600), st.text(max_size=100).map(str.encode)))
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_datagram_gets_one_json_reply(guest: Guest, datagram: bytes) -> None:
    """Noise is refused, and the payload lives on."""
    assert "error" in guest.send(datagram)


def test_journal_on_disk_is_what_was_acknowledged(guest: Guest) -> None:
    """A reader of the raw disk finds each acknowledged record whole, newest over oldest."""
    if guest.status("journal")["state"] == "none":
        pytest.skip("the file system of the temporary directory has no O_DIRECT")
    assert guest.ask("journal hz=1000") == {}
    guest.wait("journal", lambda journal: journal["acked"] > 50)
    journal, boot_id = guest.stop_journal(), guest.ask("status")["boot_id"]
    assert (journal["slots"], journal["errors"], journal["state"]) == (768, 0, "off")
    assert sum(journal["latency_log2_us"]) == journal["acked"]
    content = guest.disk.read_bytes()
    assert not any(content[:MIB])
    for sequence in range(max(1, journal["acked"] - 767), journal["acked"] + 1):
        at = MIB + (sequence - 1) % 768 * 4096
        assert check_record(content[at : at + 4096])[:2] == (uuid.UUID(boot_id), sequence)
    assert guest.ask("journal reset=1") == {}
    assert guest.status("journal") | {"acked": 0} == journal | {
        "acked": 0, "max_latency_us": 0, "latency_log2_us": [],
    }  # fmt: skip


def test_a_record_tells_when_the_one_before_was_acknowledged(guest: Guest) -> None:
    """Between the two records' own times, but for the first of all and the first after a stop."""
    if guest.status("journal")["state"] == "none":
        pytest.skip("the file system of the temporary directory has no O_DIRECT")
    firsts = []
    for _ in range(2):
        firsts.append(guest.status("journal")["acked"] + 1)
        assert guest.ask("journal hz=1000") == {}
        guest.wait("journal", lambda journal: journal["acked"] > firsts[-1] + 10)
        last = guest.stop_journal()["acked"]
    content = guest.disk.read_bytes()[MIB:]
    records = [check_record(content[i * 4096 : (i + 1) * 4096]) for i in range(last)]
    assert [r.sequence for r in records if r.previous_acked_ns == 0] == firsts
    for before, after in itertools.pairwise(records):
        assert before.mono_ns < (after.previous_acked_ns or after.mono_ns) <= after.mono_ns


def test_beacon_counts_from_one_and_expires(guest: Guest) -> None:
    """Numbers without a gap, times that grow, and silence after the stated second."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(3)
        line = f"beacon to=127.0.0.1:{receiver.getsockname()[1]} hz=200 seconds=1"
        assert guest.ask(line) == {}
        sent = guest.wait("beacon", lambda beacon: beacon["state"] == "off")["sent"]
        heard = [struct.unpack("<8s3Q16s", receiver.recv(100)) for _ in range(sent)]
    assert [datagram[1] for datagram in heard] == list(range(1, sent + 1))
    assert all(a[2] < b[2] for a, b in itertools.pairwise(heard))
    assert 50 < sent <= 200


def connect(guest: Guest) -> socket.socket:
    """A connection to the echo."""
    return socket.create_connection(guest.socket.getpeername(), timeout=5)


def echoed(connection: socket.socket, data: bytes) -> bytes:
    """As many bytes as were sent, as they came back."""
    connection.sendall(data)
    return received(connection, len(data))


def received(connection: socket.socket, length: int) -> bytes:
    """That many bytes, or what came before the end."""
    data = b""
    while len(data) < length and (part := connection.recv(length - len(data))):
        data += part
    return data


@given(messages=st.lists(st.tuples(st.integers(0, 2), st.binary(min_size=1, max_size=9000))))
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_echo_sends_back_what_each_connection_sent(
    guest: Guest, messages: list[tuple[int, bytes]]
) -> None:
    """Byte for byte, to whom it came from; and an end for an end."""
    with connect(guest) as one, connect(guest) as two, connect(guest) as three:
        connections = [one, two, three]
        for which, data in messages:
            assert echoed(connections[which], data) == data
        for connection in connections:
            connection.sendall(b"the last words")
            connection.shutdown(socket.SHUT_WR)
            assert received(connection, 100) == b"the last words"


def send_until_full(connection: socket.socket, data: bytes) -> int:
    """How many bytes go off before nobody takes any more for half a second."""
    sent = 0
    connection.setblocking(False)
    while sent < len(data) and select.select([], [connection], [], 0.5)[1]:
        sent += connection.send(data[sent : sent + 65536])
    connection.settimeout(5)
    return sent


def test_a_peer_that_does_not_read_delays_itself_only(guest: Guest) -> None:
    """It is not heard until it reads; then all it sent comes back."""
    data = bytes(range(251)) * (32 * MIB // 251)
    with connect(guest) as deaf, connect(guest) as other:
        sent = send_until_full(deaf, data)
        assert sent < len(data)
        assert echoed(other, b"is it my turn?") == b"is it my turn?"
        assert received(deaf, sent) == data[:sent]
        assert echoed(deaf, b"here again") == b"here again"


def descriptors(guest: Guest) -> int:
    """How many files and sockets the payload has open."""
    return len(list(Path(f"/proc/{guest.process.pid}/fd").iterdir()))


def test_a_ninth_connection_takes_the_place_of_the_one_silent_for_longest(guest: Guest) -> None:
    """Its peer is told; those that were heard later stay."""
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(connect(guest)) for _ in range(8)]
        for connection in [*connections[1:], connections[0]]:
            assert echoed(connection, b"x") == b"x"
        ninth = stack.enter_context(connect(guest))
        assert echoed(ninth, b"x") == b"x"
        assert connections.pop(1).recv(1) == b""
        assert all(echoed(connection, b"y") == b"y" for connection in connections)


def test_connections_leave_nothing_behind(guest: Guest) -> None:
    """However they end: with an end, with a reset, with a reset while the echo is stuck."""
    before = descriptors(guest)
    for lingers, data in [(False, b"x"), (True, b"x"), (True, bytes(32 * MIB))]:
        with connect(guest) as connection:
            send_until_full(connection, data)
            linger = struct.pack("ii", lingers, 0)  # a reset instead of an end
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    guest.wait("beacon", lambda _: descriptors(guest) == before)


@pytest.mark.parametrize(("verb", "code"), [("poweroff", 10), ("reboot", 11)])
def test_the_last_reply_leaves_before_the_machine_does(guest: Guest, verb: str, code: int) -> None:
    """Whoever asked for the end knows that it was heard."""
    assert guest.ask(verb) == {}
    assert guest.process.wait(5) == code


def test_pages_differ_by_seed_page_and_version() -> None:
    """No two of a thousand pages share a word at the same place."""
    keys = itertools.product(range(10), range(10), range(10))
    assert len({page_words(*key, 0)[0] for key in keys}) == 1000
