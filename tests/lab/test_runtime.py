"""How podman can boot a node is found by trying, and remembered until the next boot."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from miglab.errors import NodeError
from miglab.lab import runtime
from miglab.lab.runtime import DROPPED, Runtime, candidates, working


class Podman:
    """Stands in for podman: runs only under one OCI runtime, and counts how often it is asked."""

    def __init__(self, works: Runtime | None) -> None:
        self.works = works
        self.asked: list[list[str]] = []

    def __call__(
        self, argv: Sequence[str], *, about: str, error: type[Exception]
    ) -> subprocess.CompletedProcess[str]:
        """One try."""
        assert about
        assert error is NodeError
        self.asked.append(list(argv))
        expected = self.works and [*self.works.global_options(), *self.works.limit_options()]
        code = 0 if expected is not None and all(word in argv for word in expected) else 126
        return subprocess.CompletedProcess(argv, code, "", f"Error {len(self.asked)}\n")


@pytest.fixture
def podman(state: Path, monkeypatch: pytest.MonkeyPatch) -> Podman:
    """A podman that needs runc and a limit of 32768 processes."""
    assert state.is_dir()
    mine = Podman(Runtime(oci="runc", nproc=32768))
    monkeypatch.setattr(runtime, "attempt", mine)
    return mine


def test_podmans_own_choice_is_tried_first() -> None:
    """Where nothing is special, nothing is changed."""
    first, *others = candidates()
    assert (first.global_options(), first.limit_options()) == ([], [])
    assert {other.oci for other in others} == {"crun", "runc"}


def test_no_candidate_asks_for_more_than_there_is() -> None:
    """Each has either podman's limits or a positive number of processes."""
    for candidate in candidates():
        assert candidate.nproc is None or candidate.nproc > 0


def test_the_first_that_works_is_taken_and_remembered(podman: Podman) -> None:
    """The search happens once, not at each start of a node."""
    assert working("image") == Runtime(oci="runc", nproc=32768)
    tries = len(podman.asked)
    assert tries > 1
    assert working("image") == Runtime(oci="runc", nproc=32768)
    assert len(podman.asked) == tries
    assert podman.asked[-1][-2:] == ["image", "/bin/true"]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        "{",
        '{"boot": "another boot", "runtime": {"oci": "crun", "nproc": null}}',
        '{"boot": "BOOT", "runtime": {"oci": "runc", "nproc": -1}}',
        '{"boot": "BOOT", "runtime": {"unknown": true}}',
    ],
)
def test_what_is_remembered_must_fit(podman: Podman, state: Path, content: str) -> None:
    """A memory of another boot, or one that makes no sense, is no memory."""
    boot = f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()} {runtime._limits()}"
    (state / "runtime.json").write_text(content.replace("BOOT", boot))
    assert working("image") == Runtime(oci="runc", nproc=32768)
    assert podman.asked
    assert json.loads((state / "runtime.json").read_text())["boot"] == boot


def test_when_nothing_works_each_ones_last_words_are_told(podman: Podman, state: Path) -> None:
    """The error shows what was tried, and nothing is remembered."""
    podman.works = None
    with pytest.raises(NodeError) as failure:
        working("image")
    for number in range(1, len(podman.asked) + 1):
        assert f"Error {number}" in str(failure.value)
    assert str(failure.value).startswith("podman: no runtime on this machine starts a node: ")
    assert not (state / "runtime.json").exists()


def test_a_node_cannot_reach_the_machine() -> None:
    """All capabilities less those of the machine itself, and never privileged."""
    options = Runtime().run_options()
    assert "--privileged" not in options
    assert "--cap-add=all" in options
    assert all(f"--cap-drop={name}" in options for name in DROPPED)
    assert {"SYS_MODULE", "SYS_TIME", "SYS_BOOT", "SYS_RAWIO"} <= set(DROPPED)


def test_only_devices_that_exist_are_handed_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without KVM still boots nodes."""
    monkeypatch.setattr(runtime, "DEVICES", ("/dev/null", "/dev/no-such-device"))
    devices = [word for word in Runtime().run_options() if word.startswith("--device=")]
    assert devices == ["--device=/dev/null"]
