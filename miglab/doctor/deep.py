"""What can only be known by trying: each step is announced, bounded, and leaves nothing behind."""

import secrets
import shlex
from collections.abc import Callable, Iterable, Mapping

from miglab.doctor.domain import Domain
from miglab.doctor.facts import Answer, Facts, HostFacts
from miglab.doctor.gather import PRELUDE, Shell, texts
from miglab.errors import NodeError
from miglab.lab.parallel import each
from miglab.topology import DISK_LUN, Topology

Say = Callable[[str], None]
Found = Mapping[str, str]
"""Lines by host."""
Try = Callable[..., str]
"""``(host, name, **values)``: what a script, of ``trying/`` or a question, printed there."""

SECONDS = 15.0
PORTS = "49152 49215"  # which the question `ports` tries


def try_out(shell: Shell, facts: Facts, say: Say) -> Facts:
    """The same facts, and beside them what came of each step."""
    scripts = {**texts("questions"), **texts("trying")}

    def attempt(host: HostFacts, name: str, **values: str) -> str:
        given = "".join(f"{key}={shlex.quote(value)}\n" for key, value in values.items())
        text = scripts[name]
        try:
            # What a script runs must not read the script's own rest.
            return shell(host.name, f"{PRELUDE}{given}(\n{text}\n) </dev/null", SECONDS)
        except NodeError as error:
            return f"failed {error}\n"

    for name, what, step in STEPS:
        say(f"deep: {what}")
        facts = _with(facts, name, step(attempt, facts))
    return facts


def _with(facts: Facts, name: str, found: Found) -> Facts:
    return facts.of(
        host.answering({name: Answer(code=0, text=found[host.name])})
        if host.name in found
        else host
        for host in facts.hosts
    )


def _joined(texts: Iterable[tuple[HostFacts, str]]) -> Found:
    found: dict[str, str] = {}
    for host, text in texts:
        found[host.name] = found.get(host.name, "") + text
    return found


def _ports(attempt: Try, facts: Facts) -> Found:
    token, pairs = _token(), list(facts.pairs())
    try:
        each(lambda host: attempt(host, "listen", PORTS=PORTS, TOKEN=token), facts.hypervisors)
        said = each(lambda pair: attempt(pair[0], "ports", MOVERS=pair[1].name), pairs)
    finally:
        each(lambda host: attempt(host, "stop", TOKEN=token), facts.hypervisors)
    return _joined((pair[0], text) for pair, text in zip(pairs, said, strict=True))


def _rates(attempt: Try, facts: Facts) -> Found:
    said = each(lambda host: attempt(host, "rate"), facts.hypervisors)
    return _joined(zip(facts.hypervisors, said, strict=True))


def _starts(attempt: Try, facts: Facts) -> Found:
    def start(host: HostFacts) -> str:
        token = _token()
        try:
            return attempt(host, "start", TOKEN=token)
        finally:
            attempt(host, "end", TOKEN=token)

    said = each(start, facts.hypervisors)
    return _joined(zip(facts.hypervisors, said, strict=True))


def _moves(attempt: Try, facts: Facts) -> Found:
    def move(pair: tuple[HostFacts, HostFacts]) -> str:
        token = _token()
        try:
            attempt(pair[0], "start", TOKEN=token)
            return attempt(pair[0], "move", TOKEN=token, PEER=pair[1].name)
        finally:
            for host in pair:
                attempt(host, "end", TOKEN=token)

    pairs = list(facts.pairs())
    said = each(move, pairs)
    return _joined((pair[0], text) for pair, text in zip(pairs, said, strict=True))


def _share(attempt: Try, facts: Facts) -> Found:
    """Each hypervisor writes a file as QEMU's user, and each other reads it; or opens the disk."""
    if facts.topology is None or facts.storage is None:
        return {}
    if facts.topology.share.kind == "iscsi":
        return _opened(attempt, facts, facts.topology)
    share = facts.topology.share
    known = {"SHARE": str(share.path), "OWNER": str(share.owner), "SERVER": facts.storage.address}
    told: list[tuple[HostFacts, str]] = []
    for source in facts.hypervisors:
        token = _token()
        try:
            told.append((source, attempt(source, "write", TOKEN=token, **known)))
            for other in facts.hypervisors:
                if other is not source and "wrote" in told[-1][1]:
                    given = {**known, "TOKEN": token, "FROM": source.name}
                    told.append((other, attempt(other, "read", **given)))
        finally:
            attempt(facts.storage, "clean", TOKEN=token, SHARE=known["SHARE"])
    return _joined(told)


def _opened(attempt: Try, facts: Facts, topology: Topology) -> Found:
    """By the initiator that QEMU is."""
    given = {"URL": topology.lun_url(DISK_LUN), "OWNER": str(topology.share.owner)}
    said = each(lambda host: attempt(host, "open", **given), facts.hypervisors)
    return _joined(zip(facts.hypervisors, said, strict=True))


def _processors(attempt: Try, facts: Facts) -> Found:
    """libvirt on each host compares the processor of every guest that may come."""
    moves = list(facts.moves())

    def compare(move: tuple[Domain, HostFacts, HostFacts]) -> str:
        guest, _, target = move
        return attempt(target, "compare", NAME=guest.name, KIND=guest.kind, XML=guest.xml)

    said = each(compare, moves)
    return _joined((move[2], text) for move, text in zip(moves, said, strict=True))


def _token() -> str:
    return f"miglab-doctor-{secrets.token_hex(3)}"


STEPS: tuple[tuple[str, str, Callable[[Try, Facts], Found]], ...] = (
    ("deep-ports", "QEMU waits on two migration ports of each host, and is connected to", _ports),
    (
        "deep-share",
        "each host uses the share as QEMU's user: by a file that others read, or the guest's disk",
        _share,
    ),
    (
        "deep-cpu",
        "libvirt compares the processors of guests with those of other hosts",
        _processors,
    ),
    ("deep-rate", "how fast each running guest rewrites its memory is measured", _rates),
    ("deep-start", "a guest of 16 MiB is started, paused, on each host, and ended", _starts),
    ("deep-move", "a guest of 16 MiB, paused, is moved between each two hosts, and ended", _moves),
)
