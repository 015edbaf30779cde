"""Which acceleration there is: the script run by a real shell, with a stub for QEMU."""

import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import pytest

from miglab.errors import NodeError
from miglab.guest import acceleration
from miglab.guest.acceleration import Acceleration, common, probe, reasons, script

KVM = Acceleration(kind="kvm", reason="a guest booted with it")
NONE = Acceleration(kind="qemu", reason="there is no /dev/kvm")


@dataclass
class Host:
    """A directory that plays a host: programs, /dev/kvm, boot files, what is remembered."""

    root: Path
    errors: list[str] = field(default_factory=list)

    def program(self, name: str, body: str) -> None:
        """Puts a shell script on PATH."""
        path = self.root / "bin" / name
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)

    def shell(self, _: str) -> str:
        """Runs the question in ``sh``; the paths are the host's own."""
        text = script(6, memory=f"{self.root}/run/answer", device=f"{self.root}/kvm")
        path = f"{self.root}/bin:{os.environ['PATH']}"
        done = subprocess.run(
            ["sh", "-c", text], env={"PATH": path}, capture_output=True, text=True, check=False
        )
        self.errors.append(done.stderr)
        if done.returncode:
            raise NodeError(done.stderr.strip())
        return done.stdout


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    """A host with a KVM that works."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "kvm").touch()
    (tmp_path / "vmlinuz").touch()
    monkeypatch.setattr(acceleration, "boot_directory", lambda: PurePosixPath(tmp_path))
    made = Host(tmp_path)
    made.program("qemu-system-x86_64", 'echo "$@" >>$0.asked; echo "miglab: alive"')
    return made


def asked(host: Host) -> int:
    """How often QEMU was really started."""
    log = host.root / "bin" / "qemu-system-x86_64.asked"
    return len(log.read_text().splitlines()) if log.exists() else 0


def test_a_guest_that_boots_is_the_proof(host: Host) -> None:
    """Nothing is said that the script itself does not want to say."""
    assert probe(host.shell) == KVM
    assert host.errors == [""]
    arguments = (host.root / "bin" / "qemu-system-x86_64.asked").read_text()
    assert f"-accel kvm -cpu host -m 128 -kernel {host.root}/vmlinuz" in arguments
    assert "-append console=ttyS0 miglab.probe -display none" in arguments


def test_without_the_device_nothing_is_tried(host: Host) -> None:
    """No QEMU is started for what cannot be."""
    (host.root / "kvm").unlink()
    found = probe(host.shell)
    assert (found.kind, found.reason) == ("qemu", f"there is no {host.root}/kvm")
    assert asked(host) == 0


@pytest.mark.parametrize("code", [124, 137])
def test_a_guest_that_hangs_is_no_proof(host: Host, code: int) -> None:
    """Ended by timeout, or killed by it."""
    host.program("timeout", f"exit {code}")
    found = probe(host.shell)
    assert found.kind == "qemu"
    assert found.reason.endswith("is there, but no guest booted with it within 6 s")


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (
            "echo first; printf 'KVM: \\033 not \\0 permitted\\n' >&2; exit 1",
            "KVM:  not  permitted",
        ),
        ("exit 3", "QEMU ended with code 3"),
        ("printf '%0500d' 0; exit 1", "0" * 120),
    ],
)
def test_what_fails_is_told_in_its_own_last_words(host: Host, body: str, why: str) -> None:
    """One printable line that is not too long, or at least the exit code."""
    host.program("qemu-system-x86_64", body)
    found = probe(host.shell)
    assert found.kind == "qemu"
    assert found.reason.partition(" does not work: ")[2] == why


def test_the_answer_is_remembered(host: Host) -> None:
    """One boot for each start of the host, and not one for each guest."""
    assert probe(host.shell) == KVM
    (host.root / "kvm").unlink()
    assert probe(host.shell) == KVM
    assert asked(host) == 1
    assert [path.name for path in (host.root / "run").iterdir()] == ["answer"]


def test_without_a_kernel_there_is_no_answer(host: Host) -> None:
    """And nothing is remembered: after the deployment the host is asked again."""
    (host.root / "vmlinuz").unlink()
    with pytest.raises(NodeError, match=r"no kernel to try with in .*; deploy first"):
        probe(host.shell)
    (host.root / "vmlinuz").touch()
    assert probe(host.shell) == KVM


@pytest.mark.parametrize("answer", ["", "xen it is", "permission denied"])
def test_another_answer_is_refused(answer: str) -> None:
    """No domain of an unknown type is ever defined."""
    with pytest.raises(NodeError, match="expected kvm or qemu and why"):
        probe(lambda _: answer)


@pytest.mark.parametrize(
    ("found", "wanted"),
    [([KVM, KVM], KVM), ([KVM, NONE], NONE), ([NONE, KVM], NONE), ([NONE, NONE], NONE)],
)
def test_kvm_only_where_all_have_it(found: list[Acceleration], wanted: Acceleration) -> None:
    """A guest cannot take KVM along to a host without it."""
    assert common(found) == wanted


def test_a_reason_that_hosts_share_is_given_once() -> None:
    """It goes into every verdict, and is long enough."""
    assert reasons({"source": NONE, "target": NONE}) == "source, target: there is no /dev/kvm"
    assert reasons({"source": NONE, "target": KVM, "third": NONE}) == (
        "source, third: there is no /dev/kvm; target: a guest booted with it"
    )
