"""Figures of the doctor: asking and judging a lab, trying things too, judging many hosts."""

import json
import time
from pathlib import Path

from benchmarks.bench import ROOT, Bench, python_seconds
from benchmarks.figure import Figure
from benchmarks.transcript import Transcript
from miglab.doctor.diagnose import diagnose
from miglab.doctor.facts import Facts

RECORD = ROOT / "tests" / "data" / "facts" / "healthy.json"
HOSTS = 50
JUDGED = (0, 1, 3)


def doctor(bench: Bench, runs: int) -> list[Figure]:
    """The command on three nodes, shallow and deep; ``HOSTS`` hosts by facts that are simulated."""
    bench.started()
    python = python_seconds(
        "miglab.cli", "miglab.doctor.examination", "miglab.report.doctor_console"
    )
    shallow = [bench.miglab("doctor", codes=JUDGED) for _ in range(runs)]
    deep = [bench.miglab("doctor", "--deep", codes=JUDGED) for _ in range(runs)]
    many = [judged(crowd(RECORD, HOSTS)) for _ in range(runs)]
    return [
        _figure("doctor", "miglab doctor, three nodes", 3, shallow, python),
        _figure("deep", "miglab doctor --deep, three nodes", 15, deep, python),
        Figure(
            name="many",
            what=f"judging {HOSTS} hosts by simulated facts",
            unit="s",
            target=1,
            values=tuple(many),
            parts={},
        ),
    ]


def crowd(record: Path, hosts: int) -> Facts:
    """So many hypervisors that know of each other, each as in the record; one guest runs."""
    plain = json.loads(record.read_text())
    nfs, source, target = plain["hosts"]
    addresses = {f"host{number:02}": f"10.0.0.{number + 1}" for number in range(hosts)}
    told = {
        "names": "".join(f"name {name} {address}\n" for name, address in addresses.items()),
        "trust": "".join(f"ssh {name} 0\n" for name in addresses),
        "ports": "".join(f"port {name} 49152 refused\n" for name in addresses),
    }
    crowded = [nfs]
    for name, address in addresses.items():
        like = source if crowded[1:] else target  # which has the guest
        answers = {key: dict(answer) for key, answer in like["answers"].items()}
        for key, text in told.items():
            answers[key]["text"] = text
        for key, old, new in (
            ("network", like["address"], address),
            ("capabilities", "<uuid>", f"<uuid>{name}-"),
        ):
            answers[key]["text"] = answers[key]["text"].replace(old, new)
        crowded.append({**like, "name": name, "address": address, "answers": answers})
    nfs["answers"]["exports"]["text"] = "kernel /opt/kvmshare 10.0.0.0/24(rw,root_squash)"
    return Facts.model_validate({**plain, "hosts": crowded})


def judged(facts: Facts) -> float:
    """Seconds."""
    began = time.monotonic()
    diagnose(facts)
    return time.monotonic() - began


def _figure(name: str, what: str, target: float, runs: list[Transcript], python: float) -> Figure:
    seconds = tuple(run.seconds for run in runs)
    parts = {"python": (python,) * len(runs), "ask, judge": tuple(s - python for s in seconds)}
    return Figure(name=name, what=what, unit="s", target=target, values=seconds, parts=parts)
