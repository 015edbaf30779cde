"""How far the hosts' clocks are from ours, asked over one ssh connection each."""

import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

from miglab.errors import NodeError
from miglab.lab.access import ssh_argv
from miglab.lab.parallel import each
from miglab.lab.place import Place
from miglab.observe.clocks import Exchange, HostClock, offset

BOOT_ID = "/proc/sys/kernel/random/boot_id"
EXCHANGES = 16
SECONDS_MAX = 20
RESOLUTION_NS = 1000  # bash tells the time in microseconds
ANSWERING = f"cat {BOOT_ID}; while read -r _; do echo $EPOCHREALTIME; done"


def host_clocks(place: Place, hosts: Iterable[str]) -> list[HostClock]:
    """Of each host; raises NodeError for one that does not say."""
    return each(lambda host: host_clock(place, host), list(hosts))


def host_clock(place: Place, host: str, *, trust_kernel: bool = True) -> HostClock:
    """The clock of ``host`` against ours.

    A host that runs on our very kernel has our very clock, and nothing is measured then unless
    ``trust_kernel`` is False.
    """
    limit = f"{SECONDS_MAX * place.patience:.0f}"
    with subprocess.Popen(
        ["timeout", limit, *ssh_argv(place, host, [f"exec bash -c '{ANSWERING}'"])],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        bufsize=1,
    ) as talk:
        boot = _answer(talk, host)
        if trust_kernel and boot == Path(BOOT_ID).read_text().strip():
            return HostClock(host=host, shared=True)
        return offset(host, [_exchange(talk, host) for _ in range(EXCHANGES)], RESOLUTION_NS)


def _exchange(talk: "subprocess.Popen[str]", host: str) -> Exchange:
    if talk.stdin is None:
        raise NodeError(f"{host}: its clock cannot be asked")
    asked_ns = time.time_ns()
    talk.stdin.write("\n")
    text = _answer(talk, host)
    answered_ns = time.time_ns()
    seconds, _, micros = text.replace(",", ".").partition(".")
    if not (seconds.isdecimal() and micros.isdecimal()):
        raise NodeError(f"{host}: expected the time from its bash, found {text!r}")
    theirs_ns = int(seconds) * 10**9 + int(micros) * 1000
    return Exchange(asked_ns=asked_ns, theirs_ns=theirs_ns, answered_ns=answered_ns)


def _answer(talk: "subprocess.Popen[str]", host: str) -> str:
    line = talk.stdout.readline() if talk.stdout else ""
    if not line:
        raise NodeError(f"{host}: its clock cannot be asked: the connection ended")
    return line.strip()
