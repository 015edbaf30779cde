"""The other kind of shared storage: the guest's disk by iSCSI, with nothing lost on the way."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from miglab.experiment.deeds import At
from miglab.experiment.migrate import Experiment
from miglab.experiment.session import Session
from miglab.experiment.setting import Setting
from miglab.guest_life import ask_guest, start_guest
from miglab.judge.evidence import Evidence
from miglab.judge.verdict import Verdict
from miglab.lab.access import on_node
from miglab.lab.deployment import Deployment, deploy
from miglab.lab.embedded import EmbeddedLab
from miglab.observe.history import History
from miglab.policy import Policy
from miglab.scenario import Scenario
from miglab.topology import DISK_LUN, ISCSI_PORT
from miglab.workload import Load
from scenarios.health import assert_silent, diagnosis
from scenarios.labs import own_lab
from scenarios.machine import QUICKLY, assert_nothing_lost

pytestmark = pytest.mark.kinds

LOAD = Load.parse("ws=16MiB,rate=5MiB/s")
SLOWLY = Policy.named("precopy", bandwidth="32MiB/s")
STRANGER = "192.168.80.99"
ACL = "tgtadm --lld iscsi --mode target --tid 1 --op {} --initiator-address {}"
Run = Callable[..., tuple[Verdict, History]]


@pytest.fixture(scope="module")
def declaration(project: Path) -> Path:
    """The one that is shipped."""
    return project / "inventories/iscsi.yaml"


@pytest.fixture(scope="module")
def iscsi(declaration: Path) -> Iterator[EmbeddedLab]:
    """A lab of its own, with the guest running in it."""
    with own_lab("iscsi", declaration) as opened:
        start_guest(opened, lambda _: None)
        yield opened


@pytest.fixture(scope="module")
def run(iscsi: EmbeddedLab, records: Path, recorded: Any) -> Iterator[Run]:
    """Moves the guest to the other host, and judges; what was recorded is there besides."""
    with Session(iscsi) as session:

        def moved(policy: Policy | None = None, setting: Setting = QUICKLY) -> Any:
            scenario = Scenario(load=LOAD, policy=policy or Policy())
            folder = Experiment(iscsi, scenario, records, setting, session).run()
            return recorded(folder), History.read(folder)

        yield moved


def test_only_the_target_listens_and_at_one_address(iscsi: EmbeddedLab) -> None:
    """Beside sshd; and of root's rights its daemon has one."""
    assert_served_at_one_address(iscsi)
    script = "grep CapEff /proc/$(pidof tgtd)/status"
    status = on_node(iscsi.place, iscsi.topology.storage.name, script)
    assert int(status.split()[1], 16) == 1 << 1, "CAP_DAC_OVERRIDE"


def assert_served_at_one_address(iscsi: EmbeddedLab) -> None:
    """The network's, and not at every one that the node has."""
    storage = iscsi.topology.storage
    listening = on_node(iscsi.place, storage.name, "ss -Hltn | awk '{print $4}'").split()
    others = {each for each in listening if not each.endswith(":22")}
    assert others == {f"{storage.address}:{ISCSI_PORT}"}


def test_no_other_address_may_log_in(iscsi: EmbeddedLab) -> None:
    """The same host, speaking from an address that the target does not name, is refused."""
    server, source = iscsi.topology.storage.address, iscsi.topology.source.name
    bridge = iscsi.topology.network.bridge
    opened = f"timeout 10 qemu-img info -U -f raw {iscsi.topology.lun_url(DISK_LUN)}"
    script = f"""
        {opened} >/dev/null || {{ echo refused itself; exit; }}
        ip address add {STRANGER}/32 dev {bridge}
        ip route add {server}/32 dev {bridge} src {STRANGER}
        {opened} 2>&1
        ip address delete {STRANGER}/32 dev {bridge}
    """
    assert "Failed to log in to target" in on_node(iscsi.place, source, script)


def test_the_guest_goes_there_and_back(iscsi: EmbeddedLab, run: Run) -> None:
    """By every oracle; and on the wire the disk is written by one host, and then by the other."""
    for _ in ("there", "back"):
        verdict, history = run()
        assert verdict.fate == "moved", verdict.reasons
        assert_nothing_lost(verdict)
        assert verdict.integrity.guest_alive.state == "intact", verdict.integrity.guest_alive.detail
        assert verdict.contradictions == ()
        (moved,) = verdict.moves
        assert_written_in_turn(Evidence(history), moved.source, moved.target)
    assert verdict.migration.target == iscsi.topology.source.name


def assert_written_in_turn(evidence: Evidence, source: str, target: str) -> None:
    """The journal's records, at their places in the image; not a write from where it left."""
    (moved,) = evidence.moves
    assert moved.until_ns is not None
    before, after = evidence.writes(source), evidence.writes(target)
    assert before
    assert after
    assert max(write.time_ns for write in before) < moved.until_ns
    assert min(write.time_ns for write in after) > moved.from_ns
    assert {write.count for write in (*before, *after)} == {4096}
    assert all(write.offset >= 1 << 20 for write in (*before, *after))


def test_a_write_from_the_target_before_its_time(iscsi: EmbeddedLab, run: Run) -> None:
    """Planted while the guest still runs on the source: the wire tells, and nothing passes."""
    disk, target = iscsi.topology.lun_url(DISK_LUN), iscsi.topology.hypervisors[1].name
    script = f"qemu-io -f raw -c 'write 0 4k' '{disk}'"
    at = At(1, "written", lambda: on_node(iscsi.place, target, script))
    setting = Setting(baseline_seconds=0.5, settle_seconds=0.3, timeout_seconds=60, at=(at,))
    verdict, history = run(SLOWLY, setting)
    assert [(deed.name, deed.error) for deed in history.deeds] == [("written", None)]
    assert verdict.verdict != "pass"
    assert [each for each in verdict.contradictions if f"1 writes from {target}" in each]


@pytest.fixture
def again(iscsi: EmbeddedLab, project: Path, declaration: Path) -> Callable[[], Deployment]:
    """Deploys once more."""
    return lambda: deploy(iscsi.place, declaration, project)


def test_a_second_deploy_changes_nothing(
    iscsi: EmbeddedLab, again: Callable[[], Deployment]
) -> None:
    """And one after drift what drifted, which the doctor names; otherwise it is silent."""
    storage = iscsi.topology.storage.name
    assert again().changed == {node.name: () for node in iscsi.topology.nodes}
    assert_silent(diagnosis(iscsi, deep=True))
    target = iscsi.topology.hypervisors[1]
    on_node(iscsi.place, storage, ACL.format("unbind", target.address))
    found = diagnosis(iscsi).findings
    assert {(each.id, each.where) for each in found if each.severity == "blocks"} == {
        ("export", target.name)
    }
    assert again().changed[storage] == ("Storage | The target is served as declared",)


def test_the_target_is_back_after_a_reboot(iscsi: EmbeddedLab, run: Run) -> None:
    """By itself, as it was; QEMU logs in again, and the guest that has run on finds its disk."""
    before = ask_guest(iscsi)
    iscsi.reboot(iscsi.topology.storage)
    verdict, _ = run()
    assert_served_at_one_address(iscsi)
    assert verdict.fate == "moved", verdict.reasons
    assert_nothing_lost(verdict)
    after = ask_guest(iscsi)
    assert (after.boot_id, after.journal.errors) == (before.boot_id, 0)
