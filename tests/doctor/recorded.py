"""What a healthy lab said, as it was recorded there, and the same with something changed.

The guest runs on ``target``, so it would go to ``source``. The record is ``Facts`` as JSON.
"""

from pathlib import Path
from typing import NamedTuple

from miglab.doctor.diagnose import Diagnosis, diagnose
from miglab.doctor.facts import Answer, Facts
from miglab.policy import Policy

RECORD = Path(__file__).parents[1] / "data" / "facts" / "healthy.json"
HEALTHY = Facts.model_validate_json(RECORD.read_text())


IQN = "iqn.2026-01.test.miglab:vm1"
"""Of the target, were the disk given by iSCSI."""


class Change(NamedTuple):
    """On ``host``, in the answer to ``question``, ``old`` reads ``new``; without old it is all."""

    host: str
    question: str
    old: str
    new: str


def injured(*changes: Change, policy: str | None = None, facts: Facts = HEALTHY) -> Facts:
    """The facts with these changes, each of which must have something to change."""
    hosts = {host.name: host for host in facts.hosts}
    for change in changes:
        host = hosts[change.host]
        text = host.answers[change.question].text
        assert change.old in text, f"{change.host}: {change.question}: no {change.old!r}"
        answer = Answer(
            code=0, text=text.replace(change.old, change.new) if change.old else change.new
        )
        hosts[host.name] = host.answering({change.question: answer})
    way = Policy.named(policy) if policy else None
    return Facts(hosts=tuple(hosts.values()), topology=facts.topology, policy=way)


def by_iscsi() -> Facts:
    """The same lab with the other kind of share: what its server says, and its guest's disk."""
    clients = "192.168.80.121 192.168.80.161"
    facts = injured(
        Change("nfs", "exports", "", f"unit tgt active\ntarget {IQN} {clients}"),
        Change("nfs", "images", "", ""),
        Change("target", "domains", "protocol='nfs'", "protocol='iscsi'"),
        Change("target", "domains", "name='/opt/kvmshare/vm1.img'", f"name='{IQN}/1'"),
        Change("source", "deep-share", "", "opened"),
        Change("target", "deep-share", "", "opened"),
    )
    assert facts.topology is not None
    share = facts.topology.share.model_copy(update={"kind": "iscsi"})
    topology = facts.topology.model_copy(update={"share": share})
    return Facts(hosts=facts.hosts, topology=topology)


def found(*changes: Change, policy: str | None = None) -> Diagnosis:
    """What the doctor says of them."""
    return diagnose(injured(*changes, policy=policy))


def grave(diagnosis: Diagnosis) -> list[tuple[str, str, str]]:
    """Severity, identifier and where, of causes that are more than advice."""
    return [
        (each.severity, each.id, each.where)
        for each in diagnosis.findings
        if each.follows is None and each.severity != "advice"
    ]
