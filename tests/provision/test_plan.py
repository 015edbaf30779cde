"""What a dry run shows: files by their difference, all else as it is typed."""

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pyinfra.api.command import FileUploadCommand, FunctionCommand, StringCommand

from miglab.provision.block import write_commands, written
from miglab.provision.guard import reconnect
from miglab.provision.plan import difference, shown
from tests.machines import SHIPPED
from tests.provision.test_deploy import INVENTORY, ROOT

NEW = "one\ntwo's\n"


class Host:
    """A host with one file."""

    def get_fact(self, *_: object, path: str) -> str | None:
        """Its content."""
        return "one\nold\n" if path == "/etc/some" else None


def told(command: Any) -> list[str]:
    """The lines about one command."""
    return shown(Host(), command)  # type: ignore[arg-type]  # as much of a host as is asked


def test_a_file_that_we_write_is_known_again() -> None:
    """With all of its quotes."""
    commands = list(write_commands("/etc/some", "old", NEW, "0644"))
    assert [found for each in commands if (found := written(each))] == [("/etc/some", NEW)]


@pytest.mark.parametrize(
    ("command", "lines"),
    [
        (
            StringCommand(
                next(iter(list(write_commands("/etc/some", "# BEGIN miglab", NEW, "0644"))))
            ),
            ["--- /etc/some", "+++ /etc/some", "@@ -1,2 +1,2 @@", " one", "-old", "+two's"],
        ),
        (
            FileUploadCommand(io.StringIO("first\n"), "/etc/other.new"),
            ["--- /dev/null", "+++ /etc/other", "@@ -0,0 +1 @@", "+first"],
        ),
        (FileUploadCommand(io.StringIO("-BEGIN PRIVATE KEY-"), "/k.new"), ["/k is written"]),
        (FileUploadCommand(io.BytesIO(b"tar"), "/w/payload.tar"), ["/w/payload.tar is written"]),
        (StringCommand("systemctl restart x\ntrue"), ["$ systemctl restart x", "$ true"]),
        (FunctionCommand(reconnect, (), {}), ["(reconnect)"]),
    ],
)
def test_each_kind_of_command(command: Any, lines: list[str]) -> None:
    """And no secret."""
    assert told(command) == lines


def test_no_difference_is_no_line() -> None:
    """As diff has it."""
    assert difference("/x", NEW, NEW) == []


def pyinfra(tmp_path: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """deploy.py on three RHEL machines that are as their installer left them."""
    inventory = tmp_path / "inventory.py"
    inventory.write_text(INVENTORY.format(topology=str(SHIPPED)))
    return subprocess.run(
        [str(Path(sys.executable).with_name("pyinfra")), str(inventory), "deploy.py", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_plan_says_what_would_be_done_where(tmp_path: Path) -> None:
    """For every host, operation by operation, and nothing of roles that were not asked for."""
    words = ("miglab/provision/show_plan.py", "--dry", "--data", "only=names,trust")
    done = pyinfra(tmp_path, *words)
    assert done.returncode == 0, done.stderr
    heads = [line for line in done.stdout.splitlines() if not line.startswith(" ")]
    assert {head.split(": ")[0] for head in heads} == {"nfs", "source", "target"}
    assert {head.split(": ")[1].split(" | ")[0] for head in heads} == {"Names", "Trust"}
    assert "    +192.168.80.161 target\n" in done.stdout
    assert "    $ mkdir -p -m 0700 /root/.ssh\n" in done.stdout


def test_only_the_roles_that_are_asked_for_are_deployed(tmp_path: Path) -> None:
    """By pyinfra's own option, too."""
    done = pyinfra(tmp_path, "-y", "--json", "--data", "only=names")
    assert done.returncode == 0, done.stderr
    names = {
        each["name"].split(" | ")[0] for each in json.loads(done.stdout)["results"]["operations"]
    }
    assert names == {"Names"}


def test_an_unknown_role_is_one_line(tmp_path: Path) -> None:
    """Before anything is done."""
    done = pyinfra(tmp_path, "-y", "--data", "only=nmaes")
    assert done.returncode == 1
    assert "--only: expected some of names, firewall" in done.stderr.splitlines()[-1]
    assert "found 'nmaes'" in done.stderr.splitlines()[-1]
