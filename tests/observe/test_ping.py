"""The ping recorder: its packets, its pacing, its record, and itself as a process."""

import ctypes
import errno
import fcntl
import io
import os
import signal
import socket
import struct
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Address
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miglab.deadline import Deadline
from miglab.errors import EvidenceError, LabError
from miglab.observe.ping import (
    PACKET,
    VERSION,
    Identity,
    Pinger,
    checksum,
)
from miglab.observe.probes import VERSION as VERSION_READ
from miglab.observe.probes import PingRecord
from miglab.observe.recorder import Recorder, ping
from miglab.observe.recording import SO_TIMESTAMPNS, STAMP, slot_after

OURS = Identity(0xBEEF, 0x0123456789ABCDEF)
IP_HEADER = bytes([0x45]) + bytes(19)
WORDS_64 = st.integers(0, 2**64 - 1)
HEAD = "ping,1,2,10.0.0.1\n"


def echoed(request: bytes, header: bytes = IP_HEADER) -> bytes:
    """What a host answers: the same with type 0 (nobody looks at the checksum again)."""
    return header + bytes([0]) + request[1:]


def stamp(ns: int) -> list[tuple[int, int, bytes]]:
    """The control message with which the kernel says when."""
    return [(socket.SOL_SOCKET, SO_TIMESTAMPNS, STAMP.pack(*divmod(ns, 10**9)))]


class FakeChannel:
    """A socket that answers as told."""

    def __init__(self, refusal: int = 0) -> None:
        self.refusal = refusal
        self.sent: list[bytes] = []
        self.waiting: list[tuple[bytes, list[tuple[int, int, bytes]]]] = []

    def sendto(self, packet: bytes, _flags: int, _to: tuple[str, int]) -> None:
        """Keeps the packet, or refuses it."""
        if self.refusal:
            raise OSError(self.refusal, os.strerror(self.refusal))
        self.sent.append(packet)

    def recvmsg(self, *_: int) -> tuple[bytes, list[tuple[int, int, bytes]], int, None]:
        """The next waiting datagram."""
        if not self.waiting:
            raise BlockingIOError
        return *self.waiting.pop(0), 0, None


def pinger_on(channel: FakeChannel) -> tuple[Pinger, Callable[[], list[str]]]:
    """A pinger on ``channel``, and the lines it has written so far."""
    out = io.StringIO()
    pinger = Pinger(cast(socket.socket, channel), "10.0.0.1", out, OURS)
    return pinger, lambda: out.getvalue().splitlines()


@given(counter=WORDS_64, identifier=st.integers(0, 2**16 - 1), token=WORDS_64)
def test_packet_round_trip(counter: int, identifier: int, token: int) -> None:
    """A request sums to zero as RFC 1071 wants, and its echo gives the counter back."""
    request = Identity(identifier, token).request(counter)
    assert checksum(request) == 0
    assert request[:2] == bytes([8, 0])
    assert Identity(identifier, token).counter(echoed(request)) == counter


def test_ip_options_are_skipped() -> None:
    """The IP header is as long as it says."""
    assert OURS.counter(echoed(OURS.request(7), bytes([0x46]) + bytes(23))) == 7


@pytest.mark.parametrize(
    "datagram",
    [
        b"",
        IP_HEADER,
        echoed(OURS.request(1))[:-1],
        IP_HEADER + OURS.request(1),
        echoed(Identity(1, OURS.token).request(1)),
        echoed(Identity(OURS.identifier, 1).request(1)),
    ],
    ids=["empty", "no packet", "short", "a request", "another identifier", "another token"],
)
def test_foreign_packets_are_not_ours(datagram: bytes) -> None:
    """Anything but the reply to a request of ours is nobody's counter."""
    assert OURS.counter(datagram) is None


@given(st.binary(max_size=100))
def test_any_datagram_is_survived(datagram: bytes) -> None:
    """No datagram can end the recorder."""
    OURS.counter(datagram)


@given(st.integers(0, 10**12), st.integers(0, 10**10), st.integers(1, 10**9))
def test_slots_stay_on_the_grid_and_never_burst(due: int, late: int, interval: int) -> None:
    """The next slot is in the future, at most one interval away, a whole number of them on."""
    following = slot_after(due, due + late, interval)
    assert due + late < following <= due + late + interval
    assert (following - due) % interval == 0


def test_probe_and_reply_are_recorded_once() -> None:
    """A reply counts once, with the kernel's stamp; unsent and foreign ones leave no trace."""
    channel = FakeChannel()
    pinger, lines = pinger_on(channel)
    pinger.send()
    reply = echoed(channel.sent[0])
    unsent = echoed(OURS.request(9))
    channel.waiting = [(unsent, stamp(1)), (reply, stamp(5_000_000_007)), (reply, stamp(6))]
    pinger.drain()
    assert lines()[0].startswith("s,0,")
    assert lines()[1:] == ["r,0,5000000007"]


@pytest.mark.parametrize("refusal", [errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENOBUFS])
def test_a_refused_probe_is_an_event(refusal: int) -> None:
    """What the kernel refuses to send is recorded with its reason, and the next one is sent."""
    channel = FakeChannel(refusal)
    pinger, lines = pinger_on(channel)
    pinger.send()
    channel.refusal = 0
    pinger.send()
    kind, sequence, _, number = lines()[0].split(",")
    assert (kind, sequence, int(number)) == ("e", "0", refusal)
    assert lines()[1].startswith("s,1,")


def test_packet_size_is_what_the_checksum_expects() -> None:
    """8 bytes of ICMP, 16 of payload."""
    assert PACKET.size == 24
    assert VERSION == VERSION_READ


def read(tmp_path: Path, text: str) -> PingRecord:
    """The record that ``text`` is."""
    path = tmp_path / "ping.csv"
    path.write_text(text, encoding="utf-8")
    return PingRecord.read(path)


def test_a_whole_record_is_read(tmp_path: Path) -> None:
    """Every kind of event finds its place."""
    record = read(tmp_path, HEAD + "s,0,100\nr,0,150\ne,1,200,101\nend\n")
    assert record == PingRecord(
        target=IPv4Address("10.0.0.1"),
        interval_ms=2,
        complete=True,
        sent=((0, 100),),
        replies=((0, 150),),
        errors=((1, 200, 101),),
    )


WHOLE = HEAD + "".join(f"s,{n},{n * 1000}\nr,{n},{n * 1000 + 99}\n" for n in range(20)) + "end\n"


@given(st.integers(len(HEAD), len(WHOLE) - 1))
def test_a_cut_off_record_is_read_as_far_as_it_goes(
    tmp_path_factory: pytest.TempPathFactory, length: int
) -> None:
    """Half a line is no event, however much half a number looks like one."""
    whole = read(tmp_path_factory.getbasetemp(), WHOLE)
    record = read(tmp_path_factory.getbasetemp(), WHOLE[:length])
    assert not record.complete
    assert record.sent == whole.sent[: len(record.sent)]
    assert record.replies == whole.replies[: len(record.replies)]
    assert len(record.sent) + len(record.replies) == WHOLE[len(HEAD) : length].count("\n")


@pytest.mark.parametrize(
    "damage", ["\0\0\0\n", "r,1\n", "r,1,x\n", "q,1,2\n", f"s,1,{'9' * 5000}\n"]
)
def test_reading_stops_at_damage(tmp_path: Path, damage: str) -> None:
    """What follows a damaged line is not believed."""
    record = read(tmp_path, HEAD + "s,0,100\n" + damage + "r,0,150\nend\n")
    assert (record.sent, record.replies, record.complete) == (((0, 100),), (), False)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ping,1,2,10.0.0.1",
        "hello\n",
        "ping,1,2\n",
        "ping,2,2,10.0.0.1\n",
        "ping,1,0,10.0.0.1\n",
        "ping,1,2,somewhere\n",
        "\N{SNOWMAN}\n",
    ],
)
def test_what_is_no_record_is_one_line(tmp_path: Path, text: str) -> None:
    """A file that is not a ping record of a known version says so in one line, with its name."""
    with pytest.raises(EvidenceError, match=r"ping\.csv: ") as refused:
        read(tmp_path, text)
    assert "\n" not in str(refused.value)


def test_an_absent_record_is_one_line(tmp_path: Path) -> None:
    """A missing file is missing evidence."""
    with pytest.raises(EvidenceError, match="No such file"):
        PingRecord.read(tmp_path / "none.csv")


def test_a_recorder_that_cannot_start_says_why(tmp_path: Path) -> None:
    """Any other socket than a raw ICMP one is refused at once."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wrong:
        recorder = ping(wrong, IPv4Address("127.0.0.1"), 2, tmp_path / "ping.csv")
    with pytest.raises(LabError, match=r"ping recorder: ended .* \(code 1\): .*raw ICMP"):
        recorder.ready()
    assert "raw ICMP" in (recorder.stop() or "")
    assert not recorder.healthy


def _loopback_only() -> socket.socket:
    """A raw ICMP socket in a nameless network namespace that goes when the socket does."""
    if ctypes.CDLL(None, use_errno=True).unshare(0x40000000):  # CLONE_NEWNET
        raise OSError(ctypes.get_errno(), "unshare")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        up = struct.pack("16sH14s", b"lo", 1, b"")  # struct ifreq with IFF_UP
        fcntl.ioctl(control, 0x8914, up)  # SIOCSIFFLAGS
    return socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)


@pytest.fixture
def loopback() -> Iterator[socket.socket]:
    """A channel that reaches 127.0.0.1 of a namespace of its own, and nothing else."""
    with ThreadPoolExecutor(max_workers=1) as thread:
        try:
            channel = thread.submit(_loopback_only).result()
        except OSError as error:
            pytest.skip(f"needs root for a network namespace: {error}")
    with channel:
        yield channel


def recording(channel: socket.socket, target: str, out: Path, event: str) -> Recorder:
    """A recorder that has written its first ``event``."""
    recorder = ping(channel, IPv4Address(target), 1, out)
    recorder.ready()
    found = Deadline(10).until(
        lambda: f"\n{event}," in out.read_text() or not recorder.healthy,
        lambda: AssertionError(f"no {event} in {out}"),
    )
    assert found
    return recorder


def test_recorder_over_loopback(tmp_path: Path, loopback: socket.socket) -> None:
    """Started, it records replies after their probes; stopped, its record is whole."""
    recorder = recording(loopback, "127.0.0.1", tmp_path / "ping.csv", "r")
    assert recorder.healthy
    assert recorder.stop() is None
    assert recorder.healthy
    record = PingRecord.read(recorder.out)
    sent = dict(record.sent)
    assert record.complete
    assert not record.errors
    assert all(sent[sequence] <= ns for sequence, ns in record.replies)
    assert [sequence for sequence, _ in record.sent] == list(range(len(sent)))


def test_no_route_is_recorded_not_fatal(tmp_path: Path, loopback: socket.socket) -> None:
    """A target without a route gives refusals, and the recorder goes on."""
    recorder = recording(loopback, "10.99.0.9", tmp_path / "ping.csv", "e")
    assert recorder.stop() is None
    record = PingRecord.read(recorder.out)
    assert {number for _, _, number in record.errors} == {errno.ENETUNREACH}
    assert record.complete


def test_sigterm_ends_a_whole_record(tmp_path: Path, loopback: socket.socket) -> None:
    """Told to end by anybody else, it still closes its record, but not unnoticed."""
    recorder = recording(loopback, "127.0.0.1", tmp_path / "ping.csv", "r")
    os.kill(recorder.pid, signal.SIGTERM)
    Deadline(10).until(lambda: not recorder.healthy, lambda: AssertionError("still running"))
    assert "ended before it was stopped (code 0)" in (recorder.stop() or "")
    assert PingRecord.read(recorder.out).complete


def test_a_killed_recorder_is_noticed(tmp_path: Path, loopback: socket.socket) -> None:
    """Its death is named, and what it wrote is read as far as it goes."""
    recorder = recording(loopback, "127.0.0.1", tmp_path / "ping.csv", "r")
    os.kill(recorder.pid, signal.SIGKILL)
    Deadline(10).until(lambda: not recorder.healthy, lambda: AssertionError("still running"))
    assert "ended before it was stopped (code -9)" in (recorder.stop() or "")
    assert not PingRecord.read(recorder.out).complete


def test_a_stuck_recorder_is_killed(tmp_path: Path, loopback: socket.socket) -> None:
    """Stopping is bounded whatever the recorder does."""
    recorder = recording(loopback, "127.0.0.1", tmp_path / "ping.csv", "r")
    os.kill(recorder.pid, signal.SIGSTOP)
    assert "was killed" in (recorder.stop(0.1) or "")
    assert not recorder.healthy
