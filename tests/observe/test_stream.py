"""The stream recorder, against peers that answer, are away, hang up, or say something else."""

import errno
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from ipaddress import IPv4Address
from itertools import pairwise
from pathlib import Path

import pytest

from miglab.deadline import Deadline
from miglab.errors import LabError
from miglab.observe import exchanges, stream
from miglab.observe.exchanges import StreamRecord
from miglab.observe.recorder import Recorder
from miglab.observe.recorder import stream as record_stream
from miglab.observe.stream import REQUEST

HERE = Path("/proc/self/ns/net")
LOCAL = IPv4Address("127.0.0.1")
Peer = Callable[[socket.socket], None]


def echo(connection: socket.socket) -> None:
    """Sends back what comes, in pieces: a stream has no edges."""
    while data := connection.recv(64):
        connection.sendall(data[:5])
        connection.sendall(data[5:])


def hang_up(connection: socket.socket) -> None:
    """Hears one request and goes."""
    connection.recv(64)


def reset(connection: socket.socket) -> None:
    """Answers once, then drops everything."""
    connection.sendall(connection.recv(64))
    connection.recv(64)
    linger = (1).to_bytes(4, "little") + bytes(4)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)


def lie(connection: socket.socket) -> None:
    """Answers what nobody asked."""
    connection.recv(64)
    connection.sendall(b"x" * REQUEST.size)


def be_silent(connection: socket.socket) -> None:
    """Hears everything and answers nothing."""
    while connection.recv(64):
        pass


@contextmanager
def served(peer: Peer, port: int = 0) -> Iterator[int]:
    """A server that does as ``peer`` does to each connection in turn; yields its port."""

    def serve() -> None:
        with suppress(OSError):  # closed by the test, or by the recorder's end
            while True:
                connection, _ = listening.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                with connection, suppress(OSError):
                    peer(connection)

    with socket.create_server((str(LOCAL), port)) as listening:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)


@contextmanager
def recording(port: int, out: Path) -> Iterator[Recorder]:
    """A recorder that runs, and ends well if the test has not ended it."""
    recorder = record_stream(HERE, (LOCAL, port), 5, out)
    recorder.ready()
    try:
        yield recorder
    finally:
        recorder.stop()


def await_lines(recorder: Recorder, kind: str, count: int = 1) -> None:
    """Until so many events of that kind are in the record."""
    Deadline(10).until(
        lambda: recorder.out.read_text().count(f"\n{kind},") >= count or not recorder.healthy,
        lambda: AssertionError(f"no {count} × {kind} in {recorder.out}"),
    )


def ended(recorder: Recorder) -> StreamRecord:
    """What a recorder leaves that was stopped."""
    assert recorder.stop() is None
    record = StreamRecord.read(recorder.out)
    assert record.complete
    return record


def test_formats_agree() -> None:
    """The recorder's and the reader's."""
    assert stream.VERSION == exchanges.VERSION


def test_each_answer_belongs_to_its_request(tmp_path: Path) -> None:
    """One request at a time, each answered after it was sent, on one connection."""
    with served(echo) as port, recording(port, tmp_path / "stream.csv") as recorder:
        await_lines(recorder, "a", 20)
        record = ended(recorder)
    assert (record.interval_ms, record.address, record.port) == (5, LOCAL, port)
    assert (len(record.connected), record.lost) == (1, ())
    asked, answered = dict(record.requests), dict(record.answers)
    assert list(asked) == list(range(1, len(asked) + 1))
    assert len(asked) - len(answered) <= 1
    assert all(asked[number] <= ns for number, ns in answered.items())
    assert all(answered[number] <= asked[number + 1] for number in answered if number + 1 in asked)


def test_nothing_is_asked_while_an_answer_is_missing(tmp_path: Path) -> None:
    """The application waits: the pause is between two answers, not in a heap of requests."""
    with served(be_silent) as port, recording(port, tmp_path / "stream.csv") as recorder:
        await_lines(recorder, "q")
        record = ended(recorder)
    assert len(record.requests) == 1
    assert record.answers == ()
    assert record.lost == ()


def test_a_peer_that_comes_back_is_found(tmp_path: Path) -> None:
    """It is asked for again and again, with a pause between."""
    with socket.create_server((str(LOCAL), 0)) as reserved:
        port = reserved.getsockname()[1]
    with recording(port, tmp_path / "stream.csv") as recorder:
        await_lines(recorder, "x", 2)
        with served(echo, port):
            await_lines(recorder, "a", 5)
        record = ended(recorder)
    assert len(record.lost) >= 2
    assert {number for _, number in record.lost} == {errno.ECONNREFUSED}
    (connected_ns,) = record.connected[0]
    times = [lost_ns for lost_ns, _ in record.lost if lost_ns < connected_ns]
    assert all(later - sooner >= 0.9 * stream.PAUSE_NS for sooner, later in pairwise(times))


@pytest.mark.parametrize(
    ("peer", "number"),
    [(hang_up, errno.ECONNRESET), (reset, errno.ECONNRESET), (lie, errno.EBADMSG)],
)
def test_a_lost_connection_is_made_again(tmp_path: Path, peer: Peer, number: int) -> None:
    """At the next slot, and its end has a reason."""
    with served(peer) as port, recording(port, tmp_path / "stream.csv") as recorder:
        await_lines(recorder, "x", 3)
        record = ended(recorder)
    assert {found for _, found in record.lost} == {number}
    assert len(record.connected) >= len(record.lost) >= 3


def test_a_peer_that_does_not_accept_is_no_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection that does not come about in time is given up, by Python's own clock."""
    monkeypatch.setattr(stream, "CONNECT_SECONDS", 0.05)
    path = tmp_path / "stream.csv"
    with socket.socket() as full, socket.socket() as filler, path.open("w") as out:
        full.bind((str(LOCAL), 0))
        full.listen(0)
        filler.connect(full.getsockname())
        connection = stream.Connection(full.getsockname(), out)
        assert not connection.turn()
    assert path.read_text().startswith("x,")
    assert path.read_text().endswith(f",{errno.ETIMEDOUT}\n")


def test_a_killed_recorder_is_noticed(tmp_path: Path) -> None:
    """Its death is named, and what it wrote is read as far as it goes."""
    with served(echo) as port, recording(port, tmp_path / "stream.csv") as recorder:
        await_lines(recorder, "a")
        os.kill(recorder.pid, signal.SIGKILL)
        Deadline(10).until(lambda: not recorder.healthy, lambda: AssertionError("still running"))
        assert "stream recorder: ended before it was stopped" in (recorder.stop() or "")
    record = StreamRecord.read(recorder.out)
    assert not record.complete
    assert record.answers


@pytest.mark.parametrize("interval_ms", [0, 1001])
def test_an_interval_out_of_bounds_is_refused(tmp_path: Path, interval_ms: int) -> None:
    """In one line."""
    recorder = record_stream(HERE, (LOCAL, 7070), interval_ms, tmp_path / "stream.csv")
    with pytest.raises(
        LabError, match=f"stream recorder: .*expected 1 to 1000, found {interval_ms}"
    ):
        recorder.ready()
