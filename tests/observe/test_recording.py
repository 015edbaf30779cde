"""What all recorders share: stamps, room for what comes, options, ways into a namespace."""

import argparse
import errno
import socket
import time
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miglab.observe.recording import (
    BUFFER_BYTES,
    CONTROL_BYTES,
    SO_RCVBUFFORCE,
    SO_TIMESTAMPNS,
    STAMP,
    enter,
    record,
    stamp_ns,
    stamped,
    whole,
)


class Unprivileged:
    """A socket of somebody who may not ask for more room than others have."""

    def __init__(self) -> None:
        self.options: dict[int, int] = {}

    def setsockopt(self, _level: int, option: int, value: int) -> None:
        """Keeps it, or refuses it."""
        if option == SO_RCVBUFFORCE:
            raise PermissionError(errno.EPERM, "no")
        self.options[option] = value


def test_room_is_asked_for_as_far_as_it_goes() -> None:
    """Without the privilege a recorder records all the same."""
    channel = Unprivileged()
    stamped(cast(socket.socket, channel))
    assert channel.options == {SO_TIMESTAMPNS: 1, socket.SO_RCVBUF: BUFFER_BYTES}


def test_the_kernel_stamps_what_it_receives() -> None:
    """By the clock that all records are kept by."""
    near, far = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    with near, far:
        far.bind(("127.0.0.1", 0))
        stamped(far)
        before_ns = time.time_ns()
        near.sendto(b"now", far.getsockname())
        _, control, _, _ = far.recvmsg(16, CONTROL_BYTES)
        found_ns = stamp_ns(control)
    assert found_ns is not None
    assert before_ns <= found_ns <= time.time_ns()


def test_what_is_no_stamp_is_none() -> None:
    """Other ancillary data, or none."""
    stamp = STAMP.pack(1, 2)
    assert stamp_ns([]) is None
    assert stamp_ns([(socket.SOL_SOCKET, SO_TIMESTAMPNS + 1, stamp)]) is None
    assert stamp_ns([(0, 0, b""), (socket.SOL_SOCKET, SO_TIMESTAMPNS, stamp)]) == 1_000_000_002


@given(st.integers(1, 1000))
def test_an_option_within_its_bounds_is_read(value: int) -> None:
    """Bounds included."""
    assert whole(1, 1000)(str(value)) == value


@pytest.mark.parametrize("text", ["0", "1001", "-1", "1.5", "", "many", " 7"])
def test_an_option_out_of_bounds_is_refused(text: str) -> None:
    """With what was expected."""
    with pytest.raises(argparse.ArgumentTypeError, match="expected 1 to 1000, found"):
        whole(1, 1000)(text)


def test_a_record_has_no_end_when_its_recorder_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever reads it takes it for cut off."""
    path = tmp_path / "record.csv"

    def fail() -> None:
        with record(path, "head") as out:
            out.write("event\n")
            raise OSError(errno.ENOSPC, "the disk is full")

    with pytest.raises(OSError, match="the disk is full"):
        fail()
    assert path.read_text() == "head\nevent\n"
    with record(path, "head"):
        assert capsys.readouterr().out == "recording\n" * 2
    assert path.read_text() == "head\nend\n"


def test_what_is_no_namespace_is_named(tmp_path: Path) -> None:
    """By its path."""
    path = tmp_path / "file"
    path.touch()
    with pytest.raises(OSError, match=str(path)):
        enter(path)
