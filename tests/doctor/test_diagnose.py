"""From facts to a diagnosis: what crashes, what is away, what follows, what it comes to."""

from collections.abc import Iterator

import pytest

from miglab.doctor.checks import CHECKS
from miglab.doctor.diagnose import diagnose
from miglab.doctor.facts import Facts, HostFacts
from miglab.doctor.finding import Check, Finding, Remedy, Severity
from miglab.doctor.follows import CAUSES, ONE_WAY
from miglab.errors import FactError
from tests.doctor.recorded import HEALTHY, Change, found, injured


def finds(ident: str, severity: Severity = "blocks") -> Check:
    """A check that always finds something, on every hypervisor."""

    def examine(_: Facts, host: HostFacts) -> Iterator[Finding]:
        yield Finding(
            id=ident,
            severity=severity,
            hosts=(host.name,),
            what="it is broken",
            evidence=("seen",),
            remedy=Remedy(what="mend it"),
        )

    return Check(ident, "always there", "hypervisor", examine)


def raises(error: Exception) -> Check:
    """A check that cannot be made on the source."""

    def examine(_: Facts, host: HostFacts) -> Iterator[Finding]:
        if host.name == "source":
            raise error
        yield from ()

    return Check("broken", "it is broken itself", "hypervisor", examine)


@pytest.mark.parametrize("error", [FactError("source: no answer"), ZeroDivisionError("by zero")])
def test_a_check_that_crashes_could_not_tell(error: Exception) -> None:
    """For that host; the others are looked at, and it is no health."""
    diagnosis = diagnose(HEALTHY, checks=[raises(error), finds("other", "advice")])
    (untold,) = diagnosis.untold
    assert (untold.id, untold.hosts) == ("broken", ("source",))
    assert str(error) in untold.why
    assert [finding.id for finding in diagnosis.findings] == ["other", "other"]
    assert (diagnosis.state, diagnosis.exit_code) == ("unknown", 3)


@pytest.mark.parametrize(
    ("severity", "code"), [("blocks", 1), ("dangerous", 1), ("slow", 1), ("advice", 0)]
)
def test_the_exit_code(severity: Severity, code: int) -> None:
    """Advice is no finding; nor is health, and what could not be told hides no finding."""
    assert diagnose(HEALTHY, checks=[finds("x", severity)]).exit_code == code
    both = diagnose(HEALTHY, checks=[finds("x", severity), raises(FactError("x"))])
    assert both.exit_code == (code or 3)
    assert diagnose(HEALTHY, checks=[]).exit_code == 0


def test_a_host_that_is_away_hides_nothing_of_the_others() -> None:
    """It is named with the reason, and the exit code says so before all else."""
    wrong = injured(Change("source", "network", "link br0 bridge up 1500", "link br0 bridge up 9"))
    nfs, source, target = wrong.hosts
    away = HostFacts(name="third", address="x", role="hypervisor", problem="third: no route")
    diagnosis = diagnose(HEALTHY.of([nfs, source, target, away]))
    assert [(each.host, each.why) for each in diagnosis.unreached] == [("third", "third: no route")]
    assert "bridge" in {finding.id for finding in diagnosis.findings}
    assert (diagnosis.state, diagnosis.exit_code) == ("unreachable", 4)
    assert diagnosis.hosts == ("nfs", "source", "target")


def test_what_follows_stands_below_its_cause() -> None:
    """A name that leads nowhere takes ssh along; another host's name does not."""
    diagnosis = found(
        Change("target", "names", "name source 192.168.80.121", "name source"),
        Change("target", "trust", "ssh source 0", "ssh source 255 Could not resolve hostname"),
    )
    told = [(each.id, each.follows) for each in diagnosis.findings if each.severity != "advice"]
    assert told == [("name-resolution", None), ("ssh-trust", "name-resolution")]


def between(ident: str, severity: Severity, *hosts: str) -> Check:
    """A check that always finds something there."""
    anywhere = finds(ident, severity)

    def examine(facts: Facts, host: HostFacts) -> Iterator[Finding]:
        for finding in anywhere.examine(facts, host):
            if host.name == "source":
                yield finding.model_copy(update={"hosts": hosts})

    return Check(ident, "always there", "hypervisor", examine)


@pytest.mark.parametrize(
    ("severity", "of", "effect", "follows"),
    [
        ("blocks", ("source", "target"), ("source", "target"), "name-resolution"),
        ("blocks", ("target",), ("source", "target"), "name-resolution"),
        ("blocks", ("source", "target"), ("source", "third"), None),
        ("blocks", ("source", "target"), ("third", "target"), None),
        ("blocks", ("source", "target"), ("target", "source"), None),
        ("advice", ("source", "target"), ("source", "target"), None),
    ],
)
def test_of_three_hosts_what_is_between_two_comes_of_nothing_with_the_third(
    severity: Severity, of: tuple[str, ...], effect: tuple[str, ...], follows: str | None
) -> None:
    """Nor of advice: a closed port would stay closed when the other pair's name is mended."""
    checks = [
        between("name-resolution", severity, *of),
        between("migration-ports", "blocks", *effect),
    ]
    told = {each.id: each.follows for each in diagnose(HEALTHY, checks=checks).findings}
    assert told["migration-ports"] == follows


def test_what_is_of_both_hosts_is_a_cause_in_both_directions() -> None:
    """As the same host UUID is, which is told once."""
    checks = [
        between("same-host-uuid", "blocks", "source", "target"),
        between("dry-migration", "blocks", "target", "source"),
    ]
    told = {each.id: each.follows for each in diagnose(HEALTHY, checks=checks).findings}
    assert told["dry-migration"] == "same-host-uuid"


def test_only_what_was_asked_for() -> None:
    """By identifier."""
    diagnosis = diagnose(HEALTHY, only=["y"], checks=[finds("x"), finds("y")])
    assert {finding.id for finding in diagnosis.findings} == {"y"}


def test_causes_are_known_checks_and_in_no_circle() -> None:
    """Each is told as a cause where it is one."""
    known = {check.id for check in CHECKS}
    assert set(CAUSES) | ONE_WAY <= known
    assert all(set(causes) <= known for causes in CAUSES.values())
    assert not [
        (effect, cause)
        for effect, causes in CAUSES.items()
        for cause in causes
        if effect in CAUSES.get(cause, ())
    ]


def test_acceleration_is_told_for_each_host() -> None:
    """And why it is not KVM."""
    works = Change("source", "acceleration", "kvm fails", "kvm works")
    failed = Change("target", "acceleration", "", "QEMU is not installed")
    told = found(works, failed).acceleration
    assert told["source"] == "kvm: firmware booted with it"
    assert told["target"].startswith("tcg: ")
    assert diagnose(HEALTHY).acceleration["source"].startswith("tcg: qemu-system-x86_64: ")
