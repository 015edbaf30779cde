"""The Vagrantfile and what is made of it, as far as that can be said without a machine."""

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from miglab.errors import LabError, NodeError, UsageError
from miglab.lab import lab as lab_module
from miglab.lab import libvirtd, vagrant, vagrant_process, vagrant_program
from miglab.lab.embedded import EmbeddedLab
from miglab.lab.machines import Machines
from miglab.lab.origins import lab_of
from miglab.lab.place import Place
from miglab.lab.vagrant import VagrantLab
from miglab.lab.vagrant_program import CONFIDENTIAL, TOLD, VagrantProgram, up_seconds
from miglab.topology import Topology

ROOT = Path(__file__).parents[2]
VAGRANTFILE = (ROOT / "Vagrantfile").read_text()


def test_a_name_says_where_nodes_come_from(topology: Topology) -> None:
    """``vagrant``, or that and more behind a dash."""
    kinds = {name: type(lab_of(Place(name), topology)) for name in ("vagrant", "vagrant-2", "v")}
    assert kinds == {"vagrant": VagrantLab, "vagrant-2": VagrantLab, "v": EmbeddedLab}


def test_containers_are_not_suspended(place: Place, topology: Topology) -> None:
    """In one line."""
    with pytest.raises(UsageError, match="only virtual machines can be suspended"):
        lab_of(place, topology).suspend()


def test_nothing_of_the_declaration_is_written_twice(topology: Topology) -> None:
    """No name and no address of it stands in the Vagrantfile."""
    for node in topology.nodes:
        assert str(node.address) not in VAGRANTFILE
        assert f'"{node.name}"' not in VAGRANTFILE
    assert str(topology.network.gateway) not in VAGRANTFILE


@pytest.mark.parametrize("provider", ["libvirt", "virtualbox", "vmware_desktop"])
def test_every_provider_switches_nesting_on(provider: str) -> None:
    """By its own word for it."""
    words = {"libvirt": "nested", "virtualbox": "nested-hw-virt", "vmware_desktop": "vhv.enable"}
    assert provider in VAGRANTFILE
    assert words[provider] in VAGRANTFILE


@pytest.mark.skipif(not shutil.which("ruby"), reason="needs ruby, which Vagrant brings")
def test_the_vagrantfile_is_ruby() -> None:
    """And has no warnings."""
    words = ["ruby", "-wc", str(ROOT / "Vagrantfile")]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert (done.stdout.strip(), done.stderr) == ("Syntax OK", "")


VAGRANT = """\
class Any
  def method_missing(word, *given, **named, &block)
    puts "#{word} #{given} #{named}"
    block&.call(self, self)
    self
  end

  def start_with?(*) = false
  def respond_to_missing?(*) = true
end

module Vagrant
  def self.configure(_) = yield(Any.new)
end
load ARGV.fetch(0)
"""


@pytest.mark.skipif(not shutil.which("ruby"), reason="needs ruby, which Vagrant brings")
@pytest.mark.parametrize(
    ("os", "told"),
    [
        ("debian-13", None),
        (
            "docker.io/library/rockylinux:9",
            "source: os: expected debian-12 or debian-13 for a virtual machine, found"
            " docker.io/library/rockylinux:9; MIGLAB_BOX names a box of another system",
        ),
    ],
)
def test_a_system_that_has_no_box_is_one_line(
    tmp_path: Path, topology: Topology, os: str, told: str | None
) -> None:
    """As the lab itself says it; and VirtualBox has the machines on a network of their own."""
    nodes = [n.model_copy(update={"os": os}) if n.name == "source" else n for n in topology.nodes]
    declared = topology.model_copy(update={"nodes": tuple(nodes)}).model_dump_json()
    (tmp_path / "topology.yaml").write_text(declared)
    environment = {"PATH": "/usr/bin:/bin", "MIGLAB_TOPOLOGY": str(tmp_path / "topology.yaml")}
    done = subprocess.run(
        ["ruby", "-e", VAGRANT, str(ROOT / "Vagrantfile")],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if told is None:
        assert (done.returncode, done.stderr) == (0, "")
        assert re.search(r"network .*virtualbox__intnet.*miglab", done.stdout)
    else:
        assert (done.returncode, done.stderr) == (1, f"{told}\n")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("==> source: Starting domain.", True),
        ("==> nfs: Machine booted and ready!", True),
        (f"==> nfs:     -> {CONFIDENTIAL}.binary:tmpfiles.extra=Zn4", False),
        ("==> nfs:  -- Name:              vagrant-nfs", False),
        ("    nfs: SSH address: 192.168.121.4:22", False),
    ],
)
def test_what_vagrant_does_is_told_and_what_it_was_given_is_not(line: str, told: bool) -> None:
    """Vagrant itself shows the machines' keys."""
    assert bool(TOLD.match(line)) == told


class Tool:
    """A ``vagrant`` that says these lines and ends so; what it was asked is kept."""

    def __init__(self, root: Path, lines: str = "", code: int = 0, then: str = ":") -> None:
        self.asked = root / "asked"
        program = root / "vagrant"
        program.write_text(
            f"#!/bin/sh\necho \"$@\" >>{self.asked}\ncat <<'E'\n{lines}\nE\n{then}\nexit {code}\n"
        )
        program.chmod(0o755)


@pytest.fixture
def outside(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A lab whose Vagrant is found on the PATH, and entered by nothing."""
    place.directory.mkdir(parents=True)
    monkeypatch.setattr(libvirtd, "enter", lambda _: ["env", "--"])
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(vagrant_program, "PROGRAM", '#!/bin/sh\nexec vagrant "$@"\n')
    return place


def test_keys_are_nowhere_in_the_log(outside: Place, tmp_path: Path) -> None:
    """Which people send to each other; what is done is said."""
    tool = Tool(tmp_path, f"==> nfs: Starting domain.\n==> nfs: -> {CONFIDENTIAL}.binary:x=secret")
    said: list[str] = []
    VagrantProgram(outside).up(said.append)
    log = (outside.directory / "vagrant.log").read_text()
    assert said == ["nfs: Starting domain."]
    assert "Starting domain" in log
    assert "secret" not in log
    assert tool.asked.read_text() == "up --provider=libvirt\n"


def test_an_interrupted_vagrant_cleans_up_first(outside: Place, tmp_path: Path) -> None:
    """Who interrupts is answered once nothing half-made is being removed any more."""
    cleaned = tmp_path / "cleaned"
    Tool(tmp_path, "==> nfs: Starting domain.", then=f"sleep 0.3; touch {cleaned}")

    def interrupted(_: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        VagrantProgram(outside).up(interrupted)
    assert cleaned.exists()


def test_a_machine_that_does_not_boot_is_given_up(outside: Place, tmp_path: Path) -> None:
    """Vagrant is interrupted as by hand, so that it takes away what it made."""
    forever = "sleep 60 >/dev/null 2>&1 & trap 'kill $!; exit 1' INT; wait"
    Tool(tmp_path, "==> nfs: Waiting", then=forever)
    with pytest.raises(LabError, match=r"lab unit: not all machines answered within 0\.3 s"):
        VagrantProgram(outside).up(lambda _: None, seconds=0.3)


@pytest.mark.parametrize(
    ("verb", "told"),
    [
        ("reload", "the machine did not answer"),
        ("suspend", "vagrant suspend was not done"),
        ("destroy", "vagrant destroy was not done"),
        ("status", "vagrant status was not done"),
    ],
)
def test_no_command_of_vagrant_s_takes_for_ever(
    outside: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str, told: str
) -> None:
    """One that does not heed an interrupt is ended, and whatever it had started."""
    Tool(tmp_path, then="trap '' INT; sleep 60")
    monkeypatch.setattr(vagrant_process, "CLEANING_SECONDS", 0.2)
    monkeypatch.setattr(vagrant_program, "SECONDS", 0.3)
    program = VagrantProgram(outside)
    with pytest.raises(LabError, match=rf"lab unit: {told} within 0\.3 s"):
        deeds(program)[verb]()
    assert not list(vagrant_process.at_work(verb))


def deeds(program: VagrantProgram) -> dict[str, Callable[[], object]]:
    """By verb, what a lab asks of Vagrant."""
    return {
        "up": lambda: program.up(lambda _: None),
        "reload": lambda: program.reload("nfs"),
        "suspend": program.suspend,
        "destroy": lambda: program.destroy("nfs"),
        "status": program.states,
    }


@pytest.mark.parametrize(("machines", "seconds"), [(1, 600), (3, 600), (5, 1000)])
def test_more_machines_may_take_longer(machines: int, seconds: float) -> None:
    """They share the processors of this one."""
    assert up_seconds(machines) == seconds


@pytest.mark.parametrize("line", ["a warning", "1,nfs,state,running,and,more", "1,nfs,state"])
def test_a_line_that_is_none_of_vagrant_s_own_is_one_line(
    outside: Place, tmp_path: Path, line: str
) -> None:
    """Where python-vagrant would raise whatever comes of it."""
    Tool(tmp_path, line)
    with pytest.raises(LabError, match="lab unit: vagrant status: expected lines of time, machine"):
        VagrantProgram(outside).states()


def test_a_machine_that_is_only_slow_is_not_switched_off(
    place: Place, topology: Topology, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked until its time is over."""
    said = iter([False, False, True])
    monkeypatch.setattr(vagrant, "answers", lambda *_: next(said))
    assert VagrantLab(place, topology)._comes(topology.source)
    monkeypatch.setattr(vagrant, "answers", lambda *_: False)
    monkeypatch.setattr(vagrant, "ANSWER_SECONDS", 0.1)
    assert not VagrantLab(place, topology)._comes(topology.source)


def test_a_machine_that_does_not_come_back_shows_its_console(
    outside: Place, tmp_path: Path, topology: Topology
) -> None:
    """As one that does not come at first."""
    Tool(tmp_path, "no space left", code=1)
    console = outside.seed("source") / "console"
    console.parent.mkdir(parents=True)
    console.write_text("no root device")
    with pytest.raises(LabError, match=r"reload failed; .*source's console said last: no root"):
        VagrantLab(outside, topology)._reload(topology.source)


@pytest.mark.parametrize("verb", ["up", "reload", "suspend", "destroy", "status"])
def test_what_vagrant_cannot_do_is_one_line(outside: Place, tmp_path: Path, verb: str) -> None:
    """That names the log with its own words."""
    Tool(tmp_path, "no space left", code=1)
    program = VagrantProgram(outside)
    with pytest.raises(LabError, match=rf"lab unit: vagrant {verb} failed; .*vagrant\.log"):
        deeds(program)[verb]()


@pytest.mark.parametrize("stream", [1, 2])
def test_a_plugin_that_is_missing_is_named(outside: Place, tmp_path: Path, stream: int) -> None:
    """With the way to have it; what an earlier call said does not count."""
    words = "No usable default provider could be found for your system"
    Tool(tmp_path, code=1, then=f"echo '{words}' >&{stream}")
    with pytest.raises(LabError, match="lab unit: vagrant has no plugin for libvirt; `make"):
        VagrantProgram(outside).states()
    assert words in (outside.directory / "vagrant.log").read_text()
    Tool(tmp_path, "no space left", code=1)
    with pytest.raises(LabError, match="lab unit: vagrant status failed"):
        VagrantProgram(outside).states()


def test_machines_that_are_not_made_have_no_state(outside: Place, tmp_path: Path) -> None:
    """The others have Vagrant's."""
    lines = [
        f"1,{name},{kind}"
        for name, kind in (
            ("nfs", "provider-name,libvirt"),
            ("nfs", "state,running"),
            ("source", "provider-name,libvirt"),
            ("source", "state,not_created"),
        )
    ]
    Tool(tmp_path, "\n".join(lines))
    assert VagrantProgram(outside).states() == {"nfs": "running"}


def test_a_node_that_nobody_knows_is_not_made_anew(topology: Topology) -> None:
    """The option is named, and what there is."""
    with pytest.raises(UsageError, match=r"--recreate: expected one of nfs, .*, found 'x'"):
        lab_module.require_names(["nfs", "x"], topology.nodes)


def test_a_machine_that_is_no_longer_declared_is_removed_when_told(
    outside: Place, tmp_path: Path, topology: Topology
) -> None:
    """By its name, which the declaration does not have any more; not told, it is named."""
    tool = Tool(tmp_path)
    fewer = topology.model_copy(update={"nodes": topology.nodes[:-1]})
    lab = VagrantLab(outside, fewer)
    known = Machines(topology=topology, boxes={"debian-13": "a"}, driver="qemu")
    with pytest.raises(LabError, match=r"target: is made and no longer .*--recreate target"):
        list(lab._make_way(known, [], lambda _: None))
    assert list(lab._make_way(known, ["target"], lambda _: None)) == ["target removed"]
    assert tool.asked.read_text() == "destroy target --force\n"


def test_a_machine_s_address_is_what_it_was_leased(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the network that Vagrant manages it by; one without says what its console said."""
    shown = " vnet6      52:54:00:8f:64:b6    ipv4         192.168.121.192/24\n"
    asked: list[tuple[str, ...]] = []

    def virsh(_: Place, *words: str) -> subprocess.CompletedProcess[str]:
        asked.append(words)
        return subprocess.CompletedProcess(words, 0, shown if words[1] == "unit-nfs" else "", "")

    monkeypatch.setattr(libvirtd, "virsh", virsh)
    assert libvirtd.address(place, "nfs") == "192.168.121.192"
    console = place.seed("source") / "console"
    console.parent.mkdir(parents=True)
    console.write_bytes(b"booting\r\nno root device\r\n\r\n")
    with pytest.raises(NodeError, match=r"source: has no address.*last: no root device"):
        libvirtd.address(place, "source")
    assert asked == [("domifaddr", "unit-nfs"), ("domifaddr", "unit-source")]


def test_without_its_libvirtd_a_lab_is_not_up(place: Place, topology: Topology) -> None:
    """In one line, and nothing is asked of Vagrant."""
    assert VagrantLab(place, topology).states() == {}
    with pytest.raises(LabError, match=re.escape("`miglab up --lab unit` brings it up")):
        libvirtd.enter(place)


def test_vagrant_that_is_missing_is_one_line(
    place: Place, topology: Topology, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the way to get it."""
    monkeypatch.setattr(vagrant, "require_root", lambda: None)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(
        LabError, match="program vagrant is missing; `make install purpose=vagrant`"
    ):
        VagrantLab(place, topology).up()
