"""The command: words in, exit codes and streams out, before any lab is touched."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from miglab import cli
from miglab.lab import deployment
from miglab.lab.lab import Lab
from tests.histories import history, spoiled, write

SHIPPED = Path(__file__).parents[1] / "inventories" / "topology.yaml"
FAIL: dict[str, object] = {"guest_after.load.mismatches": 1}
UNKNOWN: dict[str, object] = {"ping": None}


class Said(NamedTuple):
    """What a command left behind."""

    code: int | str | None
    out: str
    err: str

    @property
    def complaint(self) -> str:
        """The one line on standard error, when that is all there is."""
        assert self.out == ""
        (line,) = self.err.splitlines()
        return line


Miglab = Callable[..., Said]


@pytest.fixture
def miglab(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Miglab:
    """Runs the command as the entry point does, in a directory without labs."""
    monkeypatch.setenv("MIGLAB_STATE", str(tmp_path / "state"))
    (tmp_path / "inventories").mkdir()
    (tmp_path / "inventories" / "topology.yaml").write_text(SHIPPED.read_text())
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> Said:
        monkeypatch.setattr("sys.argv", ["miglab", *words])
        code: int | str | None = None
        try:
            cli.main()
        except SystemExit as end:
            code = end.code
        told = capsys.readouterr()
        return Said(code, told.out, told.err)

    return run


def test_what_a_deploy_did_is_told_though_a_host_failed(
    miglab: Miglab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The changes of the others, and then what went wrong, as one line."""
    done = deployment.Deployment(changed={"source": ("Names | Host name",)})

    def fail(*_: object) -> None:
        raise deployment.DeployError("deploy of lab x: failed on target", done)

    monkeypatch.setattr(deployment, "deploy", fail)
    monkeypatch.setattr(Lab, "require_up", lambda _: None)
    told = miglab("deploy", "--lab", "x")
    assert told.out == "source: Names | Host name\n"
    assert told.err.splitlines() == [
        "source: 1 changes",
        "deploy of lab x: failed on target",
    ]
    assert told.code == 4


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("migrate", "--policy", "teleport"), "--policy: expected words joined by +"),
        (("migrate", "--policy", "offline"), "--policy offline: expected a guest that does not"),
        (("migrate", "--load", "ws"), "--load: expected key=value, found 'ws'"),
        (("migrate", "--load", "ws=x"), "--load: working_set: expected a size such as 256MiB"),
        (("migrate", "--load", "rate=1MiB/min"), "--load: rate: expected max or a size per second"),
        (("migrate", "--bandwidth", "fast"), "--policy precopy: bandwidth: expected a size"),
        (("migrate", "--bandwidth", "1KiB/s"), "--policy precopy: bandwidth: expected whole MiB/s"),
        (("migrate", "--max-downtime-ms", "9999999"), "downtime_ms_max: expected less than or"),
        (
            ("migrate", "--without", "sight"),
            "--without: expected client, disk, guest, stream, wire, found sight",
        ),
        (("up", "--lab", "No Lab"), "--lab: expected up to 20 lower-case letters"),
        (("migrate", "--lab", "../x"), "--lab: expected up to 20 lower-case letters"),
        (("up", "--topology", "none.yaml"), "none.yaml: expected a declaration, found no file"),
        (("migrate", "--topology", "none.yaml"), "none.yaml: expected a declaration"),
        (("ssh", "nowhere"), "NODE: expected one of nfs, source, target, found 'nowhere'"),
        (("ssh", "vm1"), "vm1: the guest has no shell"),
        (("deploy", "--only", "nmaes"), "--only: expected some of names, firewall, storage,"),
        (("up", "--lab", "site"), "inventories/site.yaml: expected a declaration, found no file"),
        (
            ("up", "--lab", "site", "--topology", "inventories/topology.yaml"),
            "inventories/site.py: there is no such inventory",
        ),
        (
            ("doctor", "--lab", "site", "--inventory", "x.py"),
            "--inventory: expected without --lab site, which MIGLAB_INVENTORY tells",
        ),
        (("edge",), "expected --budget-ms, --total-seconds or both"),
        (("edge", "--total-seconds", "4", "--ws", "lots"), "--ws: expected a size"),
        (("edge", "--total-seconds", "4", "--policy", "offline"), "--policy: expected one that"),
        (("edge", "--total-seconds", "4", "--bandwidth", "fast"), "bandwidth: expected a size"),
        (("report", "one", "two", "--json"), "--json: expected one run, since it prints one"),
    ],
)
def test_a_wrong_word_is_refused(miglab: Miglab, words: tuple[str, ...], line: str) -> None:
    """Exit code 2 and one line that says what was expected."""
    said = miglab(*words)
    assert said.code == 2
    assert line in said.complaint


@pytest.mark.parametrize("command", ["up", "migrate"])
def test_each_problem_of_a_declaration_is_a_line(miglab: Miglab, command: str) -> None:
    """Whichever command reads it."""
    Path("bad.yaml").write_text("network: 5\nnodes: []\n")
    said = miglab(command, "--topology", "bad.yaml")
    assert said.code == 2
    lines = said.err.splitlines()
    assert len(lines) >= 4
    assert all(line.startswith("bad.yaml: ") for line in lines)


@pytest.mark.parametrize(
    "words",
    [
        ("--teleport",),
        ("teleport",),
        ("migrate", "--teleport"),
        ("migrate", "--budget-ms", "soon"),
        ("migrate", "--budget-ms", "0"),
        ("migrate", "--timeout", "0"),
        ("edge", "--pattern", "teleport"),
        ("status", "--json=no"),
        ("report",),
    ],
)
def test_an_unknown_option_is_exit_code_2(miglab: Miglab, words: tuple[str, ...]) -> None:
    """And nothing on standard output, which may be a program's input."""
    said = miglab(*words)
    assert (said.code, said.out) == (2, "")
    assert said.err


@pytest.mark.parametrize("command", ["up", "down"])
def test_without_root_it_is_said_why_it_is_needed(
    miglab: Miglab, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line, exit code 4, nothing touched."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    said = miglab(command)
    assert said.code == 4
    assert said.complaint.startswith("root is needed: ")
    assert not Path("state").exists()


def test_a_lab_that_is_not_up_is_exit_code_4(miglab: Miglab) -> None:
    """With the way out."""
    said = miglab("ssh", "source", "--", "true")
    assert (said.code, said.complaint) == (
        4,
        "lab default: is not up; `miglab up` brings it up",
    )


@pytest.mark.parametrize(
    ("changes", "code", "word"), [({}, 0, "PASS"), (FAIL, 1, "FAIL"), (UNKNOWN, 3, "UNKNOWN")]
)
def test_a_recorded_run_is_judged_again(
    miglab: Miglab, tmp_path: Path, changes: dict[str, object], code: int, word: str
) -> None:
    """For people: the report on standard output, the verdict in the exit code."""
    folder = write(spoiled(changes), tmp_path / "run")
    said = miglab("report", str(folder))
    assert (said.code, said.err) == (code, f"page: {folder / 'report.html'}\n")
    assert (folder / "report.html").exists()
    assert said.out.startswith(f"{word}  source → target")
    assert said.out.endswith(f"record: {folder}\n")


@pytest.mark.parametrize(
    ("changes", "code", "word"), [({}, 0, "pass"), (FAIL, 1, "fail"), (UNKNOWN, 3, "unknown")]
)
def test_json_is_one_object_and_nothing_else(
    miglab: Miglab, tmp_path: Path, changes: dict[str, object], code: int, word: str
) -> None:
    """On standard output; what people read goes to standard error."""
    folder = write(spoiled(changes), tmp_path / "run")
    said = miglab("report", "--json", str(folder))
    assert said.code == code
    found = json.loads(said.out)
    assert (found["schema_version"], found["verdict"]) == (3, word)
    assert found["migration"]["from"] == "source"
    assert said.err.startswith(word.upper())
    assert json.loads((folder / "verdict.json").read_text()) == found


def test_the_worst_of_several_runs_is_the_exit_code(
    miglab: Miglab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fail over unknown over pass, in whatever order; one page compares them."""
    monkeypatch.chdir(tmp_path)
    good, thin, bad = (
        str(write(spoiled(changes), tmp_path / name))
        for name, changes in {"good": {}, "thin": UNKNOWN, "bad": FAIL}.items()
    )
    assert miglab("report", good, good).code == 0
    assert miglab("report", thin, good).code == 3
    assert not (tmp_path / "other.html").exists()
    assert miglab("report", good, bad, thin, "--html", "other.html").code == 1
    assert (tmp_path / "comparison.html").exists()
    assert (tmp_path / "other.html").exists()


def test_a_run_judged_twice_says_the_same(miglab: Miglab, tmp_path: Path) -> None:
    """The verdict that lies beside the record is not part of it."""
    folder = str(write(history(), tmp_path / "run"))
    assert miglab("report", "--json", folder) == miglab("report", "--json", folder)


@pytest.mark.parametrize("name", ["", "outcome.json", "guest_before.json"])
def test_a_record_that_is_none_is_exit_code_3(miglab: Miglab, tmp_path: Path, name: str) -> None:
    """Absent or damaged: too thin to say anything, in one line with the place."""
    folder = tmp_path / "run"
    if name:
        (write(history(), folder) / name).write_text("{")
    said = miglab("report", "--json", str(folder))
    assert said.code == 3
    assert said.complaint.startswith(str(folder))


def test_help_is_no_error(miglab: Miglab) -> None:
    """It names the commands of the contract that are there."""
    said = miglab("--help")
    assert said.code == 0
    assert all(word in said.out for word in ("up", "down", "status", "ssh", "migrate", "report"))
