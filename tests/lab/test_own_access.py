"""The way to own hosts: what ssh makes of the inventory, and who goes on by sudo."""

import subprocess
from pathlib import Path

import pytest

from miglab.lab.own import Own
from miglab.lab.own_access import refusal, write_own_access
from miglab.lab.place import Place
from tests.lab.test_access import understood

ECHO = '#!/bin/sh\nprintf "<%s>" "$@"\n'
ALICE = Own(name="alice", ssh_hostname="192.0.2.1", ssh_user="admin", ssh_port=2222, ssh_key="/key")
BOB = Own(name="bob")


@pytest.fixture
def site(state: Path) -> Place:
    """A lab of own hosts: one is reached as admin, the other as root."""
    place = Place("site")
    theirs = state / "theirs"
    theirs.write_text("Host alice\n  User nobody\n  ProxyJump gate\n  ConnectTimeout 99\n")
    known = ALICE.model_copy(update={"ssh_config_file": str(theirs)})
    write_own_access(place, [known, BOB])
    return place


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What is run as ``ssh``; it tells its words."""
    path = tmp_path / "bin" / "ssh"
    path.parent.mkdir()
    path.write_text(ECHO)
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{path.parent}:/usr/bin:/bin")
    return path


def words(site: Place, *given: str) -> str:
    """What the wrapper runs, without what is always the same."""
    argv = [str(site.ssh_command), *given]
    said = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    return said.removeprefix(f"<-F><{site.ssh_config}>")


def test_the_inventory_wins_over_the_user_s_ssh_config_which_adds_the_rest(site: Place) -> None:
    """A jump host is nothing that an inventory would have to repeat."""
    found = understood(site, "alice")
    wanted = {"hostname": "192.0.2.1", "user": "admin", "port": "2222", "identityfile": "/key"}
    assert {key: found[key] for key in wanted} == wanted
    assert found["proxyjump"] == "gate"
    assert (found["batchmode"], found["connecttimeout"]) == ("yes", "20")
    assert found["controlpath"].startswith(f"{site.directory}/cm-")


def test_files_are_private(site: Place) -> None:
    """0600, and 0700 for what is run; no key is made."""
    bits = {path.name: path.stat().st_mode & 0o777 for path in site.directory.iterdir()}
    assert bits == {"ssh_config": 0o600, "ssh": 0o700}


@pytest.mark.usefixtures("program")
@pytest.mark.parametrize(
    ("given", "run"),
    [
        (["bob", "id", "-u"], "<bob><id -u>"),
        (["alice", "id", "-u"], "<alice><sudo -n -H sh -c 'id -u'>"),
        (["alice"], "<alice>"),
        (["-O", "exit", "alice"], "<-O><exit><alice>"),
        (
            ["-o", "ControlPath=none", "alice", "true"],
            "<-o><ControlPath=none><alice><sudo -n -H sh -c 'true'>",
        ),
        # as libvirt calls it, and virsh for somebody who says who logs in
        (
            ["-T", "-e", "none", "-l", "root", "--", "alice", "sh -c 'nc -U /run/s'"],
            r"<-T><-e><none><alice><sudo -n -H sh -c 'sh -c '\''nc -U /run/s'\'''>",
        ),
        (["root@alice", "true"], "<alice><sudo -n -H sh -c 'true'>"),
        (["-T", "-l", "root", "--", "bob", "sh -c 'x'"], "<-T><bob><sh -c 'x'>"),
        (["alice", "echo a\necho b"], "<alice><sudo -n -H sh -c 'echo a\necho b'>"),
    ],
)
def test_whoever_is_not_root_goes_on_by_sudo(site: Place, given: list[str], run: str) -> None:
    """The command stays one, with all its quotes; who logs in is told by ssh_config alone."""
    assert words(site, *given) == run


@pytest.mark.parametrize(
    ("own", "script", "line"),
    [
        (ALICE, "echo 0", None),
        (
            ALICE,
            "echo 'sudo: a password is required' >&2; exit 1",
            "alice: expected sudo that asks no password of admin (NOPASSWD in sudoers), found: a"
            " password is required",
        ),
        (
            ALICE,
            "echo 'bash: line 1: sudo: command not found' >&2; exit 127",
            "alice: expected sudo that asks no password of admin (NOPASSWD in sudoers), found: line"
            " 1: sudo: command not found",
        ),
        (
            BOB,
            "echo 'ssh: connect to host bob port 22: No route to host' >&2; exit 255",
            "bob: no answer over ssh: ssh: connect to host bob port 22: No route to host",
        ),
        (
            BOB,
            "echo 1000",
            "bob: expected root, found uid 1000; name who logs in there as ssh_user in the"
            " inventory, and sudo is used",
        ),
    ],
)
def test_a_host_that_cannot_be_used_is_one_line(
    site: Place, program: Path, own: Own, script: str, line: str | None
) -> None:
    """Which host, what was expected, what was found."""
    program.write_text(f"#!/bin/sh\n{script}\n")
    assert refusal(site, own) == line
