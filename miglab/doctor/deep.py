"""What can only be known by trying: each step is announced, bounded, and leaves nothing behind."""

import secrets
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress

from miglab.doctor.domain import Domain
from miglab.doctor.facts import Answer, Facts, HostFacts
from miglab.doctor.gather import PRELUDE, Shell, texts
from miglab.errors import FactError, MiglabError, NodeError
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
        facts = _with(facts, name, _taken(step, attempt, facts))
    return facts


def _taken(step: Callable[[Try, Facts], Found], attempt: Try, facts: Facts) -> Mapping[str, Answer]:
    """What came of a step, by host; one that broke off could not tell of any."""
    try:
        found = step(attempt, facts)
    except MiglabError as error:
        return {host.name: Answer(code=1, text=str(error)) for host in facts.hypervisors}
    return {name: Answer(code=0, text=text) for name, text in found.items()}


def _with(facts: Facts, name: str, found: Mapping[str, Answer]) -> Facts:
    return facts.of(
        host.answering({name: found[host.name]}) if host.name in found else host
        for host in facts.hosts
    )


def _joined(facts: Facts, texts: Iterable[tuple[HostFacts, str]]) -> Found:
    """Every hypervisor has an answer, if only an empty one: that the step was taken is told."""
    found = {host.name: "" for host in facts.hypervisors}
    for host, text in texts:
        found[host.name] += text if text.endswith("\n") else f"{text}\n"
    return found


def _ports(attempt: Try, facts: Facts) -> Found:
    """A round for each source: a QEMU that waits takes one connection and no more."""
    return _joined(facts, [(host, _round(attempt, facts, host)) for host in facts.hypervisors])


def _round(attempt: Try, facts: Facts, source: HostFacts) -> str:
    token, others = _token(), [host for host in facts.hypervisors if host is not source]
    try:
        said = each(lambda host: attempt(host, "listen", PORTS=PORTS, TOKEN=token), others)
        waits = {host.name: text for host, text in zip(others, said, strict=True)}
        ready = [
            name for name, text in waits.items() if text.count("waiting ") == len(PORTS.split())
        ]
        tried = attempt(source, "ports", MOVERS=" ".join(ready)) if ready else ""
    finally:
        each(lambda host: attempt(host, "stop", TOKEN=token), others)
    return tried + "".join(
        f"\nuntried {name} no QEMU waits there: {' '.join(text.split()) or 'nothing was said'}"
        for name, text in waits.items()
        if name not in ready
    )


def _rates(attempt: Try, facts: Facts) -> Found:
    said = each(lambda host: attempt(host, "rate"), facts.hypervisors)
    return _joined(facts, zip(facts.hypervisors, said, strict=True))


def _starts(attempt: Try, facts: Facts) -> Found:
    def start(host: HostFacts) -> str:
        token = _token()
        try:
            return attempt(host, "start", TOKEN=token)
        finally:
            attempt(host, "end", TOKEN=token)

    said = each(start, facts.hypervisors)
    return _joined(facts, zip(facts.hypervisors, said, strict=True))


def _moves(attempt: Try, facts: Facts) -> Found:
    def move(pair: tuple[HostFacts, HostFacts]) -> str:
        token = _token()
        try:
            said = attempt(pair[0], "start", TOKEN=token)
            if "started " not in said:
                return f"untried {pair[1].name} nothing to move could be started\n"
            return attempt(pair[0], "move", TOKEN=token, PEER=pair[1].name)
        finally:
            for host in pair:
                attempt(host, "end", TOKEN=token)

    pairs = list(facts.pairs())
    said = each(move, pairs)
    return _joined(facts, ((pair[0], text) for pair, text in zip(pairs, said, strict=True)))


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
            written = attempt(source, "write", TOKEN=token, **known)
            told.append((source, written))
            for other in facts.hypervisors:
                if other is not source and "wrote" in written:
                    given = {**known, "TOKEN": token, "FROM": source.name}
                    told.append((other, attempt(other, "read", **given)))
        finally:
            attempt(facts.storage, "clean", TOKEN=token, SHARE=known["SHARE"])
    return _joined(facts, told)


def _opened(attempt: Try, facts: Facts, topology: Topology) -> Found:
    """By the initiator that QEMU is."""
    given = {"URL": topology.lun_url(DISK_LUN), "OWNER": str(topology.share.owner)}
    said = each(lambda host: attempt(host, "open", **given), facts.hypervisors)
    return _joined(facts, zip(facts.hypervisors, said, strict=True))


def _processors(attempt: Try, facts: Facts) -> Found:
    """libvirt on each host compares the processor of every guest that may come, if it is named."""
    moves = [move for move in _moves_known(facts) if move[0].processor]

    def compare(move: tuple[Domain, HostFacts, HostFacts]) -> str:
        guest, _, target = move
        return attempt(target, "compare", NAME=guest.name, KIND=guest.kind, XML=guest.xml)

    said = each(compare, moves)
    return _joined(facts, ((move[2], text) for move, text in zip(moves, said, strict=True)))


def _moves_known(facts: Facts) -> Iterator[tuple[Domain, HostFacts, HostFacts]]:
    """Of hosts that tell of their guests; of the others the checks say that they do not."""
    for source in facts.hypervisors:
        with suppress(FactError):
            yield from facts.moves(source)


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
