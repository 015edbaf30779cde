"""The wire's recorder at a switch of the test's own: what is seen, where, and how often."""

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from miglab.deadline import Deadline
from miglab.lab.namespace import inside
from miglab.observe import passages, wire
from miglab.observe.passages import Connection, WireRecord
from miglab.observe.recorder import Recorder
from miglab.observe.recorder import wire as record_wire
from tests.observe import test_iscsi as over_iscsi
from tests.observe.test_connections import HELLO, SYN, SYN_ACK
from tests.observe.test_frames import ANY, HOST, MAC, NFS, OTHER, Ends, arp, segment, write3

GUEST = "52:54:00:80:00:50"
NAMESPACE = f"miglab-test-wire-{os.getpid()}"
PORTS = ("nfs", "source", "target")
WRITE = write3(1 << 20, 4096, bytes(4096))
END = write3(0, 1, b"e", handle=b"another file")
RARP = arp(0x8035, MAC, "192.168.80.50", "192.168.80.50")


def test_formats_agree() -> None:
    """The recorder's and the reader's."""
    assert wire.VERSION == passages.VERSION


@pytest.fixture(scope="module")
def switch() -> Iterator[Path]:
    """A namespace with a bridge, and a cable from each port; ``PORT-far`` is its other end."""
    if os.geteuid():
        pytest.skip("needs root for a network namespace")
    lines = ["link add lan type bridge", "link set lan up"]
    for port in PORTS:
        lines.append(f"link add {port} type veth peer name {port}-far")
        lines += [f"link set {port} master lan up", f"link set {port}-far up"]
    subprocess.run(["ip", "netns", "add", NAMESPACE], check=True)
    try:
        text = "\n".join(lines)
        subprocess.run(["ip", "-n", NAMESPACE, "-b", "-"], input=text, text=True, check=True)
        yield Path("/run/netns") / NAMESPACE
    finally:
        subprocess.run(["ip", "netns", "delete", NAMESPACE], check=True)


def send(switch: Path, port: str, *frames: bytes) -> None:
    """Frames enter through ``port``, as from the node that is plugged in there."""

    def enter() -> None:
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as far:
            far.bind((f"{port}-far", 0))
            for frame in frames:
                far.send(frame)

    inside(switch, enter)


def recording(switch: Path, out: Path, share: str = "nfs") -> Recorder:
    """A recorder that listens."""
    recorder = record_wire(switch, GUEST, NFS, PORTS, out, share)
    recorder.ready()
    return recorder


def stopped(recorder: Recorder, writes: int) -> WireRecord:
    """The record of a recorder that has seen so many ``writes``; stamps are in order."""
    Deadline(10).until(
        lambda: recorder.out.read_text().count("\nw,") >= writes or not recorder.healthy,
        lambda: AssertionError(f"no {writes} writes in {recorder.out}"),
    )
    assert recorder.stop() is None
    record = WireRecord.read(recorder.out)
    assert record.complete
    assert record.dropped == 0
    return record


def test_an_announcement_is_seen_where_it_enters(tmp_path: Path, switch: Path) -> None:
    """Once each, though the switch sends it out of every other port."""
    own, other = "192.168.80.50", "192.168.80.1"
    recorder = recording(switch, tmp_path / "wire.csv")
    send(switch, "source", arp(0x8035, OTHER, own, own), RARP)
    send(switch, "target", arp(0x0806, MAC, own, own), arp(0x0806, MAC, own, other))
    send(switch, "nfs", arp(0x0806, OTHER, own, own), segment(END))
    record = stopped(recorder, writes=1)
    assert [(seen.node, seen.kind) for seen in record.announcements] == [
        ("source", "rarp"),
        ("target", "garp"),
        ("target", "arp"),
    ]
    times = [seen.time_ns for seen in record.announcements]
    assert times == sorted(times)


def test_a_write_is_seen_once(tmp_path: Path, switch: Path) -> None:
    """With who sent it and where to; the stream of a migration is not seen at all."""
    recorder = recording(switch, tmp_path / "wire.csv")
    send(switch, "source", *[segment(bytes(1400), server=HOST, port=49152)] * 1000)
    send(switch, "source", segment(WRITE[:1400]), segment(b""), segment(END))
    record = stopped(recorder, writes=2)
    assert record.announcements == ()
    assert [(write.client, write.offset, write.count) for write in record.writes] == [
        (HOST, 1 << 20, 4096),
        (HOST, 0, 1),
    ]
    assert len({write.handle for write in record.writes}) == 2


def test_a_write_over_iscsi_is_seen_once(tmp_path: Path, switch: Path) -> None:
    """In the same words; what is sent to the port of NFS is then nobody's business."""
    recorder = recording(switch, tmp_path / "wire.csv", "iscsi")
    send(switch, "source", segment(END), *over_iscsi.RECORDED)
    send(switch, "source", over_iscsi.framed(over_iscsi.pdu(over_iscsi.ten(0, 1), 512)))
    record = stopped(recorder, writes=8)
    found = [(str(write.client), write.offset, write.count) for write in record.writes]
    assert found[0] == (str(HOST), 62 << 20, 256 << 10)
    assert found[-1] == (str(HOST), 0, 512)
    assert {write.handle for write in record.writes} == {"lun1"}


def test_a_connection_is_seen_once(tmp_path: Path, switch: Path) -> None:
    """When it begins, and when it begins with TLS; neither its answer nor what it carries."""
    recorder = recording(switch, tmp_path / "wire.csv")
    ends: Ends = {"server": HOST, "port": 49152}
    send(switch, "source", segment(b"", **ends, flags=SYN))
    send(switch, "target", segment(b"", **ends, flags=SYN_ACK))
    send(switch, "source", segment(b"", **ends), segment(HELLO + bytes(200), **ends))
    send(switch, "source", *[segment(bytes(1400), **ends)] * 100, segment(END))
    record = stopped(recorder, writes=1)
    assert [(seen.client, seen.client_port, *seen_at(seen)) for seen in record.connections] == [
        (HOST, 799, HOST, 49152, "begun"),
        (HOST, 799, HOST, 49152, "hello"),
    ]
    times = [seen.time_ns for seen in record.connections]
    assert times == sorted(times)


def seen_at(seen: Connection) -> tuple[IPv4Address, int, str]:
    """Where to, and what."""
    return seen.server, seen.port, seen.what


def test_traffic_is_counted_where_it_passes(tmp_path: Path, switch: Path) -> None:
    """By the kernel, for each port of the lab's: pages that the recorder never looks at too."""
    page, count = ANY + MAC + b"\x88\xb5" + bytes(1400), 500  # of no protocol that is read
    recorder = recording(switch, tmp_path / "wire.csv")
    await_traffic(recorder, 2)
    send(switch, "source", *[page] * count)
    send(switch, "source", segment(END))
    record = stopped(recorder, writes=1)
    assert {sample.node for sample in record.traffic} == set(PORTS)
    for node in PORTS:
        samples = [sample for sample in record.traffic if sample.node == node]
        assert samples == sorted(samples, key=lambda sample: sample.time_ns)
        passed = samples[-1].received - samples[0].received
        assert (passed >= count * len(page)) == (node == "source"), (node, passed)
        sent_on = samples[-1].sent - samples[0].sent
        assert (sent_on >= count * len(page)) == (node != "source"), (node, sent_on)


def await_traffic(recorder: Recorder, samples: int) -> None:
    """Until every port was looked at so often."""
    Deadline(10).until(
        lambda: recorder.out.read_text().count("\nb,") >= samples * len(PORTS),
        lambda: AssertionError(f"no {samples} samples in {recorder.out}"),
    )


def test_what_is_lost_to_the_recorder_is_counted(tmp_path: Path, switch: Path) -> None:
    """While it was stopped, more came than the kernel keeps."""
    recorder = recording(switch, tmp_path / "wire.csv")
    os.kill(recorder.pid, signal.SIGSTOP)
    send(switch, "source", *[segment(END)] * 40_000)
    os.kill(recorder.pid, signal.SIGCONT)
    assert recorder.stop() is None
    record = WireRecord.read(recorder.out)
    assert record.complete
    assert record.dropped > 0
    assert record.dropped + len(record.writes) == 40_000


def test_a_killed_recorder_is_noticed(tmp_path: Path, switch: Path) -> None:
    """Its death is named, and what it wrote is read as far as it goes."""
    recorder = recording(switch, tmp_path / "wire.csv")
    send(switch, "source", segment(END))
    Deadline(10).until(lambda: "\nw," in recorder.out.read_text(), lambda: AssertionError("none"))
    os.kill(recorder.pid, signal.SIGKILL)
    Deadline(10).until(lambda: not recorder.healthy, lambda: AssertionError("still running"))
    assert "wire recorder: ended before it was stopped (code -9)" in (recorder.stop() or "")
    record = WireRecord.read(recorder.out)
    assert not record.complete
    assert len(record.writes) == 1
