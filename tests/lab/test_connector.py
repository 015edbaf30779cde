"""pyinfra's @lab connector, with stand-ins for ssh and for ``miglab up``."""

import io
import sys
from pathlib import Path

import pytest
from pyinfra.api.command import StringCommand
from pyinfra.api.config import Config
from pyinfra.api.connect import connect_all
from pyinfra.api.exceptions import ConnectError, InventoryError, PyinfraError
from pyinfra.api.inventory import Inventory
from pyinfra.api.state import State

from miglab.lab import connector
from miglab.lab.connector import LabConnector
from miglab.lab.place import Place

# Takes `-F CONFIG NODE COMMAND`: says who was called, and runs the command here.
SSH = """\
#!/bin/sh
printf '%s\\n' "$3" >>{asked}
[ -e {up} ] || exit 255
shift 3
exec sh -c "$*"
"""
UP = "#!/bin/sh\nprintf '%s\\n' \"$*\" >>{raised}\n{effect}\n"
NODES = ("nfs", "source", "target")


class Bench:
    """A lab whose nodes are this machine, reachable once ``up`` exists."""

    def __init__(self, directory: Path, place: Place) -> None:
        self.directory = directory
        self.up, self.asked, self.raised = (directory / n for n in ("up", "asked", "raised"))
        place.directory.mkdir(parents=True)
        place.ssh_config.write_text("")
        self.script("ssh", SSH.format(asked=self.asked, up=self.up))
        self.says_up("true")

    def script(self, name: str, text: str) -> Path:
        """An executable of that name on PATH."""
        path = self.directory / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
        return path

    def says_up(self, effect: str) -> None:
        """What ``miglab up`` does, besides saying that it was called."""
        self.script("python", UP.format(raised=self.raised, effect=effect))

    def ups(self) -> list[str]:
        """How ``miglab up`` was called, each time."""
        return self.raised.read_text().splitlines() if self.raised.exists() else []

    def state(self, lab: str = "unit", **data: str) -> State:
        """pyinfra, about to connect to all nodes."""
        data = {"lab_topology": "t.yaml", **data}
        names = [(f"@lab/{lab}/{node}", data) for node in NODES]
        inventory = Inventory((names, {}))  # type: ignore[no-untyped-call]  # pyinfra's
        return State(inventory, Config())  # type: ignore[no-untyped-call]  # likewise

    def connection(self) -> LabConnector:
        """The way to one node that is up."""
        self.up.touch()
        found = self.state().inventory.get_host("source").connector
        assert isinstance(found, LabConnector)
        return found


@pytest.fixture
def bench(tmp_path: Path, place: Place, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A lab with stand-ins, and nothing remembered of other tests."""
    found = Bench(tmp_path, place)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")
    monkeypatch.setattr(connector, "_brought_up", {})
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin" / "python"))
    return found


@pytest.mark.parametrize(
    ("name", "lab", "node"), [("source", "default", "source"), ("mine/source", "mine", "source")]
)
def test_a_name_is_a_node_of_a_lab(name: str, lab: str, node: str) -> None:
    """``@lab/NODE`` and ``@lab/LAB/NODE``."""
    assert list(LabConnector.make_names_data(name)) == [(node, {"lab_name": lab}, ["@lab"])]


@pytest.mark.parametrize("name", [None, "", "No Lab/source", "a/b/source"])
def test_a_name_that_is_no_node_is_refused(name: str | None) -> None:
    """While the inventory is read, not when a host is reached."""
    with pytest.raises(InventoryError, match="expected"):
        list(LabConnector.make_names_data(name))


def test_nodes_that_answer_are_left_alone(bench: Bench) -> None:
    """Each is asked once, and nobody brings anything up."""
    bench.up.touch()
    state = bench.state()
    connect_all(state)
    assert sorted(bench.asked.read_text().split()) == sorted(NODES)
    assert len(state.active_hosts) == len(NODES)
    assert bench.ups() == []


def test_missing_nodes_are_brought_up_together(bench: Bench) -> None:
    """By one ``miglab up`` of their lab and declaration, not by one for each host."""
    bench.says_up(f"touch {bench.up}")
    state = bench.state()
    connect_all(state)
    assert bench.ups() == ["-m miglab up --lab unit --topology t.yaml"]
    assert len(state.active_hosts) == len(NODES)


def test_own_hosts_are_looked_for_first(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """By their inventory as it is now; one that is away keeps nobody from the others."""
    own = Place("site")
    own.directory.mkdir(parents=True)
    own.ssh_config.write_text("")
    way = bench.script("way", f'#!/bin/sh\n[ "$1" != target ] && [ -e {bench.up} ]\n')
    own.ssh_command.symlink_to(way)
    told = bench.directory / "inventory"
    bench.says_up(f'echo "$MIGLAB_INVENTORY" >{told}; touch {bench.up}; exit 4')
    monkeypatch.delenv("MIGLAB_INVENTORY", raising=False)
    bench.up.touch()  # it would answer by the way there was before
    state = bench.state("site", lab_inventory="mine.py")
    state.config.FAIL_PERCENT = 50
    connect_all(state)
    assert bench.ups() == ["-m miglab up --lab site --topology t.yaml"]
    assert told.read_text() == "mine.py\n"
    assert sorted(host.name for host in state.active_hosts) == ["nfs", "source"]


@pytest.mark.parametrize(
    ("effect", "message"),
    [
        ("exit 4", r"lab unit: `miglab up` failed \(4\)"),
        ("true", "lab unit: source does not answer, though it is up"),
    ],
)
def test_a_lab_that_does_not_come_up_is_an_error(bench: Bench, effect: str, message: str) -> None:
    """Told of every host; tried once."""
    bench.says_up(effect)
    state = bench.state()
    with pytest.raises(PyinfraError):
        connect_all(state)
    with pytest.raises(ConnectError, match=message):
        state.inventory.get_host("source").connector.connect()
    assert len(bench.ups()) == 1
    assert not state.active_hosts


def test_a_command_runs_on_the_node(bench: Bench) -> None:
    """Both streams come back line by line, words stay words, and exit codes count."""
    run = bench.connection().run_shell_command
    done, output = run(StringCommand("printf '%s\\n' 'a  b' \"$HOME/*\"; echo no >&2; exit 3"))
    assert not done
    assert output.stdout_lines[0] == "a  b"
    assert output.stdout_lines[1].endswith("/*")
    assert output.stderr_lines == ["no"]
    assert run(StringCommand("exit 3"), _success_exit_codes=[3])[0]
    assert run(StringCommand("cat"), _stdin=["one", "two"])[1].stdout_lines == ["one", "two"]


@pytest.mark.parametrize("tail", ["", "\n", "\n\n", "\n \n", "\n\nb"])
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_output_ends_as_it_ended(bench: Bench, tail: str, stream: str) -> None:
    """Whether its last line was whole, or empty."""
    to = {"stdout": "1", "stderr": "2"}[stream]
    run = bench.connection().run_shell_command
    for text in (tail, f"a{tail}"):
        output = run(StringCommand(f"printf '%s' '{text}' >&{to}"))[1]
        assert [line.line for line in output] == text.removesuffix("\n").split("\n")[: len(text)]


def test_commands_share_a_shell(bench: Bench) -> None:
    """Opened for the first; nothing of one is left for the next, be it killed or garbled."""
    found = bench.connection()
    run = found.run_shell_command
    assert run(StringCommand("cd /usr; X=1; kill -9 $$"))[0] is False
    assert run(StringCommand('echo "$X$PWD"'))[1].stdout_lines != ["1/usr"]
    assert run(StringCommand("printf '\\377\\nb\\n'"))[1].stdout_lines == [
        "\N{REPLACEMENT CHARACTER}",
        "b",
    ]
    many = run(StringCommand("seq 100000; seq 100000 >&2"))[1]
    assert many.stdout_lines == many.stderr_lines == [f"{n}" for n in range(1, 100001)]
    assert run(StringCommand("cat"))[1].stdout_lines == []
    found.disconnect()
    assert bench.asked.read_text().split() == ["source"]
    assert run(StringCommand("echo again"))[1].stdout_lines == ["again"]
    assert bench.asked.read_text().split() == ["source"] * 2
    found.disconnect()


def test_a_shell_that_ends_is_opened_again(bench: Bench) -> None:
    """The command that it ended in has failed as by ssh; so has one that finds no way in."""
    found = bench.connection()
    run = found.run_shell_command
    done, output = run(StringCommand("echo so far; kill -9 $PPID"))
    assert (done, output.stdout_lines) == (False, ["so far"])
    assert run(StringCommand("true"))[0]
    found.disconnect()
    bench.up.unlink()
    assert run(StringCommand("true"), _success_exit_codes=[255])[0]
    bench.up.touch()
    assert run(StringCommand("true"))[0]


def test_a_command_that_lasts_too_long(bench: Bench) -> None:
    """Is given up, and its output is not taken for the next one's."""
    run = bench.connection().run_shell_command
    with pytest.raises(TimeoutError):
        run(StringCommand("echo early; sleep 60"), _timeout=0.2)
    assert run(StringCommand("echo next"))[1].stdout_lines == ["next"]


@pytest.mark.parametrize("content", [b"", b"a\nb", bytes(range(256))])
def test_a_file_is_put_as_it_is(bench: Bench, content: bytes, tmp_path: Path) -> None:
    """Into the file that is there, which may be a mount, with nothing left beside it."""
    target = tmp_path / "it's here"
    target.write_text("before, and longer than what comes" * 20)
    number = target.stat().st_ino
    assert bench.connection().put_file(io.BytesIO(content), str(target))
    assert target.read_bytes() == content
    assert target.stat().st_ino == number
    assert [path.name for path in tmp_path.glob("it's*")] == ["it's here"]


def test_text_and_files_by_name_are_put_too(bench: Bench, tmp_path: Path) -> None:
    """Whatever pyinfra's operations hand over."""
    way, target = bench.connection(), tmp_path / "target"
    assert way.put_file(io.StringIO("grün\n"), str(target))
    assert target.read_text() == "grün\n"
    (tmp_path / "local").write_text("local\n")
    assert way.put_file(str(tmp_path / "local"), str(target))
    assert target.read_text() == "local\n"


def test_a_file_that_cannot_be_put_says_why(
    bench: Bench, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """pyinfra itself only knows that it failed."""
    assert not bench.connection().put_file(io.BytesIO(b"x"), str(tmp_path / "none" / "x"))
    assert "/none/x.miglab" in caplog.text


def test_a_file_is_got_as_it_is(bench: Bench, tmp_path: Path) -> None:
    """By name or into memory; what is absent leaves nothing."""
    way, remote = bench.connection(), tmp_path / "remote"
    remote.write_bytes(bytes(range(256)))
    memory = io.BytesIO()
    assert way.get_file(str(remote), memory)
    assert memory.getvalue() == remote.read_bytes()
    assert way.get_file(str(remote), str(tmp_path / "local"))
    assert (tmp_path / "local").read_bytes() == remote.read_bytes()
    assert not way.get_file(str(tmp_path / "none"), str(tmp_path / "other"))
    assert not (tmp_path / "other").exists()


def test_a_node_is_asked_anew(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the connection that all share."""
    found = bench.connection()
    monkeypatch.setattr(connector, "answers", lambda *_, **how: not how["shared"])
    assert found.answers_anew()
