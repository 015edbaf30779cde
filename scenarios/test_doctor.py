"""Each known failure is made, named by the doctor, met by a migration, and mended or taken back."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from miglab.doctor.checks import CHECKS
from miglab.doctor.diagnose import Diagnosis
from miglab.doctor.failure import explained
from miglab.doctor.finding import Finding
from miglab.errors import GuestError
from miglab.guest_life import stop_guest
from miglab.lab.access import on_node
from miglab.lab.deployment import deploy
from miglab.lab.embedded import EmbeddedLab
from miglab.policy import Policy
from miglab.pytest_plugin.labs import topology_path
from miglab.scenario import Scenario
from miglab.workload import Load
from scenarios import ailments, faults
from scenarios.ailments import Ailment
from scenarios.health import assert_silent, diagnosis

pytestmark = pytest.mark.ailments


class Case(NamedTuple):
    """``fails``: libvirt's words of a migration then, None for one that succeeds all the same.

    ``dark_ms_min``: for how long the guest is dark to its clients then, at least.

    ``mend``: by the command that the doctor prints, by a deploy, or not at all: whatever made it
    takes it back, for what the doctor says to do is for a person.
    """

    id: str
    make: Ailment
    fails: str | None
    mend: str = "command"
    policy: str = "precopy"
    dark_ms_min: int = 0


CASES = [
    Case("name-resolution", ailments.name_leads_home, r"refused|localhost"),
    Case("migration-ports", ailments.ports_closed, r"No route to host"),
    Case("same-host-uuid", ailments.same_uuid, r"same host"),
    Case("disk-cache", ailments.cached_unsafely, None),
    Case("local-disk", ailments.a_local_disk, r"without shared storage", mend="undo"),
    Case("image-missing", ailments.image_gone, r"No such file|NOENT", mend="undo"),
    Case("local-media", ailments.an_iso, r"No such file|Could not open|cannot access"),
    Case("qemu-user", ailments.other_user, None),
    Case("share-permission", ailments.image_of_root, r"[Pp]ermission denied|ACCES"),
    Case("machine-type", ailments.other_emulator, r"qemu-of-ours"),
    Case("bridge", ailments.bridge_of_its_own, r"br9", mend="undo"),
    Case("announce", ailments.bridge_learns_late, None, dark_ms_min=4000),
    Case("ssh-trust", ailments.unknown_host_key, r"Host key", "deploy", policy="p2p"),
    Case("libvirt-listener", ailments.libvirt_off, r"."),
    Case("left-over-domain", ailments.a_namesake, r"already exists|is already"),
    Case("export", ailments.not_exported, r".", mend="deploy"),
    Case("memory", ailments.little_memory, r"allocate memory|memory", mend="undo"),
]


ELSEWHERE = {
    "mandatory-access": "recorded facts: this machine's kernel has neither SELinux nor AppArmor",
    "cpu-model": "recorded facts: no guest runs with KVM here",
    "kvm": "here KVM never works, which is told; that it is mended could not be seen",
    "nfs-soft-mount": "recorded facts: this machine's kernel mounts no NFS",
    "clock": "recorded facts: the nodes have this machine's clock",
    "never-converges": "a test of its own, below",
    "userfaultfd": "scenarios/test_fleet.py, on a host of Debian 12",
    "postcopy-recovery": "scenarios/test_fleet.py, slow: it is seen to be lost; advice only",
    "guest-start": "recorded facts, and `--deep` on a healthy lab",
    "dry-migration": "recorded facts, and `--deep` on a healthy lab",
}
MENDED = {
    "command": "the command that is printed",
    "deploy": "a deploy",
    "undo": "whatever made it: no command is printed",
}
TABLE = re.compile(r"(?<=<!-- proved -->\n).*?(?=<!-- /proved -->)", re.DOTALL)
LEFT = "virsh list --all --name; ps -e -o args; ls -a /tmp /var/log/libvirt/qemu"
WRITES = "MIGLAB_WRITE_DOCS"


@pytest.fixture(autouse=True)
def good_again(lab: EmbeddedLab, guest: Any) -> Iterator[None]:
    """The lab is as before for the next test."""
    yield
    faults.await_libvirt(lab)
    try:
        faults.home_and_other(lab)
    except GuestError:  # a test that failed may have left half of it somewhere
        stop_guest(lab)
    guest.ensure_running()


def test_a_healthy_lab(lab: EmbeddedLab, guest: Any) -> None:
    """Also when everything is tried, and nothing of it is left."""
    guest.ensure_running()
    guest.set_load(None)  # whatever an earlier test left
    assert_silent(diagnosis(lab))
    assert_silent(diagnosis(lab, deep=True))
    for node in lab.topology.hypervisors:
        assert "miglab-doctor" not in on_node(lab.place, node.name, LEFT)
    shared = on_node(lab.place, lab.topology.storage.name, f"ls -a {lab.topology.share.path}")
    assert "miglab-doctor" not in shared


@pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])
def test_named_met_and_mended(
    case: Case, lab: EmbeddedLab, migrate: Any, project: Path, request: pytest.FixtureRequest
) -> None:
    """Injured, named and nothing else; a migration shows it; mended or taken back; silent again."""
    policy = Policy.named(case.policy)
    scenario = Scenario(load=Load.parse("ws=16MiB,rate=5MiB/s"), policy=policy)
    with case.make(lab):
        found = diagnosis(lab, policy)
        causes = [
            each for each in found.findings if each.follows is None and each.severity != "advice"
        ]
        assert {each.id for each in causes} == {case.id}, found.findings
        meet(case, migrate, scenario, found, lab)
        if case.mend == "command":
            mend(lab, causes)
        elif case.mend == "deploy":
            deploy(lab.place, topology_path(request.config), project)
        if case.mend != "undo":
            faults.await_libvirt(lab)
            assert_silent(diagnosis(lab, policy))
    faults.await_libvirt(lab)
    assert_silent(diagnosis(lab, policy))
    assert migrate(scenario).fate == "moved"


def meet(case: Case, migrate: Any, scenario: Scenario, found: Diagnosis, lab: EmbeddedLab) -> None:
    """A migration fails in the way that was foretold, and its words lead to the same finding."""
    if case.dark_ms_min:
        verdict = migrate(scenario, settle_seconds=12)
        assert verdict.fate == "moved", verdict.reasons
        assert verdict.downtime_ms.client.value >= case.dark_ms_min
    if case.fails is None:
        return
    try:
        verdict = migrate(scenario, timeout_seconds=20)
    except Exception as error:  # noqa: BLE001 - the lab itself may be what is broken
        words = str(error)
    else:
        assert verdict.fate == "stayed", verdict.reasons
        words = verdict.migration.error or ""
    assert re.search(case.fails, words), words
    hosts = tuple(node.name for node in lab.topology.hypervisors)
    assert case.id in {each.id for each in explained(words, found, hosts).causes}, words


def mend(lab: EmbeddedLab, causes: list[Finding]) -> None:
    """What is printed is typed where it says."""
    for cause in causes:
        assert cause.remedy.command is not None, cause
        assert cause.remedy.host is not None, cause
        on_node(lab.place, cause.remedy.host, cause.remedy.command, seconds=faults.PATIENCE)


def inventory(lab: EmbeddedLab, folder: Path, *more: tuple[str, dict[str, str]]) -> Path:
    """The lab's nodes as anybody's own hosts: by a name and an ssh_config."""
    way = {"ssh_config_file": str(lab.place.ssh_config)}
    known = [(node.name, way) for node in lab.topology.hypervisors]
    path = folder / "site.py"
    path.write_text(
        f"hypervisor = {[*known, *more]!r}\nnfs = {[(lab.topology.storage.name, way)]!r}\n"
    )
    return path


def test_somebody_s_own_hosts(lab: EmbeddedLab, guest: Any, miglab: Any, tmp_path: Path) -> None:
    """Nothing is declared of them; what is wrong is found all the same."""
    guest.ensure_running()
    path = str(inventory(lab, tmp_path))
    done = miglab("doctor", "--inventory", path, "--json")
    told = json.loads(done.stdout)
    assert (done.returncode, told["state"]) == (0, "healthy"), done.stderr
    assert sorted(told["hosts"]) == sorted(node.name for node in lab.topology.nodes)
    with ailments.a_namesake(lab):
        done = miglab("doctor", "--inventory", path, "--json")
    told = json.loads(done.stdout)
    grave = {each["id"] for each in told["findings"] if each["severity"] != "advice"}
    assert (done.returncode, grave) == (1, {"left-over-domain"})


def test_hosts_that_are_away_or_hang(lab: EmbeddedLab, miglab: Any, tmp_path: Path) -> None:
    """A line each, within seconds, and the others are looked at."""
    hangs = tmp_path / "ssh_config"
    hangs.write_text("Host hangs\n  ProxyCommand sleep 60\nHost away\n  ProxyCommand false\n")
    more = [(name, {"ssh_config_file": str(hangs)}) for name in ("hangs", "away")]
    done = miglab("doctor", "--inventory", str(inventory(lab, tmp_path, *more)), seconds=40)
    assert done.returncode == 4
    assert "Traceback" not in done.stderr
    for name in ("hangs", "away"):
        (line,) = [
            line for line in done.stdout.splitlines() if line.startswith(f"unreachable  {name}:")
        ]
        assert line
    assert "source: " in done.stdout


def test_a_failed_migration_says_why(lab: EmbeddedLab, on_lab: Any, tmp_path: Path) -> None:
    """libvirt's words, what they mean, and the finding; of another's command too."""
    _, target = faults.home_and_other(lab)
    with ailments.name_leads_home(lab):
        done = on_lab("migrate", "--out", str(tmp_path))
    assert done.returncode == 1, done.stderr
    for words in ("libvirt said", "which means", "name-resolution", "saw  ", "do  "):
        assert words in done.stdout, done.stdout
    with ailments.a_namesake(lab):
        script = "virsh migrate --live {0} qemu+ssh://root@{1}/system"
        source, _ = faults.home_and_other(lab)
        virsh = script.format(lab.topology.guest.name, target)
        command = ["ssh", "-F", str(lab.place.ssh_config), source, virsh]
        done = on_lab("watch", "--out", str(tmp_path), "--", *command)
    assert done.returncode == 1, done.stderr
    assert "left-over-domain" in done.stdout


def proved() -> str:
    """The table that docs/reference/doctor.md carries."""
    head = "| Failure | Made by | A migration then | Mended by |\n|---|---|---|---|\n"
    rows = [(case.id, made(case), met(case), MENDED[case.mend]) for case in CASES]
    rows += [(ident, "–", "–", why) for ident, why in ELSEWHERE.items()]
    link = "| [{0}](doctor/{0}.md) | {1} | {2} | {3} |\n"
    return head + "".join(link.format(*row) for row in sorted(rows))


def made(case: Case) -> str:
    """What the ailment says of itself."""
    return str(case.make.__doc__).partition("\n")[0].rstrip(".").replace("|", "/")


def met(case: Case) -> str:
    """How a migration is harmed; in the words of libvirt that were waited for."""
    if case.dark_ms_min:
        return f"gets there, and the guest is dark for more than {case.dark_ms_min / 1000:g} s"
    return "gets there: no harm could be shown here" if case.fails is None else "fails"


def test_all_checks_are_accounted_for(project: Path) -> None:
    """Live, or with the reason why not; and the document says the same."""
    assert {case.id for case in CASES} | set(ELSEWHERE) == {check.id for check in CHECKS}
    page = project / "docs/reference/doctor.md"
    if WRITES in os.environ:
        page.write_text(TABLE.sub(lambda _: proved(), page.read_text()))
    found = TABLE.search(page.read_text())
    assert found is not None
    assert found[0] == proved(), f"{WRITES}=1 pytest scenarios/test_doctor.py writes it"


def test_a_load_that_never_fits(lab: EmbeddedLab, guest: Any, migrate: Any) -> None:
    """Measured with --deep: pre-copy does not get it there, post-copy as advised does."""
    load = Load.parse("ws=96MiB,rate=max")
    guest.set_load(load)
    causes = diagnosis(lab, deep=True).findings
    assert {each.id for each in causes if each.severity != "advice"} == {"never-converges"}
    harmed = migrate(Scenario(load=load, policy=Policy()), timeout_seconds=6)
    assert (harmed.fate, harmed.verdict) == ("stayed", "fail")
    found = diagnosis(lab, deep=True)
    hosts = tuple(node.name for node in lab.topology.hypervisors)
    reason = explained(harmed.migration.error, found, hosts)
    assert "never-converges" in {each.id for each in reason.causes}
    assert migrate(Scenario(load=load, policy=Policy.named("postcopy"))).fate == "moved"
    guest.set_load(None)
    assert_silent(diagnosis(lab, deep=True))
