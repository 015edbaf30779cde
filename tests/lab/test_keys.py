"""Keys of one lab, readable by nobody else."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from miglab.lab.keys import ensure_key, write_private


@pytest.fixture(params=[0o000, 0o022, 0o077], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    """Each of the umasks that people have."""
    before = os.umask(request.param)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    """The permission bits of ``path``."""
    return path.stat().st_mode & 0o7777


def test_a_key_is_made_once(tmp_path: Path) -> None:
    """Asking again gives the same key, another path another one."""
    first = ensure_key(tmp_path / "id")
    assert first.startswith("ssh-ed25519 ")
    assert ensure_key(tmp_path / "id") == first
    assert ensure_key(tmp_path / "other") != first


def test_openssh_reads_the_key(tmp_path: Path) -> None:
    """The private half is in OpenSSH's own format, and its public half is the one given."""
    public = ensure_key(tmp_path / "id")
    told = subprocess.run(
        ["ssh-keygen", "-y", "-f", tmp_path / "id"], capture_output=True, text=True, check=True
    )
    assert told.stdout.split()[:2] == public.split()


@pytest.mark.usefixtures("umask")
def test_a_key_is_private_whatever_the_umask(tmp_path: Path) -> None:
    """0600, in a directory of 0700 where that is made too."""
    ensure_key(tmp_path / "lab" / "id")
    assert mode(tmp_path / "lab" / "id") == 0o600
    assert mode(tmp_path / "lab") & 0o077 == 0


@pytest.mark.usefixtures("umask")
@pytest.mark.parametrize("bits", [0o600, 0o644, 0o700], ids=oct)
def test_a_mode_is_as_asked_whatever_the_umask(tmp_path: Path, bits: int) -> None:
    """A file that a node's services must read stays readable under a strict umask."""
    write_private(tmp_path / "file", b"content", mode=bits)
    assert mode(tmp_path / "file") == bits


def test_writing_replaces_the_whole_file(tmp_path: Path) -> None:
    """A reader sees the old content or the new, and nothing is left over."""
    path = tmp_path / "file"
    path.write_bytes(b"old and longer")
    with path.open("rb") as reader:
        write_private(path, b"new")
        assert reader.read() == b"old and longer"
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_leftover_of_a_killed_write_is_no_hindrance(tmp_path: Path) -> None:
    """Nor is it followed, should it be a link."""
    (tmp_path / "victim").write_text("untouched")
    (tmp_path / ".file.new").symlink_to(tmp_path / "victim")
    write_private(tmp_path / "file", b"content")
    assert (tmp_path / "file").read_bytes() == b"content"
    assert (tmp_path / "victim").read_text() == "untouched"
