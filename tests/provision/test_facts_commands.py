"""The shell in which facts ask, run by a real shell against stand-ins for the tools it calls."""

import hashlib
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from miglab.provision.facts import network, storage, system, trust

Shell = Callable[..., list[str]]


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """``shell(command, tool=script, …)``: what it prints when the tools do as scripted."""

    def run(command: str, **tools: str) -> list[str]:
        for name, script in tools.items():
            path = tmp_path / name.replace("_", "-").replace("ganesha-nfsd", "ganesha.nfsd")
            path.write_text(f"#!/bin/sh\n{script}\n")
            path.chmod(0o755)
        done = subprocess.run(
            ["sh", "-c", command],
            env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        )
        assert done.stderr == ""
        return done.stdout.splitlines()

    return run


INFO = "echo 'Name: x'; echo 'State:          running'; echo 'Autostart:      yes'"
XML = "echo '  <target>'; echo '    <path>/opt/kvmshare</path>'"
VIRSH = f'case "$2" in pool-info) {INFO};; *) {XML};; esac'


def test_a_pool_is_read_from_virsh(shell: Shell) -> None:
    """State and autostart from its table, the path from its XML."""
    command = storage.Pool().command(pool="kvmshare")
    assert shell(command, virsh=VIRSH) == ["active running", "autostart yes", "path /opt/kvmshare"]


def test_a_pool_that_is_absent_says_nothing(shell: Shell) -> None:
    """virsh's complaint is not taken for an answer."""
    assert shell(storage.Pool().command(pool="x"), virsh="echo no >&2; exit 1") == []


@pytest.mark.parametrize(
    ("release", "expected"),
    [
        ("NFS-Ganesha Release = V6.5", ["6"]),
        ("NFS-Ganesha Release = V4.3", ["4"]),
        ("nfs-ganesha compiled = 10.1", ["10"]),
        ("who knows", []),
    ],
)
def test_the_version_of_ganesha_is_read(shell: Shell, release: str, expected: list[str]) -> None:
    """The major number alone, from how releases have said it."""
    command = storage.GaneshaVersion().command()
    assert shell(command, ganesha_nfsd=f"echo '{release}'") == expected


def test_what_is_missing_is_no_error(shell: Shell, tmp_path: Path) -> None:
    """Absent files and tools give silence or a no, never a failed command."""
    assert shell(system.Text().command(path=f"{tmp_path}/none")) == []
    assert shell(storage.Owner().command(path=f"{tmp_path}/none")) == []
    assert shell(trust.Fingerprints().command(directory=f"{tmp_path}/none")) == []
    assert shell(system.Exists().command(paths=(str(tmp_path), "/none"))) == ["no"]
    assert shell(network.Connection().command(connection="br0"), nmcli="exit 10") == []
    assert shell(system.Selinux().command(), selinuxenabled="exit 1") == ["no"]
    assert shell(system.InContainer().command(), systemd_detect_virt="exit 1") == ["no"]


def test_what_is_there_is_found(shell: Shell, tmp_path: Path) -> None:
    """Files and the answers of tools."""
    (tmp_path / "it").write_text("a\nb\n")
    assert shell(system.Text().command(path=f"{tmp_path}/it")) == ["a", "b"]
    assert shell(system.Exists().command(paths=(f"{tmp_path}/it",))) == ["yes"]
    assert shell(system.Selinux().command(), selinuxenabled="exit 0") == ["yes"]
    (tmp_path / "it").chmod(0o640)
    assert shell(storage.Owner().command(path=f"{tmp_path}/it"))[0].endswith(" 640")


def test_a_directory_that_is_empty_is_known(shell: Shell, tmp_path: Path) -> None:
    """A new file system has a directory of its own, which is nobody's file."""
    where = tmp_path / "share"
    command = storage.Occupied().command(path=str(where))
    assert shell(command) == ["no"]
    (where / "lost+found").mkdir(parents=True)
    assert shell(command) == ["no"]
    (where / ".hidden").write_text("theirs")
    assert shell(command) == ["yes"]
    assert shell(storage.Size().command(path=f"{where}/.hidden")) == ["6"]
    assert shell(storage.Size().command(path=f"{where}/none")) == []


ROUTES = """\
default via 192.168.80.1 proto static
192.168.80.0/24 proto kernel scope link src 192.168.80.121
192.168.80.1 proto dhcp scope link src 192.168.80.121 metric 1024
169.254.0.0/16 scope link metric 1000
10.1.0.0/16 via 192.168.80.2 proto static metric 100
10.2.0.0/16 via 192.168.80.3
"""


def test_routes_of_somebody_s_choice_are_told(shell: Shell) -> None:
    """What comes back by itself is none of them, nor is the way out."""
    command = network.StaticRoutes().command(nic="ens33")
    found = shell(command, ip=f"cat <<'E'\n{ROUTES}E")
    assert network.StaticRoutes().process(found) == ["10.1.0.0/16", "10.2.0.0/16"]
    assert shell(command, ip="exit 1") == []


def test_a_host_without_ed25519_shows_another_key(shell: Shell, tmp_path: Path) -> None:
    """A host in FIPS mode has none; its ecdsa key then comes first."""
    (tmp_path / "ssh_host_ecdsa_key.pub").write_text("ecdsa-sha2-nistp256 AAAA root@x\n")
    command = trust.HostKey().command().replace("/etc/ssh", str(tmp_path))
    assert shell(command, ssh_keygen="exit 1") == ["ecdsa-sha2-nistp256 AAAA root@x"]


def test_files_are_told_by_what_is_in_them(shell: Shell, tmp_path: Path) -> None:
    """With their owner and mode; what is no file is left out."""
    directory = tmp_path / "pki"
    (directory / "old").mkdir(parents=True)
    command = trust.Fingerprints().command(directory=str(directory))
    assert shell(command) == []
    for name, content in (("ca-cert.pem", b"one"), ("with space", b"")):
        (directory / name).write_bytes(content)
        (directory / name).chmod(0o400)
    owner = f"{os.getuid()}:{os.getgid()} 400"
    assert trust.Fingerprints().process(shell(command)) == {
        "ca-cert.pem": f"{hashlib.sha256(b'one').hexdigest()} {owner}",
        "with space": f"{hashlib.sha256(b'').hexdigest()} {owner}",
    }
