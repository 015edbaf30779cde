"""Trying things: said before, taken back whatever happens, and the answers beside the others."""

import pytest

from miglab.doctor.deep import STEPS, try_out
from miglab.doctor.diagnose import diagnose
from miglab.errors import NodeError
from tests.doctor.recorded import HEALTHY, IQN, by_iscsi

PLAIN = HEALTHY.of(
    host.answering({}).model_copy(
        update={"answers": {q: a for q, a in host.answers.items() if not q.startswith("deep-")}}
    )
    for host in HEALTHY.hosts
)


class Stage:
    """A shell that does nothing but remember; what is in ``fails`` it cannot do."""

    def __init__(self, fails: str = "") -> None:
        self.fails = fails
        self.asked: list[tuple[str, str]] = []

    def __call__(self, host: str, script: str, _: float, /) -> str:
        """Remembers, and fails or says that it wrote."""
        self.asked.append((host, script))
        if self.fails and self.fails in script:
            raise NodeError(f"{host}: gave no answer within 15 s")
        return "wrote /x\n" if "nfs-cp" in script else ""

    def count(self, words: str) -> int:
        """How often something was asked for that has these words in it."""
        return sum(words in script for _, script in self.asked)


def test_every_step_is_said_before_it_is_taken() -> None:
    """In order, each in one line."""
    stage, said = Stage(), list[str]()
    facts = try_out(stage, PLAIN, said.append)
    assert said == [f"deep: {what}" for _, what, _ in STEPS]
    assert {name for name, *_ in STEPS} <= {q for host in facts.hosts for q in host.answers}


@pytest.mark.parametrize(
    ("fails", "undone"),
    [
        ("-incoming", "kill"),
        ("create --paused", "destroy"),
        ("nfs-cp", "rm -f"),
        ("migrate", "destroy"),
    ],
)
def test_what_was_begun_is_ended_also_when_it_failed(fails: str, undone: str) -> None:
    """And the failure is the answer: it is not taken for health."""
    stage = Stage(fails)
    facts = try_out(stage, PLAIN, lambda _: None)
    assert stage.count(undone) >= stage.count(fails) > 0
    assert diagnose(facts).exit_code != 0


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
