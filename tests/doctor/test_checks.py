"""Each failure in the facts that hosts give: named where it is, and nowhere else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miglab.doctor.checks import CHECKS
from miglab.doctor.diagnose import diagnose
from miglab.doctor.facts import Answer
from tests.doctor.cases import CASES, SOUND, TO_SOURCE, Case, Well
from tests.doctor.recorded import HEALTHY, IQN, Change, by_iscsi, found, grave, injured

SERVED = {"exports", "images"}
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


@pytest.mark.parametrize("well", SOUND, ids=[well.name for well in SOUND])
def test_what_is_well_is_not_named(well: Well) -> None:
    """Advice at most, and nothing that could not be told."""
    diagnosis = found(*well.changes, policy=well.policy)
    assert (grave(diagnosis), diagnosis.untold) == ([], ())
    usual = {each.id for each in found(policy=well.policy).findings}
    assert {each.id for each in diagnosis.findings} - usual == well.advice


def test_kvm_is_missed_also_where_another_host_is_silent_about_its_guests() -> None:
    """One guest that needs it is enough; none that is seen is not enough for advice."""
    silent = Change("source", "domains", "", "error: no connection")
    kvm = Change("target", "domains", "<domain type='qemu'", "<domain type='kvm'")
    needed = diagnose(injured(silent, kvm), only=["kvm"])
    assert {each.severity for each in needed.findings} == {"blocks"}
    unknown = diagnose(injured(silent), only=["kvm"])
    assert (unknown.findings, len(unknown.untold)) == ((), 2)


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


UNHEEDED = {"clock", "pools", "sockets", "processor"}
"""Evidence beside a finding, or about guests with KVM: this lab's health hangs by none of it."""
ELSEWHERE = {
    *(("nfs", question) for question in HEALTHY.hosts[0].answers if question not in SERVED),
    *((host, "exports") for host in ("source", "target")),
    *(("target", question) for question in ("images", "memory")),  # no guest would come here
    ("source", "deep-rate"),  # and none is here
}
HEEDED = [
    (host.name, question)
    for host in HEALTHY.hosts
    for question in sorted(host.answers)
    if question not in UNHEEDED and (host.name, question) not in ELSEWHERE
]


@given(st.sampled_from(HEEDED), st.text(min_size=1, max_size=60).filter(str.strip))
def test_garbage_is_told_as_not_told(asked: tuple[str, str], text: str) -> None:
    """Whatever a host answers to whatever question, nothing crashes and nothing passes for well."""
    diagnosis = diagnose(injured(Change(*asked, "", text)))
    assert all("the check failed" not in each.why for each in diagnosis.untold), diagnosis.untold
    assert diagnosis.untold or grave(diagnosis)


@given(st.sampled_from(sorted({question for _, question in HEEDED})), st.integers(1, 255))
def test_a_question_that_failed_is_not_well(question: str, code: int) -> None:
    """With no words at all: no guests, no mounts and no rules are not what it says."""
    hosts = tuple(
        host.answering({question: Answer(code=code, text="")}) if question in host.answers else host
        for host in HEALTHY.hosts
    )
    assert diagnose(HEALTHY.of(hosts)).exit_code in {1, 3}


@pytest.mark.parametrize("question", ["trust", "ports", "deep-ports", "deep-move", "deep-cpu"])
def test_a_peer_of_which_nothing_is_told_is_not_well(question: str) -> None:
    """It was not tried."""
    diagnosis = diagnose(injured(Change("source", question, "", "")))
    assert (grave(diagnosis), diagnosis.exit_code) == ([], 3)
    assert diagnosis.untold[0].why.startswith(f"source: {question}: nothing is told of ")


def test_guests_of_which_one_host_does_not_tell_hide_no_other_s() -> None:
    """A line for the host that is silent; the guest on the other is judged."""
    diagnosis = diagnose(
        injured(
            Change("source", "domains", "", "error: no connection"),
            Change("target", "domains", "cache='none'", "cache='unsafe'"),
        )
    )
    assert grave(diagnosis) == [("dangerous", "disk-cache", TO_SOURCE)]
    assert {each.hosts for each in diagnosis.untold if each.id == "disk-cache"} == {("source",)}
