"""Trying things: said before, taken back whatever happens, and the answers beside the others."""

import shlex
from collections.abc import Callable

import pytest

from miglab.doctor import deep
from miglab.doctor.checks import CHECKS, trials
from miglab.doctor.deep import STEPS, try_out
from miglab.doctor.diagnose import diagnose
from miglab.doctor.facts import Answer
from miglab.doctor.gather import texts
from miglab.errors import FactError, NodeError
from tests.doctor.recorded import HEALTHY, IQN, by_iscsi, grave

PLAIN = HEALTHY.of(
    host.answering({}).model_copy(
        update={"answers": {q: a for q, a in host.answers.items() if not q.startswith("deep-")}}
    )
    for host in HEALTHY.hosts
)


SCRIPTS = {**texts("questions"), **texts("trying")}
WAITS = "waiting 49152\nwaiting 49215\n"
WELL: dict[str, Callable[[dict[str, str]], str]] = {
    "listen": lambda _: WAITS,
    "ports": lambda given: "".join(
        f"port {peer} {port} open\n" for peer in given["MOVERS"].split() for port in (49152, 49215)
    ),
    "write": lambda given: f"wrote /x/.{given['TOKEN']}\n",
    "read": lambda given: f"read {given['FROM']}\n",
    "open": lambda given: f"opened {given['URL']}\n",
    "compare": lambda given: f"compares {given['NAME']} is a superset of CPU described\n",
    "rate": lambda _: "dirty vm1 0\n",
    "start": lambda given: f"started {given['TOKEN']}\n",
    "move": lambda given: f"move {given['PEER']} moved\n",
}
"""What each script says where all is well; the others say nothing."""


class Stage:
    """A shell on healthy hosts, that remembers; ``says`` is of scripts that say something else.

    What is in ``fails`` it cannot do.
    """

    def __init__(self, fails: str = "", **says: str) -> None:
        self.fails, self.says = fails, says
        self.asked: list[tuple[str, str]] = []

    def __call__(self, host: str, script: str, _: float, /) -> str:
        """Remembers, and fails or says what is well."""
        self.asked.append((host, script))
        if self.fails and self.fails in script:
            raise NodeError(f"{host}: gave no answer within 15 s")
        (name,) = [name for name, text in SCRIPTS.items() if f"(\n{text}\n)" in script]
        lines = [line for line in shlex.split(script.partition("(\n")[0]) if "=" in line]
        given = dict(line.split("=", 1) for line in lines)
        if name in self.says:
            return self.says[name]
        return WELL[name](given) if name in WELL else ""

    def count(self, words: str) -> int:
        """How often something was asked for that has these words in it."""
        return sum(words in script for _, script in self.asked)


def test_every_step_is_said_before_it_is_taken() -> None:
    """In order, each in one line."""
    stage, said = Stage(), list[str]()
    facts = try_out(stage, PLAIN, said.append)
    assert said == [f"deep: {what}" for _, what, _ in STEPS]
    assert {name for name, *_ in STEPS} <= {q for host in facts.hosts for q in host.answers}


def test_all_is_well_where_all_is_well() -> None:
    """Nothing is left to be told; also of three hosts, each of which gets to both others."""
    third = PLAIN.hosts[1].model_copy(update={"name": "third"})
    for hosts in (PLAIN.hosts, (*PLAIN.hosts, third)):
        tried = [check for check in CHECKS if check in trials.CHECKS]
        diagnosis = diagnose(try_out(Stage(), PLAIN.of(hosts), lambda _: None), checks=tried)
        assert (diagnosis.findings, diagnosis.untold) == ((), ())


@pytest.mark.parametrize(
    ("fails", "undone"),
    [
        ("-incoming", "kill"),
        ("create --paused", "destroy"),
        ("nfs-cp", "rm -f"),
        ("virsh -c qemu:///system migrate", "destroy"),
        ("hypervisor-cpu-compare", ""),
        ("domdirtyrate-calc", ""),
        ("/dev/tcp", "kill"),
        ("nfs-cat", "rm -f"),
    ],
)
def test_what_was_begun_is_ended_also_when_it_failed(fails: str, undone: str) -> None:
    """And the failure is the answer: it is not taken for health, nor for a finding."""
    stage = Stage(fails)
    facts = try_out(stage, PLAIN, lambda _: None)
    assert stage.count(undone) >= stage.count(fails) > 0
    diagnosis = diagnose(facts)
    assert (grave(diagnosis), diagnosis.exit_code) == ([], 3)


@pytest.mark.parametrize(
    ("name", "says", "untold"),
    [
        ("listen", "busy 49152\nwaiting 49215\n", "migration-ports"),
        ("write", "untried neither a mount nor a client of NFS\n", "share-permission"),
        ("compare", "compares vm1 error: unknown command: 'hypervisor-cpu-compare'", "cpu-model"),
        ("rate", "untried vm1 error: unsupported\n", "never-converges"),
        ("rate", "dirty vm2 7\n", "never-converges"),
        ("move", "nonsense\n", "dry-migration"),
        ("start", "failed no answer\n", "guest-start"),
    ],
)
def test_what_could_not_be_tried_could_not_be_told(name: str, says: str, untold: str) -> None:
    """Though the step as such came to its end."""
    diagnosis = diagnose(try_out(Stage(**{name: says}), PLAIN, lambda _: None))
    assert untold in {each.id for each in diagnosis.untold}
    assert (grave(diagnosis), diagnosis.exit_code) == ([], 3)


def test_a_qemu_that_waits_is_connected_to_once() -> None:
    """It takes no second connection: each source has a round of its own, with QEMUs of its own."""
    third = PLAIN.hosts[1].model_copy(update={"name": "third"})
    stage = Stage()
    try_out(stage, PLAIN.of((*PLAIN.hosts, third)), lambda _: None)
    rounds = [
        "listen" if "-incoming" in script else "connect"
        for _, script in stage.asked
        if "-incoming" in script or "/dev/tcp" in script
    ]
    assert rounds == ["listen", "listen", "connect"] * 3


def test_a_step_that_breaks_off_hides_no_other() -> None:
    """One host's guests cannot be read: the others are compared, and nothing ends in an error."""
    source = PLAIN.hosts[1].answering({"domains": Answer(code=0, text="garbage")})
    stage = Stage()
    facts = try_out(stage, PLAIN.of((PLAIN.hosts[0], source, PLAIN.hosts[2])), lambda _: None)
    assert stage.count("hypervisor-cpu-compare") == 1
    assert {name for name, *_ in STEPS} <= {q for host in facts.hosts for q in host.answers}


def test_an_error_in_a_step_could_not_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of any host, in one line each."""

    def broken(*_: object) -> dict[str, str]:
        raise FactError("source: no answer")

    monkeypatch.setattr(deep, "STEPS", (("deep-ports", "nothing", broken),))
    diagnosis = diagnose(try_out(Stage(), PLAIN, lambda _: None), only=["migration-ports"])
    assert [each.hosts for each in diagnosis.untold] == [("source", "target"), ("target", "source")]
    assert "source: no answer" in diagnosis.untold[0].why


def test_a_disk_by_iscsi_is_opened_by_each_host() -> None:
    """Of the guest's own disk nothing is written; NFS is nowhere tried."""
    stage = Stage()
    iscsi = by_iscsi()
    try_out(stage, PLAIN.model_copy(update={"topology": iscsi.topology}), lambda _: None)
    assert stage.count(f"URL=iscsi://192.168.80.100:3260/{IQN}/1") == 2
    assert stage.count("nfs-cp") == 0


def test_nothing_that_a_script_runs_reads_the_script() -> None:
    """virsh would swallow what comes after it."""
    stage = Stage()
    try_out(stage, PLAIN, lambda _: None)
    assert all(script.endswith(") </dev/null") for _, script in stage.asked)
