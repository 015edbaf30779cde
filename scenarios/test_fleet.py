"""More than one target, mixed releases, and a node made of an image of one's own."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ByteSize

from miglab.declaration import load
from miglab.experiment.migrate import Experiment
from miglab.experiment.setting import Setting
from miglab.guest_life import start_guest
from miglab.judge.verdict import Verdict, judge
from miglab.lab import image
from miglab.lab.access import on_node
from miglab.lab.command import run
from miglab.lab.deployment import Deployment, deploy
from miglab.lab.embedded import EmbeddedLab
from miglab.lab.place import Place
from miglab.observe.history import History
from miglab.scenario import Scenario
from miglab.workload import Load

OWN_IMAGE = "localhost/miglab-scenarios/own:1"
BUSY = Scenario(load=Load(working_set=ByteSize(32 << 20), rate=ByteSize(20 << 20)))


@pytest.fixture(scope="module")
def declaration(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped declaration with Debian 12 for storage and the target, and a third host.

    The third host's image is named as any OCI image would be; it is made here, of the lab's own,
    because a registry may be out of reach.
    """
    data = yaml.safe_load((project / "inventories/topology.yaml").read_text())
    by_name = {node["name"]: node for node in data["nodes"]}
    by_name["nfs"]["os"] = by_name["target"]["os"] = "debian-12"
    third = {"name": "third", "role": "hypervisor", "address": "192.168.80.162", "os": OWN_IMAGE}
    data["nodes"].append(third)
    data["share"]["squash"] = "no_root_squash"
    path = tmp_path_factory.mktemp("fleet") / "topology.yaml"
    path.write_text(yaml.safe_dump(data))
    return path


@pytest.fixture(scope="module")
def fleet(lab: EmbeddedLab, project: Path, declaration: Path) -> Iterator[EmbeddedLab]:
    """A lab of its own: three hypervisors of two releases and three images."""
    run(["podman", "tag", image.tag(lab.topology.source), OWN_IMAGE], about=OWN_IMAGE)
    opened = EmbeddedLab(Place("fleet"), load(declaration))
    try:
        opened.up()
        deploy(opened.place, declaration, project)
        start_guest(opened, lambda _: None)
        yield opened
    finally:
        opened.down()
        run(["podman", "rmi", "--force", OWN_IMAGE], about=OWN_IMAGE)


@pytest.fixture
def move(fleet: EmbeddedLab, tmp_path: Path) -> Any:
    """Moves the fleet's guest to a named host."""

    def to(target: str) -> Verdict:
        return judge(History.read(Experiment(fleet, BUSY, tmp_path, Setting(to=target)).run()))

    return to


def test_releases_are_as_declared(fleet: EmbeddedLab) -> None:
    """Each node runs the system that its declaration names."""
    script = ". /etc/os-release; echo $VERSION_ID"
    found = {
        node.name: on_node(fleet.place, node.name, script).strip() for node in fleet.topology.nodes
    }
    assert found == {"nfs": "12", "source": "13", "target": "12", "third": "13"}


def test_a_second_deploy_changes_nothing(
    fleet: EmbeddedLab, project: Path, declaration: Path
) -> None:
    """On every release."""
    again: Deployment = deploy(fleet.place, declaration, project)
    assert again.changed == {node.name: () for node in fleet.topology.nodes}


def test_root_is_not_squashed_when_so_declared(fleet: EmbeddedLab) -> None:
    """The tutorial's own option, unsafe as it says: root on a hypervisor is root on the share."""
    share = f"nfs://{fleet.topology.storage.address}{fleet.topology.share.path}"
    on_node(fleet.place, "source", f"timeout 10 nfs-ls '{share}?uid=0&gid=0'")


def test_the_guest_goes_round_all_hosts(fleet: EmbeddedLab, move: Any) -> None:
    """From the newer release to the older, on to the third host and home again, nothing lost."""
    for target in ("target", "third", "source"):
        verdict = move(target)
        assert verdict.verdict == "pass", verdict.reasons
        assert verdict.migration.target == target
    assert fleet.status().up


def test_a_node_taken_out_of_the_declaration_goes(lab: EmbeddedLab, fleet: EmbeddedLab) -> None:
    """`up` removes what is no longer declared; the lab is then the smaller one."""
    smaller = fleet.topology.model_copy(
        update={"nodes": tuple(n for n in fleet.topology.nodes if n.name != "third")}
    )
    changes = EmbeddedLab(fleet.place, smaller).up()
    assert changes == ["third removed"]
    assert lab.status().up
