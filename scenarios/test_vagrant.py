"""What only virtual machines can show; for ``pytest scenarios --lab vagrant``."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from miglab.errors import LabError
from miglab.lab import box, fabric, libvirtd
from miglab.lab.command import LONG, run
from miglab.lab.deployment import deploy
from miglab.lab.machines import FILE, kvm_works
from miglab.lab.namespace import inside
from miglab.lab.place import Place
from miglab.lab.vagrant import VagrantLab, take_down
from miglab.policy import Policy
from miglab.pytest_plugin.labs import topology_path
from miglab.scenario import Scenario
from miglab.workload import Load
from scenarios.ends import interrupt, leftovers
from scenarios.health import assert_silent, diagnosis
from scenarios.strangers import strangers
from tests.documents import commands

PAGE = "docs/how-to/virtual-machines.md"
LIGHT_TEXT = "ws=4MiB,rate=0MiB/s"
LIGHT = Load.parse(LIGHT_TEXT)
Nodes = dict[str, Any]


def test_machines_have_kernels_of_their_own(nodes: Nodes) -> None:
    """No two share a boot, and none shares this machine's."""
    boots = {host.check_output("cat /proc/sys/kernel/random/boot_id") for host in nodes.values()}
    boots.add(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
    assert len(boots) == len(nodes) + 1


def test_they_run_by_what_was_seen_to_work(lab: VagrantLab) -> None:
    """KVM where it runs a machine's firmware; libvirt says the same."""
    driver = json.loads((lab.place.directory / FILE).read_text())["driver"]
    assert driver == ("kvm" if kvm_works() else "qemu")
    for node in lab.topology.nodes:
        xml = libvirtd.virsh(lab.place, "dumpxml", f"{lab.place.name}-{node.name}").stdout
        assert f"<domain type='{driver}'" in xml


def test_no_address_of_theirs_is_on_this_machine(lab: VagrantLab) -> None:
    """They are in the lab's namespace, and nowhere else."""
    shown = ["ip", "-4", "-brief", "address", "show"]
    here = subprocess.run(shown, capture_output=True, text=True, check=True).stdout
    there = inside(lab.namespace, lambda: subprocess.check_output(shown, text=True))
    assert str(lab.topology.network.gateway) in there
    assert str(lab.topology.network.gateway) not in here
    assert "virbr" not in here


def test_the_kernel_serves_and_mounts_the_share(lab: VagrantLab, nodes: Nodes) -> None:
    """By NFS 4.2, to the hypervisors' addresses only."""
    share = lab.topology.share.path
    exported = nodes[lab.topology.storage.name].check_output("exportfs -s")
    clients = {line.split()[1].partition("(")[0] for line in exported.splitlines()}
    assert clients == {str(node.address) for node in lab.topology.hypervisors}
    for node in lab.topology.hypervisors:
        mount = nodes[node.name].mount_point(str(share))
        assert mount.filesystem == "nfs4"
        assert "vers=4.2" in mount.options


def test_a_second_deploy_changes_nothing(lab: VagrantLab, request: Any, project: Path) -> None:
    """Of any machine."""
    assert deploy(lab.place, topology_path(request.config), project).changes == 0


def test_another_declaration_is_told_and_not_followed(lab: VagrantLab) -> None:
    """What would have to be made anew, and how to ask for that."""
    first, *others = lab.topology.nodes
    moved = first.model_copy(update={"address": first.address + 1})
    other = lab.topology.model_copy(update={"nodes": (moved, *others)})
    before = lab.states()
    with pytest.raises(LabError, match=rf"{first.name}: was made with address .*--recreate"):
        VagrantLab(lab.place, other).up()
    assert lab.states() == before


def test_the_guest_moves_there_and_back(migrate: Callable[..., Any], lab: VagrantLab) -> None:
    """Nothing is lost; how long it takes is recorded and not promised."""
    homes = []
    for _ in range(2):
        verdict = migrate(Scenario(load=LIGHT, policy=Policy()))
        assert verdict.fate == "moved", verdict.reasons
        for name, finding in verdict.integrity.by_name():
            assert finding.state == "intact", f"{name}: {finding.detail}"
        homes.append(verdict.migration.target)
    assert set(homes) == {node.name for node in lab.topology.hypervisors}


def test_the_doctor_is_silent(lab: VagrantLab, guest: Any) -> None:
    """Also about what it has to try; what follows from emulation it says as advice."""
    guest.ensure_running()
    assert_silent(diagnosis(lab, deep=True))


def test_they_can_be_somebody_s_own(lab: VagrantLab, guest: Any, project: Path) -> None:
    """As strangers, by a user with sudo: looked at, provisioned by roles, moved between."""
    guest.ensure_running()
    with strangers(lab, project) as hosts:
        ours = hosts.declare("hosts", [node.name for node in lab.topology.nodes])
        done = hosts.miglab(ours, "doctor", "--lab", "site")
        assert done.returncode == 0, done.stdout + done.stderr
        done = hosts.miglab(ours, "deploy", "--lab", "site", "--only", "names,trust,hypervisor")
        assert (done.returncode, done.stdout) == (0, ""), done.stderr
        done = hosts.miglab(ours, "migrate", "--lab", "site", "--json", "--load", LIGHT_TEXT)
        told = json.loads(done.stdout)
        assert (told["fate"], told["environment"]["origin"]) == ("moved", "site"), done.stderr
        found = {name: each["state"] for name, each in told["integrity"].items()}
        assert set(found.values()) == {"intact"}, told["integrity"]


def test_what_is_suspended_goes_on(lab: VagrantLab, nodes: Nodes) -> None:
    """The same boot, and its clock is right again."""
    name = lab.topology.storage.name
    ask = "cat /proc/sys/kernel/random/boot_id"
    before = nodes[name].check_output(ask)
    lab.suspend()
    assert "running" not in lab.states().values()
    lab.up()
    assert nodes[name].check_output(ask) == before
    off = int(nodes[name].check_output("date +%s")) - int(
        subprocess.check_output(["date", "+%s"], text=True)
    )
    assert abs(off) <= 5


def test_machines_that_are_half_made_are_removed(project: Path) -> None:
    """Whoever interrupts has the prompt back once Vagrant is done; `down` leaves nothing."""
    name = "vagrant-half"
    command = [sys.executable, "-m", "miglab", "up", "--lab", name]
    try:
        interrupt(command, project, signal.SIGINT, lambda told: "Starting domain" in "".join(told))
        assert leftovers(name)
        known = [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]
        assert not [words for words in known if "/usr/bin/vagrant" in words and "up" in words]
    finally:
        take_down(Place(name))
    assert leftovers(name) == []


def test_vagrant_makes_them_by_itself(project: Path, tmp_path: Path) -> None:
    """Under a libvirtd that somebody has already, without a lab of ours: `vagrant up`."""
    place = Place("vagrant-plain")
    given = {"MIGLAB_BOX": box.ensure()[0], "VAGRANT_DOTFILE_PATH": str(tmp_path / "dot")}

    def vagrant(*words: str) -> str:
        command = [*libvirtd.enter(place), "env", f"--chdir={project}", "vagrant", *words]
        environment = {**box.environment(), **given}
        return run(command, about=place.name, seconds=LONG, env=environment)

    try:
        fabric.ensure_outside(place)
        libvirtd.ensure(place)
        vagrant("up", "--provider=libvirt")
        keys = "cat ~/.ssh/authorized_keys"
        found = {vagrant("ssh", name, "-c", keys).split()[1] for name in ("nfs", "source")}
        assert len(found) == 2  # each has a key of its own, and not the one that everybody knows
        assert "192.168.80.100/24" in vagrant("ssh", "nfs", "-c", "ip -4 -brief address")
    finally:
        take_down(place)


def test_the_page_s_commands(lab: VagrantLab, project: Path) -> None:
    """In the order in which they stand, on the lab that is there."""
    for command in commands(project / PAGE):
        text = command.text.replace("/labs/vagrant/", f"/labs/{lab.place.name}/")
        text = text.replace("--lab vagrant", f"--lab {lab.place.name}")
        done = subprocess.run(
            ["bash", "-c", f". .venv/bin/activate; {text}"],
            cwd=project,
            env={**os.environ, "MIGLAB_LAB": lab.place.name},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode in {0, 1, 3} if "migrate" in text else done.returncode == 0, (
            f"{command.place}: {done.stdout}{done.stderr}"
        )
