"""Every way of moving that libvirt offers really moves the guest, and does what its name says."""

from collections.abc import Callable
from typing import Any

import pytest

from miglab.judge.verdict import Verdict
from miglab.lab.access import on_node
from miglab.lab.authority import AUTHORITY, certificate_files, ensure_certificates
from miglab.lab.embedded import EmbeddedLab
from miglab.lab.lab import Lab
from miglab.policy import NAMED, Policy
from miglab.provision.certificates import DIRECTORY
from miglab.scenario import Scenario
from miglab.workload import Load
from scenarios.faults import home_and_other
from scenarios.slack import is_kept

pytestmark = pytest.mark.measured

BUSY = Load.parse("ws=48MiB,rate=20MiB/s,compress=80")
TOO_MUCH = Load.parse("ws=64MiB,rate=max")
SMALL = Load.parse("ws=16MiB,rate=5MiB/s")
EASY = Load.parse("ws=4MiB,rate=1MiB/s")
NESTED_SECONDS = 40
"""Of which there are more by the lab's pace: encrypted, twice emulated, it does not end."""
LOADS = {
    "precopy+32MiB/s": SMALL,
    "auto-converge+throttle-50%+more-20%": Load.parse("ws=96MiB,rate=max"),
    "postcopy": TOO_MUCH,
    "postcopy+after-300ms+postcopy-64MiB/s": TOO_MUCH,
}
"""What a policy needs to have something to show; the others get the busy one."""
ELSEWHERE = {"offline", "copy-storage", "copy-storage-inc"}
"""What needs another guest: test_persistence.py and test_storage.py."""


def served_page_faults(verdict: Verdict) -> bool:
    """Pages were asked for after the switch."""
    return (verdict.migration.postcopy_requests or 0) > 0


def throttled(verdict: Verdict) -> bool:
    """The guest's vCPUs were slowed down, by what the policy begins with and in its steps."""
    return verdict.migration.throttle_pct_max in {50, 70, 90, 99}


def kept_the_limit(verdict: Verdict) -> bool:
    """The stop was no longer than QEMU was allowed, and some slack."""
    return verdict.policy is not None and is_kept(verdict, verdict.policy.limit_ms)


def sent_less(verdict: Verdict) -> bool:
    """Fewer bytes than the pages have that were sent."""
    sent, pages = verdict.migration.transferred_bytes, verdict.migration.normal_bytes
    return sent is not None and pages is not None and sent < 0.8 * pages


def looked_for_changes(verdict: Verdict) -> bool:
    """QEMU looked for the last version of every page that it sent again.

    Fewer bytes cannot be asked for: this load leaves no word of a page as it was.
    """
    return (verdict.migration.compression_cache_misses or 0) > 0


def shown(verdict: Verdict) -> bool:
    """On the wire: see miglab/judge/manner.py."""
    return bool(verdict.manner) and all(way.state == "intact" for way in verdict.manner)


SHOWS: dict[str, Callable[[Verdict], bool]] = {
    "precopy+limit-50ms": kept_the_limit,
    "precopy+limit-2000ms": kept_the_limit,
    "precopy+32MiB/s": shown,
    "auto-converge+throttle-50%+more-20%": throttled,
    "postcopy": served_page_faults,
    "postcopy+after-300ms+postcopy-64MiB/s": served_page_faults,
    "multifd-2": shown,
    "multifd-4": shown,
    "multifd-2+zlib": sent_less,
    "multifd-2+zstd": sent_less,
    "xbzrle": looked_for_changes,
    "tls": shown,
    "p2p+tunnelled": shown,
}


@pytest.mark.anywhere
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.policy(name)) for name in NAMED if name not in ELSEWHERE],
)
def test_every_policy(migrate: Any, unsupported: Any, lab: Lab, name: str) -> None:
    """It moves the guest, loses nothing, and shows what it must; or libvirt says why not."""
    load = EASY if lab.nested else LOADS.get(name, BUSY)
    limit = {"timeout_seconds": NESTED_SECONDS} if lab.nested else {}
    verdict = migrate(Scenario(load=load, policy=NAMED[name]), **limit)
    if verdict.unsupported:
        assert verdict.fate == "stayed"
        unsupported(name, verdict.migration.error)
    assert verdict.fate == "moved", verdict.reasons
    if lab.nested or not lab.has_switch:  # not all can be seen, or not in time
        assert verdict.verdict != "fail", verdict.reasons
        return
    for oracle, finding in verdict.integrity.by_name():
        assert finding.state == "intact", f"{oracle}: {finding.detail}"
    assert verdict.verdict == "pass", verdict.reasons
    show = SHOWS.get(name)
    assert show is None or show(verdict), f"{show.__doc__}: {verdict.migration}"


def test_a_wrong_certificate_is_refused(
    migrate: Any, lab: EmbeddedLab, tmp_path: Any, request: pytest.FixtureRequest
) -> None:
    """The target shows one that another authority vouches for: the guest lives on where it is."""
    _, target = home_and_other(lab)
    ensure_certificates(tmp_path / "stranger" / "pki", lab.topology.hypervisors)
    good, wrong = (
        certificate_files(directory, target)
        for directory in (lab.place.pki, tmp_path / "stranger" / "pki")
    )
    request.addfinalizer(lambda: _show(lab, target, good))
    _show(lab, target, wrong)
    scenario = Scenario(load=SMALL, policy=NAMED["tls"])
    verdict = migrate(scenario)
    assert (verdict.verdict, verdict.fate) == ("fail", "stayed"), verdict.reasons
    assert verdict.integrity.memory.state == "intact"
    _show(lab, target, good)
    assert migrate(scenario).fate == "moved"


def _show(lab: EmbeddedLab, node: str, files: tuple[Any, Any]) -> None:
    """What ``node`` shows to those who want to send it a guest."""
    for kind, path in zip(("cert", "key"), files, strict=True):
        there = f"{DIRECTORY}/server-{kind}.pem"
        script = f"cat > {there}.new && cat {there}.new > {there} && rm {there}.new"
        on_node(lab.place, node, script, stdin=path.read_text())


def test_the_authority_is_the_lab_s_own(lab: EmbeddedLab) -> None:
    """Its key stays with the lab's other keys, and no host has it."""
    _, key = certificate_files(lab.place.pki, AUTHORITY)
    assert key.stat().st_mode & 0o777 == 0o600
    for node in lab.topology.hypervisors:
        listed = on_node(lab.place, node.name, f"ls {DIRECTORY}").split()
        assert "ca-key.pem" not in listed


@pytest.mark.slow
@pytest.mark.deadline(120)
def test_a_tight_limit_costs_rounds(migrate: Any) -> None:
    """The less darkness is allowed, the more rounds are made before the stop."""
    load = Load.parse("ws=32MiB,rate=20MiB/s")
    rounds = [
        migrate(Scenario(load=load, policy=Policy(downtime_ms_max=limit))).migration.rounds
        for limit in (2000, 50)
    ]
    assert rounds[0] <= rounds[1], rounds
