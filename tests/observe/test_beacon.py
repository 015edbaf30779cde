"""The beacon's recorder: what it takes for a beat of the guest, and itself as a process."""

import socket
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from miglab.deadline import Deadline
from miglab.errors import LabError
from miglab.observe import beacon, beats
from miglab.observe.beacon import BEAT, MAGIC
from miglab.observe.beats import BeaconRecord
from miglab.observe.recorder import Recorder
from miglab.observe.recorder import beacon as record_beacon

BOOT = UUID("ca19695f-b2d9-484d-84fb-81f696c1e950")


def beat(sequence: int, magic: bytes = MAGIC) -> bytes:
    """A datagram as docs/reference/payload.md draws it."""
    return BEAT.pack(magic, sequence, sequence // 2, sequence // 3, BOOT.bytes)


@pytest.fixture
def channel() -> Iterator[socket.socket]:
    """Where the recorder hears its guest."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound


def recording(channel: socket.socket, out: Path, *datagrams: bytes, beats: int = 1) -> Recorder:
    """A recorder that was sent ``datagrams``, of which ``beats`` are in its record by now."""
    recorder = record_beacon(channel, 1000, out)
    recorder.ready()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as guest:
        for datagram in datagrams:
            guest.sendto(datagram, channel.getsockname())
    Deadline(10).until(
        lambda: out.read_text().count("\nb,") >= beats or not recorder.healthy,
        lambda: AssertionError(f"no {beats} beats in {out}"),
    )
    return recorder


def test_formats_agree() -> None:
    """The recorder's and the reader's; 48 bytes, as the payload sends them."""
    assert beacon.VERSION == beats.VERSION
    assert BEAT.size == 48


def test_beats_are_recorded_as_they_come(tmp_path: Path, channel: socket.socket) -> None:
    """Also twice or out of order: what that means is the judge's business."""
    started_ns = time.time_ns()
    numbers = (1, 2, 4, 3, 3, 2**64 - 1)
    sent = [beat(number) for number in numbers]
    recorder = recording(channel, tmp_path / "beacon.csv", *sent, beats=len(sent))
    assert recorder.stop() is None
    record = BeaconRecord.read(recorder.out)
    assert record.complete
    assert record.hz == 1000
    assert record.boots == ((0, str(BOOT)),)
    assert [sequence for sequence, *_ in record.beats] == list(numbers)
    assert record.beats[2][:3] == (4, 2, 1)
    received = [started_ns, *(beat[3] for beat in record.beats), time.time_ns()]
    assert received == sorted(received)


def test_beats_that_come_early_have_their_time_too(tmp_path: Path, channel: socket.socket) -> None:
    """The guest may begin while the recorder is still starting: a process takes its time."""
    recorder = record_beacon(channel, 1000, tmp_path / "beacon.csv")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as guest:
        for number in range(1, 1001):
            guest.sendto(beat(number), channel.getsockname())
    sent_ns = time.time_ns()
    recorder.ready()
    assert recorder.stop() is None
    record = BeaconRecord.read(recorder.out)
    assert len(record.beats) == 1000
    assert all(received_ns <= sent_ns for *_, received_ns in record.beats)


def test_what_is_no_beat_leaves_no_trace(tmp_path: Path, channel: socket.socket) -> None:
    """Nor does it end anything."""
    foreign = [b"", beat(1)[:-1], beat(1) + b"\0", beat(1, magic=b"MIGLABB2"), bytes(1400)]
    recorder = recording(channel, tmp_path / "beacon.csv", *foreign, beat(2))
    assert recorder.stop() is None
    record = BeaconRecord.read(recorder.out)
    assert record.complete
    assert [sequence for sequence, *_ in record.beats] == [2]


def test_a_burst_is_kept_whole(tmp_path: Path, channel: socket.socket) -> None:
    """The guest sent on while nobody read: a tenth of a second at the highest rate there is."""
    sent = [beat(n) for n in range(1, 1001)]
    recorder = recording(channel, tmp_path / "beacon.csv", *sent, beats=1000)
    assert recorder.stop() is None
    assert [beat[0] for beat in BeaconRecord.read(recorder.out).beats] == list(range(1, 1001))


@pytest.mark.parametrize("hz", [0, 10_001])
def test_a_rate_out_of_bounds_is_refused(tmp_path: Path, channel: socket.socket, hz: int) -> None:
    """In one line."""
    recorder = record_beacon(channel, hz, tmp_path / "beacon.csv")
    with pytest.raises(LabError, match=f"beacon recorder: .*expected 1 to 10000, found {hz}"):
        recorder.ready()
