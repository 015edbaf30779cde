"""All of miglab on somebody's own hosts, of which it takes nothing away."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from miglab.judge.oracles.finding import BLACK_BOX
from miglab.lab.access import on_node
from miglab.lab.embedded import EmbeddedLab
from scenarios.strangers import POWERLESS, USER, Strangers, strangers
from tests.documents import ROOT, commands

pytestmark = pytest.mark.kinds

PAGE = ROOT / "docs" / "how-to" / "own-hosts.md"
ALL, HYPERVISORS = ["nfs", "source", "target"], ["source", "target"]
HOSTS, KEYS = "/etc/hosts", "/root/.ssh/authorized_keys"
THEIR_LINE, THEIR_KEY = "192.0.2.9 printer", "ssh-ed25519 AAAAtheirs owner@desk"
DOMAIN = (
    "<domain type='qemu'><name>theirs</name><memory unit='MiB'>16</memory>"
    "<os><type arch='x86_64' machine='q35'>hvm</type></os></domain>"
)
PLANT = f"""\
set -e
echo '{THEIR_LINE}' >>{HOSTS}
echo '{THEIR_KEY}' >>{KEYS}
mkdir -p /srv/theirs
virsh -q pool-define-as theirs dir --target /srv/theirs && virsh -q pool-start theirs
echo "{DOMAIN}" >/tmp/theirs.xml && virsh -q define /tmp/theirs.xml
"""
UPROOT = f"""\
virsh -q undefine theirs; virsh -q pool-destroy theirs; virsh -q pool-undefine theirs
sed -i '/printer$/d' {HOSTS}; sed -i '/AAAAtheirs/d' {KEYS}; rm -rf /srv/theirs /tmp/theirs.xml
"""
SURVEY = f"""\
grep -c '{THEIR_LINE}' {HOSTS}; grep -c AAAAtheirs {KEYS}
virsh -q pool-info theirs | grep State; virsh -q domstate theirs
"""


@pytest.fixture(scope="module")
def hosts(lab: EmbeddedLab, guest: Any, project: Path) -> Iterator[Strangers]:
    """The session's nodes as somebody's own, with things of theirs on the source."""
    guest.ensure_running()
    with strangers(lab, project) as found:
        on_node(lab.place, "source", UPROOT)
        on_node(lab.place, "source", PLANT)
        try:
            yield found
        finally:
            on_node(lab.place, "source", UPROOT)


@pytest.fixture(scope="module")
def ours(hosts: Strangers) -> Path:
    """The inventory for our own guest, on all hosts."""
    return hosts.declare("hosts", ALL)


@pytest.fixture(scope="module")
def typed(hosts: Strangers, ours: Path, lab: EmbeddedLab) -> dict[str, str]:
    """What every command of the page about own hosts prints, by command, in order.

    The source forgets the target's name before the dry run.
    """
    said = {}
    for command in commands(PAGE):
        assert command.text.startswith("miglab "), command.place
        words = command.text.removeprefix("miglab ").split()
        if "--dry" in words:
            on_node(lab.place, "source", f"sed -i '/^192.168.80.161 target$/d' {HOSTS}")
            said["hosts"] = on_node(lab.place, "source", f"cat {HOSTS}")
        done = hosts.miglab(ours, *words)
        assert done.returncode == command.exit_code, f"{command.place}: {done.stdout}{done.stderr}"
        said[" ".join(words)] = done.stdout + done.stderr
        if "--dry" in words:
            said["hosts after"] = on_node(lab.place, "source", f"cat {HOSTS}")
    return said


def test_nothing_is_made_and_nothing_ended(typed: dict[str, str], hosts: Strangers) -> None:
    """It is said, and only what we keep of the hosts is removed."""
    assert "own hosts: nothing is made, only looked for" in typed["up --lab site"]
    assert "changed: nothing" in typed["up --lab site"]
    assert "own hosts stay as they are" in typed["down --lab site"]
    assert not (hosts.folder / "labs" / "site").exists()


def test_a_dry_run_shows_the_difference_and_changes_nothing(typed: dict[str, str]) -> None:
    """Line by line; the run after it does what was shown."""
    lines = typed["deploy --lab site --only names,trust --dry"].splitlines()
    assert lines[0] == "source: Names | Names of all nodes in /etc/hosts"
    assert [line for line in lines if line.startswith(("    +", "    -"))] == [
        f"    --- {HOSTS}",
        f"    +++ {HOSTS}",
        "    +192.168.80.161 target",
    ]
    assert typed["hosts after"] == typed["hosts"]
    done = typed["deploy --lab site --only names,trust"]
    assert "source: Names | Names of all nodes in /etc/hosts\n" in done
    assert "source: 1 changes" in done


@pytest.mark.usefixtures("typed")
def test_what_is_theirs_outlives_a_deploy(hosts: Strangers, ours: Path, lab: EmbeddedLab) -> None:
    """Which changes nothing any more, in any of these roles."""
    before = on_node(lab.place, "source", SURVEY)
    assert before.split() == ["1", "1", "State:", "running", "shut", "off"]
    done = hosts.miglab(ours, "deploy", "--only", "names,trust,hypervisor,share")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert on_node(lab.place, "source", SURVEY) == before


def test_the_doctor_finds_them_well(typed: dict[str, str]) -> None:
    """All of them, with what was declared; its exit code was that of the healthy."""
    assert typed["doctor --lab site"].splitlines()[-1].startswith(f"{', '.join(ALL)}: ")


def test_a_command_is_root_s(hosts: Strangers, ours: Path) -> None:
    """With all of its quotes."""
    done = hosts.miglab(ours, "ssh", "source", "--", 'id -u; echo "it\'s" $HOME')
    assert done.stdout == "0\nit's /root\n", done.stderr


def test_another_s_export_is_not_written_over(
    hosts: Strangers, ours: Path, lab: EmbeddedLab
) -> None:
    """Where the server's configuration is a file for all of its exports, in one line."""
    path = "/etc/ganesha/ganesha.conf"
    if not on_node(lab.place, "nfs", f"test ! -e {path} || echo there"):
        pytest.skip("the kernel serves NFS here, from a file for each")
    theirs = (
        f"cp {path} /tmp/kept; sed -i '1d' {path}; echo 'EXPORT {{ Path = /theirs; }}' >>{path}"
    )
    on_node(lab.place, "nfs", theirs)
    try:
        done = hosts.miglab(ours, "deploy", "--only", "storage", "--dry")
        text = on_node(lab.place, "nfs", f"cat {path}")
    finally:
        on_node(lab.place, "nfs", f"mv /tmp/kept {path}")
    assert done.returncode == 4, done.stdout
    assert "expected no exports but ours, found" in done.stderr.splitlines()[-1]
    assert "/theirs" in text


def as_seen(told: dict[str, Any]) -> dict[str, str]:
    """What must be known of every migration there; what became of the guest's parts."""
    assert told["fate"] == "moved", told["reasons"]
    assert (told["environment"]["origin"], told["announced"]) == ("site", [])
    assert told["downtime_ms"]["vcpu"]["value"] is not None
    return {name: each["state"] for name, each in told["integrity"].items()}


@pytest.mark.usefixtures("typed")
def test_our_guest_moves_there(hosts: Strangers) -> None:
    """With every vantage and oracle but the wire, which nobody there lets us see."""
    (path,) = hosts.folder.glob("runs/*/verdict.json")
    told = json.loads(path.read_text())
    assert set(as_seen(told).values()) == {"intact"}, told["integrity"]
    assert told["noticed_ms"]["beacon"]["value"] is not None


def test_their_guest_moves_and_is_judged_from_outside(
    hosts: Strangers, tmp_path: Path, lab: EmbeddedLab
) -> None:
    """A share that exists and whose server does not let us in is no hindrance."""
    path = hosts.declare(
        "theirs", HYPERVISORS, share={"existing": True}, guest={"system": "foreign"}
    )
    done = hosts.miglab(path, "migrate", "--json", "--out", str(tmp_path))
    told = json.loads(done.stdout)
    assert set(as_seen(told).values()) == {"unknown"}
    assert {each["detail"] for each in told["integrity"].values()} == {BLACK_BOX}
    assert (told["verdict"], done.returncode) == ("unknown", 3)
    client = told["downtime_ms"]["client"]
    assert client["value"] is not None or "probes lost" in client["note"]
    boot = on_node(lab.place, told["migration"]["to"], "virsh -q domid vm1")
    done = hosts.miglab(path, "guest", "stop")
    assert (done.returncode, done.stderr.strip()) == (2, "vm1: is not ours to end")
    assert on_node(lab.place, told["migration"]["to"], "virsh -q domid vm1") == boot
    done = hosts.miglab(path, "deploy", "--only", "storage,share,guest", "--dry")
    assert done.stdout == "nothing would change\n", done.stderr


SUITE = """\
from miglab.policy import Policy
from miglab.scenario import Scenario


def test_hosts(lab, nodes):
    assert lab.origin == "site"
    assert nodes["source"].file("/etc/ssh/ssh_host_ed25519_key").content_string


def test_move(migrate):
    assert migrate(Scenario(policy=Policy())).fate == "moved"
"""


def test_a_suite_runs_there(hosts: Strangers, ours: Path) -> None:
    """By the plugin, as root; nothing is deployed unasked."""
    folder = hosts.folder / "suite"
    folder.mkdir()
    (folder / "test_there.py").write_text(SUITE)
    done = hosts.run(
        ours,
        *("pytest", str(folder), f"--rootdir={folder}", "-p", "no:cacheprovider"),
        *("--lab", "site", "--lab-inventory", str(ours)),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout
    assert "own hosts: nothing is made, only looked for" in done.stdout


def test_what_cannot_be_used_is_one_line_each(hosts: Strangers, ours: Path) -> None:
    """A host that is away and a user without sudo; the others are told all the same."""
    away = hosts.declare("away", ALL, user=POWERLESS)
    text = away.read_text().replace("'192.168.80.161'", "'192.168.80.250'")
    hypervisors, storage = text.splitlines()
    away.write_text(f"{hypervisors}\n{storage.replace(POWERLESS, USER)}\n")
    done = hosts.miglab(away, "up")
    assert done.returncode == 4
    (source,) = [line for line in done.stderr.splitlines() if line.startswith("source: ")]
    assert "expected sudo that asks no password of nobody-much" in source
    (target,) = [line for line in done.stderr.splitlines() if line.startswith("target: ")]
    assert "no answer over ssh: " in target
    assert "nfs: answers\n" in done.stderr
    assert done.stderr.splitlines()[-1].endswith("not so source, target")
    for inventory, words in (
        (hosts.folder / "nope.py", "nope.yaml: expected a declaration, found no file"),
        (hosts.declare("few", ["nfs", "source"]), "expected two hypervisors or more, found 1"),
        (hosts.declare("lacks", HYPERVISORS), "expected a host nfs, which the declaration names"),
    ):
        done = hosts.miglab(inventory, "up")
        assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
        assert words in done.stderr
    assert hosts.miglab(ours, "up").returncode == 0
