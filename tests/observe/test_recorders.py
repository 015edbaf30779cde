"""The recorders of beacon, stream and wire: real processes on real sockets."""

import os
import signal
import socket
import struct
import subprocess
import threading
import uuid
from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from miglab.deadline import Deadline
from miglab.errors import LabError
from miglab.observe import recorder as recorders
from miglab.observe.beats import BeaconRecord
from miglab.observe.exchanges import StreamRecord
from miglab.observe.passages import WireRecord
from miglab.observe.recorder import Recorder
from tests.observe.test_frames import MAC, arp, segment, write3

BOOT, ANOTHER = uuid.UUID(int=1), uuid.UUID(int=2)
SELF = Path("/proc/self/ns/net")


def await_line(recorder: Recorder, start: str, count: int = 1) -> None:
    """Until it has written so many lines that begin so."""
    found = Deadline(20).until(
        lambda: recorder.out.read_text().count(f"\n{start},") >= count or not recorder.healthy,
        lambda: AssertionError(f"no {start} in {recorder.out.read_text()}"),
    )
    assert found


def beat(sequence: int, boot: uuid.UUID = BOOT, magic: bytes = b"MIGLABB1") -> bytes:
    """One datagram of a guest."""
    return struct.pack("<8sQQQ16s", magic, sequence, sequence * 1000, 5, boot.bytes)


@pytest.fixture
def beacon(tmp_path: Path) -> Iterator[tuple[Recorder, socket.socket]]:
    """A recorder on loopback, and a guest's socket that is connected to it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
        channel.bind(("127.0.0.1", 0))
        recorder = recorders.beacon(channel, 1000, tmp_path / "beacon.csv")
        where = channel.getsockname()
    recorder.ready()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as guest:
        guest.connect(where)
        yield recorder, guest
    recorder.stop()


def test_a_beacon_is_recorded(beacon: tuple[Recorder, socket.socket]) -> None:
    """With the guest's clocks and ours; a guest that is booted anew is told from the old one."""
    recorder, guest = beacon
    for data in (beat(1), b"foreign", beat(9, magic=b"NOTOURS1"), beat(2), beat(1, ANOTHER)):
        guest.send(data)
    await_line(recorder, "b", 3)
    assert recorder.stop() is None
    record = BeaconRecord.read(recorder.out)
    assert record.complete
    assert record.boots == ((0, str(BOOT)), (2, str(ANOTHER)))
    assert [numbers[:3] for numbers in record.beats] == [(1, 1000, 5), (2, 2000, 5), (1, 1000, 5)]
    received = [numbers[3] for numbers in record.beats]
    assert received == sorted(received)


def test_a_killed_beacon_recorder_is_noticed(beacon: tuple[Recorder, socket.socket]) -> None:
    """What it wrote is read as far as it goes."""
    recorder, guest = beacon
    guest.send(beat(1))
    await_line(recorder, "b")
    os.kill(recorder.pid, signal.SIGKILL)
    Deadline(10).until(lambda: not recorder.healthy, lambda: AssertionError("still running"))
    assert "beacon recorder: ended before it was stopped (code -9)" in (recorder.stop() or "")
    record = BeaconRecord.read(recorder.out)
    assert (record.complete, len(record.beats)) == (False, 1)


class Echo:
    """A server that gives back what it gets, until it hangs up on somebody."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.hang_up = threading.Event()
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.listener.getsockname()[1])

    def _serve(self) -> None:
        while True:
            try:
                channel, _ = self.listener.accept()
            except OSError:
                return
            with channel:
                while not self.hang_up.is_set() and (data := channel.recv(64)):
                    channel.sendall(data)
            self.hang_up.clear()


@pytest.fixture
def echo() -> Iterator[Echo]:
    """One that is closed at the end."""
    server = Echo()
    yield server
    server.listener.shutdown(socket.SHUT_RDWR)
    server.listener.close()


def test_a_stream_is_recorded(tmp_path: Path, echo: Echo) -> None:
    """Each answer after its request; a connection that is lost is made anew."""
    peer = (IPv4Address("127.0.0.1"), echo.port)
    recorder = recorders.stream(SELF, peer, 1, tmp_path / "stream.csv")
    recorder.ready()
    await_line(recorder, "a", 3)
    echo.hang_up.set()
    await_line(recorder, "c", 2)
    await_line(recorder, "x")
    assert recorder.stop() is None
    record = StreamRecord.read(recorder.out)
    asked = dict(record.requests)
    assert record.complete
    assert len(record.connected) >= 2
    assert all(asked[number] <= ns for number, ns in record.answers)
    assert (record.address, record.port, record.interval_ms) == (*peer, 1)


def test_nobody_there_is_recorded_not_fatal(tmp_path: Path) -> None:
    """A refusal is an event, and another connection is tried."""
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    recorder = recorders.stream(SELF, (IPv4Address("127.0.0.1"), port), 1, tmp_path / "stream.csv")
    recorder.ready()
    await_line(recorder, "x", 2)
    assert recorder.stop() is None
    record = StreamRecord.read(recorder.out)
    assert (record.complete, record.connected, record.answers) == (True, (), ())


def test_a_namespace_that_is_gone_is_one_line(tmp_path: Path) -> None:
    """It cannot start, and says why."""
    peer = (IPv4Address("127.0.0.1"), 1)
    recorder = recorders.stream(tmp_path / "gone", peer, 1, tmp_path / "stream.csv")
    with pytest.raises(LabError, match=r"stream recorder: ended .*No such file or directory"):
        recorder.ready()


@pytest.fixture
def switch() -> Iterator[str]:
    """A namespace with a bridge, and two cables into another one; both go at the end."""
    near, far = f"miglab-test-{os.getpid()}", f"miglab-test-{os.getpid()}-far"
    commands = [f"netns add {near}", f"netns add {far}", f"-n {near} link add lan type bridge"]
    for name in ("source", "target"):
        peer = f"type veth peer name {name} netns {far}"
        commands += [
            f"-n {near} link add {name} {peer}",
            f"-n {near} link set {name} master lan up",
            f"-n {far} link set {name} up",
        ]
    try:
        for command in [*commands, f"-n {near} link set lan up"]:
            subprocess.run(["ip", *command.split()], check=True, capture_output=True)
        yield near
    finally:
        for name in (near, far):
            subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)


SENDING = """
import socket, sys
channel = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
channel.bind((sys.argv[1], 0))
for frame in sys.argv[2:]:
    channel.send(bytes.fromhex(frame))
"""


def send(switch: str, port: str, *frames: bytes) -> None:
    """Frames into the switch through one of its ports."""
    texts = [frame.ljust(60, b"\0").hex() for frame in frames]
    enter = ["ip", "netns", "exec", f"{switch}-far", "python3", "-c", SENDING, port]
    subprocess.run([*enter, *texts], check=True, capture_output=True)


def test_the_wire_is_recorded(tmp_path: Path, switch: str) -> None:
    """What enters through a port, once; what is none of our business never reaches us."""
    recorder = recorders.wire(
        Path("/run/netns") / switch,
        "52:54:00:80:00:50",
        IPv4Address("192.168.80.100"),
        ["source", "target"],
        tmp_path / "wire.csv",
    )
    recorder.ready()
    announced = arp(0x8035, MAC, "0.0.0.0", "0.0.0.0")  # noqa: S104 - an address in a frame
    send(switch, "source", segment(write3(1 << 20, 4096)), segment(b"page", port=49152))
    send(switch, "target", announced)
    await_line(recorder, "w")
    await_line(recorder, "n")
    assert recorder.stop() is None
    record = WireRecord.read(recorder.out)
    assert [(seen.node, seen.kind) for seen in record.announcements] == [("target", "rarp")]
    assert [(str(w.client), w.offset, w.count) for w in record.writes] == [
        ("192.168.80.121", 1 << 20, 4096)
    ]
    assert (record.complete, record.dropped) == (True, 0)
