"""The payload without a machine: its functions through ctypes, the whole of it as a process."""

import ctypes
import itertools
import json
import re
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

SOURCE = Path(__file__).parents[2] / "miglab" / "guest" / "payload"
DRIVER = Path(__file__).with_name("payload_driver.c")  # stands in for init.c
GOLDEN, MASK = 0x9E3779B97F4A7C15, 2**64 - 1
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


# What docs/reference/payload.md says, said again in Python.


def mix64(value: int) -> int:
    """Scramble 64 bits."""
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9 & MASK
    value = (value ^ (value >> 27)) * 0x94D049BB133111EB & MASK
    return value ^ (value >> 31)


def page_words(seed: int, page: int, version: int, compressibility: int) -> list[int]:
    """The 512 words of a page."""
    base = mix64((mix64((seed + (page + 1) * GOLDEN) & MASK) + version) & MASK) | 1
    distinct = 512 * (100 - compressibility) // 100
    return [(base + i * GOLDEN) & MASK if i < distinct else base for i in range(512)]


class Stamp(ctypes.Structure):
    """`struct stamp`."""

    _fields_ = [(name, ctypes.c_uint64) for name in ("sequence", "mono_ns", "wall_ns")]


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
        ctypes.c_uint64: "page_base pattern_next pace_pages tick_after record_slots record_offset",
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


def check_record(record: bytes) -> tuple[uuid.UUID, int, int, int]:
    """The documented layout, and nothing but it: boot ID, sequence, monotonic, wall."""
    assert record[:8] == b"MIGLABJ1"
    sequence, mono_ns, wall_ns = struct.unpack_from("<3Q", record, 24)
    filler = [(mix64(sequence) + k * GOLDEN) & MASK for k in range(506)]
    assert record[48:4092] == struct.pack("<506Q", *filler)[:4044]
    assert struct.unpack_from("<I", record, 4092) == (zlib.crc32(record[:4092]),)
    return uuid.UUID(bytes=record[8:24]), sequence, mono_ns, wall_ns


@given(sequence=U64, mono=U64, wall=U64, boot=st.uuids())
@settings(deadline=None)
def test_record_and_beacon_layout(
    library: ctypes.CDLL, sequence: int, mono: int, wall: int, boot: uuid.UUID
) -> None:
    """Both are little-endian and carry who, which, and when by two clocks."""
    stamp = Stamp(sequence, mono, wall)
    record, beacon = ctypes.create_string_buffer(4096), ctypes.create_string_buffer(48)
    library.record_write(record, boot.bytes, ctypes.byref(stamp))
    library.beacon_write(beacon, boot.bytes, ctypes.byref(stamp))
    assert check_record(record.raw) == (boot, sequence, mono, wall)
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
        assert len(reply) <= 1400
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

    def fill(self, mib: int, rate: str = "0", pattern: str = "sequential", seed: int = 7) -> None:
        """Set a load and wait until its pages are there."""
        line = f"load working_set={mib * MIB} rate={rate} pattern={pattern}"
        assert self.ask(f"{line} compressibility=0 seed={seed}") == {}
        self.wait("load", lambda load: load["state"] == "running")

    def sweep(self) -> dict[str, Any]:
        """The load's status after every page has been verified."""
        target = self.ask("sweep")["sweeps"]
        return self.wait("load", lambda load: load["sweeps"] >= target)


def free_port() -> int:
    """A port nobody has just now."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


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
        "compressibility_pct": 0, "seed": 0, "pages": 0, "written": 0, "verified": 0,
        "mismatches": 0, "first_mismatch": None, "sweeps": 0, "achieved_bps": 0,
    }  # fmt: skip
    assert status["beacon"] == {"state": "off", "hz": 0, "sent": 0, "errors": 0}
    kmsg = guest.wait("kmsg", lambda kmsg: kmsg["bad"] == 1)
    assert kmsg["first"] == ('BUG: "quoted" \\x0a' + "x" * 200)[:120]


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
    guest.fill(2, rate="max", pattern="random")
    running = guest.wait("load", lambda load: load["written"] > 5000)
    assert running["rate"] == "max"
    assert guest.sweep()["mismatches"] == 0
    assert guest.ask("unload") == {}
    idle = guest.wait("load", lambda load: load["state"] == "off")
    assert idle["written"] >= running["written"]
    assert guest.sweep()["sweeps"] == 2


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
    """Two bytes changed from outside are found, described, and mended by the next rewrite."""
    guest.fill(4, seed=4242)
    words = page_words(4242, 300, 1, 0)
    start = struct.pack("<2Q", *words[:2])
    assert overwrite_memory(guest.process.pid, start, 8 * 100, b"\xde\xad") == 1
    guest.sweep()
    load = guest.sweep()
    found = bytes.fromhex(load["first_mismatch"].pop("found"))[::-1]
    assert found == b"\xde\xad" + struct.pack("<Q", words[100])[2:]
    assert load["first_mismatch"] == {
        "page": 300, "version": 1, "word": 100, "expected": f"{words[100]:016x}",
    }  # fmt: skip
    assert load["mismatches"] == 1


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
    assert guest.ask("journal hz=0") == {}
    time.sleep(0.1)
    journal, boot_id = guest.status("journal"), guest.ask("status")["boot_id"]
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


@pytest.mark.parametrize(("verb", "code"), [("poweroff", 10), ("reboot", 11)])
def test_the_last_reply_leaves_before_the_machine_does(guest: Guest, verb: str, code: int) -> None:
    """Whoever asked for the end knows that it was heard."""
    assert guest.ask(verb) == {}
    assert guest.process.wait(5) == code


def test_pages_differ_by_seed_page_and_version() -> None:
    """No two of a thousand pages share a word at the same place."""
    keys = itertools.product(range(10), range(10), range(10))
    assert len({page_words(*key, 0)[0] for key in keys}) == 1000
