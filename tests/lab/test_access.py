"""One ssh_config for each lab, as ssh itself understands it."""

import subprocess
from pathlib import Path

import pytest

from miglab.errors import NodeError
from miglab.lab import access
from miglab.lab.access import answers, forget, on_node, ssh_argv, write_access
from miglab.lab.place import Place
from miglab.topology import Topology


def understood(place: Place, node: str) -> dict[str, str]:
    """What ssh makes of the lab's configuration for one node."""
    told = subprocess.run(
        ["ssh", "-F", place.ssh_config, "-G", node], capture_output=True, text=True, check=True
    )
    return dict(line.partition(" ")[::2] for line in told.stdout.splitlines())


@pytest.fixture
def written(place: Place, topology: Topology, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A lab whose way in has been written."""
    monkeypatch.setattr(access, "hands_over", lambda: True)
    write_access(place, topology)
    return place


def test_ssh_reaches_each_node_by_name(written: Place, topology: Topology) -> None:
    """Address, user and key are the lab's, and the way leads through its namespace."""
    for node in topology.nodes:
        found = understood(written, node.name)
        assert found["hostname"] == str(node.address)
        assert found["user"] == "root"
        assert found["identityfile"] == str(written.directory / "id_ed25519")
        namespace = f"/run/netns/miglab.unit.{node.name}"
        assert found["proxycommand"] == f"nsenter --net={namespace} nc -F 127.0.0.1 %p"
        assert found["proxyusefdpass"] == "yes"


def test_an_nc_that_cannot_hand_over_stays_between(
    place: Place, topology: Topology, monkeypatch: pytest.MonkeyPatch
) -> None:
    """nmap's nc has no -F; ssh then speaks through it."""
    monkeypatch.setattr(access, "hands_over", lambda: False)
    write_access(place, topology)
    found = understood(place, "source")
    assert found["proxycommand"] == "nsenter --net=/run/netns/miglab.unit.source nc 127.0.0.1 %p"
    assert found["proxyusefdpass"] == "no"


def test_only_known_hosts_are_trusted(written: Place, topology: Topology) -> None:
    """Every host key is known beforehand, under the node's name and not its address."""
    found = understood(written, "source")
    assert found["stricthostkeychecking"] == "true"
    assert found["hostkeyalias"] == "source"
    assert found["userknownhostsfile"] == str(written.directory / "known_hosts")
    known = (written.directory / "known_hosts").read_text().splitlines()
    assert [line.split()[0] for line in known] == [node.name for node in topology.nodes]
    for line, node in zip(known, topology.nodes, strict=True):
        assert line.partition(" ")[2] == access.host_key(written, node)


def test_nothing_is_asked_and_no_agent_is_used(written: Place) -> None:
    """Neither a password nor any key but the lab's own."""
    found = understood(written, "nfs")
    assert (found["batchmode"], found["identitiesonly"]) == ("yes", "yes")


@pytest.mark.parametrize(
    ("name", "connect", "alive"), [("unit", 10, 5), ("vagrant", 60, 15), ("site", 20, 10)]
)
def test_a_slow_machine_is_given_time(
    state: Path, topology: Topology, name: str, connect: int, alive: int
) -> None:
    """An emulated one's sshd may need ten seconds before it says anything."""
    assert state.exists()
    write_access(Place(name), topology)
    found = understood(Place(name), "source")
    assert found["connecttimeout"] == str(connect)
    assert found["serveraliveinterval"] == str(alive)


def test_files_are_private(written: Place) -> None:
    """0600, and 0700 for what is run."""
    bits = {path.name: path.stat().st_mode & 0o777 for path in written.directory.glob("*")}
    del bits["nodes"]
    assert bits == {"id_ed25519": 0o600, "known_hosts": 0o600, "ssh_config": 0o600, "ssh": 0o700}


def test_the_wrapper_is_ssh_with_the_labs_configuration(written: Place) -> None:
    """For programs that take a command and no options."""
    told = subprocess.run(
        [written.ssh_command, "-G", "target"], capture_output=True, text=True, check=True
    )
    assert "hostname 192.168.80.161\n" in told.stdout


def test_writing_again_changes_nothing(written: Place, topology: Topology) -> None:
    """Keys stay, so nodes that are up stay reachable."""
    before = {p: p.read_bytes() for p in written.directory.rglob("*") if p.is_file()}
    write_access(written, topology)
    assert {p: p.read_bytes() for p in written.directory.rglob("*") if p.is_file()} == before


def test_two_labs_share_no_key(state: Path, topology: Topology) -> None:
    """A node of one lab lets nobody from another in."""
    one, other = Place("one"), Place("other")
    write_access(one, topology)
    write_access(other, topology)
    assert state in one.directory.parents
    for name in ("id_ed25519", "known_hosts"):
        assert (one.directory / name).read_bytes() != (other.directory / name).read_bytes()


def test_the_command_line(place: Place) -> None:
    """The command follows the node, word by word."""
    assert ssh_argv(place, "nfs", ["ls", "-l"]) == [
        *("ssh", "-F", str(place.ssh_config)),
        *("nfs", "ls", "-l"),
    ]


def fake_ssh(place: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Puts a program called ssh before the real one."""
    program = place / "ssh"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o700)
    monkeypatch.setenv("PATH", str(place), prepend=":")


def test_a_script_on_a_node_gives_its_output(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Standard output comes back, standard input goes in."""
    fake_ssh(tmp_path, monkeypatch, 'echo "$3: $4"; cat')
    assert on_node(place, "nfs", "cat", stdin="word") == "nfs: cat\nword"


@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        ("echo first >&2; echo last >&2; exit 3", "nfs: `true` failed (3): last"),
        ("echo only output; exit 1", "nfs: `true` failed (1): only output"),
        ("exit 255", "nfs: `true` failed (255): it said nothing"),
    ],
)
def test_a_failing_script_is_one_line(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, complaint: str
) -> None:
    """The node, the script's first line, its code and its last words."""
    fake_ssh(tmp_path, monkeypatch, script)
    with pytest.raises(NodeError) as failure:
        on_node(place, "nfs", "true\nfalse")
    assert str(failure.value) == complaint


def test_a_lab_without_a_way_in_answers_nothing(place: Place) -> None:
    """Before the first `up` no node is asked at all."""
    assert not answers(place, "nfs")


@pytest.mark.parametrize(("script", "answer"), [("exit 0", True), ("exit 255", False)])
def test_a_node_answers_or_does_not(
    written: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, answer: bool
) -> None:
    """Whether a command can be run is found by running one."""
    fake_ssh(tmp_path, monkeypatch, script)
    assert answers(written, "nfs") is answer


@pytest.mark.parametrize("shared", [True, False])
def test_a_new_connection_is_nobody_else_s(
    written: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shared: bool
) -> None:
    """Only one of its own proves that a node can still be reached."""
    fake_ssh(
        tmp_path, monkeypatch, 'case "$*" in *ControlPath=none*) exit 0 ;; *) exit 255 ;; esac'
    )
    assert answers(written, "nfs", shared=shared) is not shared


def test_a_silent_node_does_not_answer(
    written: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node that hangs is not waited for longer than asked."""
    fake_ssh(tmp_path, monkeypatch, "exec tail -f /dev/null")
    assert not answers(written, "nfs", seconds=0.1)


def test_forgetting_ends_only_this_labs_connections(place: Place, tmp_path: Path) -> None:
    """A process is one of them by its name and by the lab's directory in its command line."""
    program = tmp_path / "ssh"
    program.symlink_to("/usr/bin/tail")

    def pretend(directory: Path) -> subprocess.Popen[bytes]:
        directory.mkdir(parents=True)
        (directory / "socket").touch()
        return subprocess.Popen([program, "-f", directory / "socket"])

    mine, other = pretend(place.directory), pretend(tmp_path / "labs" / "unit-2")
    try:
        forget(place)
        assert mine.wait(10) == -9
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()
        mine.kill()
        mine.wait()
