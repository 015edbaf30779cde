"""The lab of own hosts: what it refuses, and that it needs inventory and declaration to agree."""

from pathlib import Path

import pytest

from miglab.declaration import load
from miglab.errors import DeclarationError, LabError, NodeError, UsageError
from miglab.lab import access, site
from miglab.lab import lab as labs
from miglab.lab.origins import lab_of
from miglab.lab.own import Own
from miglab.lab.place import Place
from miglab.lab.site import SiteLab
from miglab.topology import Topology
from tests.lab.conftest import SHIPPED

INVENTORY = "hypervisor = ['source', 'target']\nnfs = ['nfs']\n"


@pytest.fixture
def inventory(state: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An inventory of the hosts that are declared."""
    path = state / "hosts.py"
    path.write_text(INVENTORY)
    monkeypatch.setenv("MIGLAB_INVENTORY", str(path))
    for module in (labs, site):
        monkeypatch.setattr(module, "require_root", lambda: None)
    return path


@pytest.fixture
def opened(inventory: Path, topology: Topology) -> SiteLab:
    """The lab."""
    assert inventory.exists()
    found = lab_of(Place("site"), topology)
    assert isinstance(found, SiteLab)
    return found


def test_the_examples_go_together(monkeypatch: pytest.MonkeyPatch, state: Path) -> None:
    """The inventory and the declaration that are shipped."""
    assert state.exists()
    monkeypatch.setenv("MIGLAB_INVENTORY", str(SHIPPED.with_name("site.py")))
    declared = load(SHIPPED.with_name("site.yaml"))
    found = lab_of(Place("site"), declared)
    assert found.reached == declared.nodes
    assert isinstance(found, SiteLab)
    assert found.hosts["kvm1"].ssh_user == "admin"


def test_each_host_that_is_away_is_named_and_the_others_are_told_too(
    opened: SiteLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is made, and it is said."""

    def found(_: Place, own: Own) -> str | None:
        return f"{own.name}: no answer over ssh: so it is" if own.name == "source" else None

    monkeypatch.setattr(site, "refusal", found)
    said: list[str] = []
    with pytest.raises(LabError, match=r"expected all 3 hosts to answer as root, not so source$"):
        opened.up(said.append)
    assert said == [
        "own hosts: nothing is made, only looked for",
        "nfs: answers",
        "source: no answer over ssh: so it is",
        "target: answers",
    ]


@pytest.mark.parametrize(
    ("told", "nested"),
    [
        ({"source": ["kvm\n"], "target": ["qemu\n"]}, True),
        ({"source": ["kvm\n"], "target": ["none\n"]}, False),
        ({"source": ["none\n"], "target": []}, False),
        ({"source": ["none\n"], "target": [None, "qemu\n"]}, True),
    ],
)
def test_hosts_that_are_emulated_say_so(
    opened: SiteLab,
    monkeypatch: pytest.MonkeyPatch,
    told: dict[str, list[str | None]],
    nested: bool,
) -> None:
    """All is measured more patiently there; one that says nothing, twice, is a real one."""

    def on_node(_: Place, node: str, script: str, seconds: float) -> str:
        assert script.split(maxsplit=1)[0] == "systemd-detect-virt"
        assert seconds * opened.place.patience >= 30
        if not told[node] or (said := told[node].pop(0)) is None:
            raise NodeError(f"{node}: no answer")
        return said

    monkeypatch.setattr(access, "on_node", on_node)
    assert opened.nested == nested
    assert (opened.pace > 1) == nested


def test_nothing_is_switched_off_or_made_anew(opened: SiteLab, topology: Topology) -> None:
    """Own hosts are their owner's."""
    with pytest.raises(UsageError, match="source: own hosts are not ours to switch off"):
        opened.reboot(topology.source)
    with pytest.raises(UsageError, match="--recreate: source: own hosts are not ours to make"):
        opened.up(recreate=["source"])
    with pytest.raises(UsageError, match="only virtual machines can be suspended"):
        opened.suspend()


def test_down_removes_our_own_directory(opened: SiteLab, inventory: Path) -> None:
    """And nothing else."""
    opened.require_up()
    assert opened.place.ssh_config.exists()
    opened.down()
    assert not opened.place.directory.exists()
    assert inventory.exists()


def test_the_way_in_follows_the_inventory(opened: SiteLab, inventory: Path) -> None:
    """One that was changed since leads to where it says now."""
    opened.require_up()
    inventory.write_text(INVENTORY.replace("'target'", "('target', {'ssh_hostname': '192.0.2.7'})"))
    lab_of(opened.place, opened.topology).require_up()
    assert "HostName 192.0.2.7" in opened.place.ssh_config.read_text()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("hypervisor = ['source', 'other']\nnfs = ['nfs']", "expected a host target, which the"),
        ("hypervisor = ['source', 'target']", "expected a host nfs, which the declaration names"),
        ("hypervisor = ['source']", "expected two hypervisors or more, found 1"),
    ],
)
def test_a_host_that_the_inventory_lacks_is_one_line(
    inventory: Path, topology: Topology, text: str, line: str
) -> None:
    """With the inventory's name, before any host is asked."""
    inventory.write_text(text)
    with pytest.raises(DeclarationError, match=line) as error:
        lab_of(Place("site"), topology)
    assert str(error.value).startswith(f"{inventory}: ")
    assert "\n" not in str(error.value)


def test_the_server_of_a_share_that_exists_need_not_let_us_in(
    inventory: Path, topology: Topology
) -> None:
    """Unless our own guest's disk is to be put on it."""
    inventory.write_text("hypervisor = ['source', 'target']")
    existing = topology.share.model_copy(update={"existing": True})
    guest = topology.guest.model_copy(update={"system": "foreign"})
    declared = topology.model_copy(update={"share": existing, "guest": guest})
    found = lab_of(Place("site"), declared)
    assert [node.name for node in found.reached] == ["source", "target"]
    with pytest.raises(DeclarationError, match="expected a host nfs"):
        lab_of(Place("site"), topology.model_copy(update={"share": existing}))


def test_clients_sit_where_this_machine_does(opened: SiteLab, topology: Topology) -> None:
    """The guest knows them by the address that leads to it."""
    here = topology.guest.model_copy(update={"address": "127.0.0.9"})
    opened.topology = topology.model_copy(update={"guest": here})
    assert str(opened.client_address) == "127.0.0.1"
    assert opened.namespace.samefile("/proc/self/ns/net")
    assert not opened.has_switch
