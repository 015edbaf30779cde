"""Each failure in the facts that hosts give: named where it is, and nowhere else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miglab.doctor.checks import CHECKS
from miglab.doctor.diagnose import diagnose
from tests.doctor.cases import CASES, Case
from tests.doctor.recorded import HEALTHY, IQN, Change, by_iscsi, found, grave, injured

NOWHERE = Change("target", "names", "name source 192.168.80.121", "name source")


def test_a_healthy_lab_has_nothing() -> None:
    """As it was recorded; what is left is advice."""
    diagnosis = diagnose(HEALTHY)
    assert (grave(diagnosis), diagnosis.untold, diagnosis.unreached) == ([], (), ())
    assert diagnosis.exit_code == 0


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_it_is_named_and_nothing_else(case: Case) -> None:
    """With evidence and a remedy, and nothing is left untold."""
    diagnosis = found(*case.changes, policy=case.policy)
    assert set(grave(diagnosis)) == {case.expected}, diagnosis.findings
    assert diagnosis.untold == ()
    for finding in diagnosis.findings:
        assert finding.evidence
        assert all(finding.evidence)
        assert finding.remedy.what
        assert finding.remedy.command is None or finding.remedy.host


def test_clocks_apart_are_told_beyond_doubt_only() -> None:
    """An offset within the uncertainty of asking is none."""
    source = HEALTHY.hosts[1]
    for offset_ms, doubt_ms, expected in ((5000.0, 20.0, 1), (5000.0, 4800.0, 0), (300.0, 1.0, 0)):
        changed = {"offset_ms": offset_ms, "offset_uncertainty_ms": doubt_ms}
        hosts = (HEALTHY.hosts[0], source.model_copy(update=changed), HEALTHY.hosts[2])
        diagnosis = diagnose(HEALTHY.of(hosts), only=["clock"])
        assert len(grave(diagnosis)) == expected


@pytest.mark.parametrize(
    ("clients", "named"),
    [
        ("*", set()),
        ("192.168.80.0/24", set()),
        ("192.168.80.121", {"target"}),
        ("source", {"target"}),
        ("sour* t*", set()),
        ("192.168.81.0/24", {"source", "target"}),
    ],
)
def test_whom_the_kernel_s_export_is_for(clients: str, named: set[str]) -> None:
    """By address, network, name or pattern."""
    line = f"kernel /opt/kvmshare {' '.join(f'{each}(rw,sync)' for each in clients.split())}"
    diagnosis = diagnose(injured(Change("nfs", "exports", "", line)), only=["export"])
    assert {where for _, _, where in grave(diagnosis)} == named


def test_who_is_in_a_netgroup_is_not_told() -> None:
    """So it is no health."""
    line = "kernel /opt/kvmshare @hosts(rw)"
    diagnosis = diagnose(injured(Change("nfs", "exports", "", line)), only=["export"])
    assert (diagnosis.exit_code, len(diagnosis.untold)) == (3, 2)


def test_a_remedy_names_an_address_also_of_a_host_that_is_known_by_name() -> None:
    """As those of an inventory are."""
    named = HEALTHY.of(
        host.model_copy(update={"address": host.name}) for host in injured(NOWHERE).hosts
    )
    (finding,) = diagnose(named, only=["name-resolution"]).findings
    assert "echo '192.168.80.121 source'" in str(finding.remedy.command)


def test_a_libvirt_that_cannot_take_up_a_post_copy() -> None:
    """Advice, for those who want post-copy; the record is of that very version."""
    for policy, expected in (("precopy", set()), ("postcopy", {"source", "target"})):
        told = diagnose(injured(policy=policy), only=["postcopy-recovery"]).findings
        assert {each.where for each in told} == expected
        assert {each.severity for each in told} <= {"advice"}


def test_a_healthy_lab_by_iscsi_has_nothing() -> None:
    """What is of NFS alone is silent; so is another number of QEMU's, which only NFS looks at."""
    other = Change("target", "users", "", "account libvirt-qemu 7 7")
    for facts in (by_iscsi(), injured(other, facts=by_iscsi())):
        diagnosis = diagnose(facts)
        assert (grave(diagnosis), diagnosis.untold, diagnosis.unreached) == ([], (), ())


@pytest.mark.parametrize(
    ("told", "named"),
    [
        ("target {} 192.168.80.121", {"target"}),
        ("target {} ALL", set()),
        ("target {} 192.168.80.0/25 192.168.80.161", set()),
        ("target {}", {"source", "target"}),
        ("target {}-other ALL", {"source", "target"}),
        ("unit tgt inactive", {"source", "target"}),
    ],
)
def test_whom_the_iscsi_target_is_for(told: str, named: set[str]) -> None:
    """By address, or anybody; one that is not served is for nobody."""
    change = Change("nfs", "exports", "", told.format(IQN))
    diagnosis = diagnose(injured(change, facts=by_iscsi()))
    assert set(grave(diagnosis)) == {("blocks", "export", where) for where in named}
    assert all(IQN in finding.what for finding in diagnosis.findings if finding.id == "export")


def test_every_check_is_made_to_speak() -> None:
    """In the table of cases, or by a test of its own."""
    by_themselves = {"clock", "postcopy-recovery"}
    assert {case.expected[1] for case in CASES} | by_themselves == {check.id for check in CHECKS}


@given(st.sampled_from(HEALTHY.hosts), st.data())
def test_garbage_is_told_as_not_told(host: object, data: st.DataObject) -> None:
    """Whatever a host answers to whatever question, nothing crashes and nothing passes for well."""
    name = getattr(host, "name")  # noqa: B009 - a sampled value has no type of its own
    question = data.draw(st.sampled_from(sorted(getattr(host, "answers"))))  # noqa: B009
    text = data.draw(st.text(max_size=60))
    diagnosis = diagnose(injured(Change(name, question, "", text)))
    assert all("the check failed" not in each.why for each in diagnosis.untold), diagnosis.untold
