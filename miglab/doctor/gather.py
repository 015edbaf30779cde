"""Asks all hosts at once, by a shell and nothing else; changes nothing there."""

import re
import shlex
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from importlib import resources
from typing import Protocol

from miglab.doctor.facts import Answer, HostFacts
from miglab.errors import EvidenceError, NodeError
from miglab.lab.parallel import each
from miglab.topology import Role
from miglab.values import Value

SECONDS = 10.0
SLOW = {"acceleration"}
"""Asked at the same time as all else, by a shell of its own: something has to boot."""
HELLO = "miglab-doctor"
BEGIN, END = re.compile(r"^=== (\S+)$"), re.compile(r"^=== (\S+) (\d+)$")
PRELUDE = """\
export LC_ALL=C PATH="$PATH:/usr/sbin:/sbin"
: "${PATIENCE:=1}"
within() {
  limit=$(($1 * PATIENCE)); shift
  if command -v timeout >/dev/null; then timeout -k 1 "$limit" "$@"; else "$@"; fi
}
"""
"""``within SECONDS COMMAND`` bounds one; where hosts are slow the shell has set PATIENCE."""


class Shell(Protocol):
    """A shell on a host: standard output of a script; raises NodeError when it fails."""

    def __call__(self, host: str, script: str, seconds: float, /) -> str:
        """Runs ``script`` on ``host`` within ``seconds``."""


class Host(Value):
    """Whom to ask, and what part it plays."""

    name: str
    address: str
    role: Role


def questions() -> dict[str, str]:
    """What is asked, by name, in order."""
    return texts("questions")


def texts(room: str) -> dict[str, str]:
    """The shell scripts of a folder beside this file, by name."""
    folder = resources.files("miglab.doctor") / room
    files = sorted(folder.iterdir(), key=lambda file: file.name)
    return {file.name.removesuffix(".sh"): file.read_text() for file in files}


class Known(Value):
    """What is known before anybody is asked: the shared directory, images of guests."""

    share: str = ""
    images: tuple[str, ...] = ()


def script(host: Host, hosts: Sequence[Host], asked: Mapping[str, str], known: Known) -> str:
    """One script that answers all of ``asked``, each between two lines of its own."""
    peers = " ".join(f"{other.name}={other.address}" for other in hosts if other != host)
    movers = " ".join(other.name for other in hosts if other != host and other.role == "hypervisor")
    told = {"SELF": host.name, "ROLE": host.role, "PEERS": peers, "MOVERS": movers}
    told |= {"SHARE": known.share, "IMAGES": " ".join(known.images)}
    lines = [f"{key}={shlex.quote(value)}" for key, value in told.items()]
    lines += [PRELUDE, f'echo "{HELLO} $(date +%s.%N)"']
    for name, text in asked.items():
        lines += [f"echo '=== {name}'", f"(\n{text}\n) </dev/null 2>&1", f'echo "=== {name} $?"']
    return "\n".join(lines) + "\n"


def gather(
    shell: Shell, hosts: Sequence[Host], known: Known, seconds: float = SECONDS
) -> tuple[HostFacts, ...]:
    """What all hosts say; one that does not answer in time is in it, with the reason.

    Guests may have images that nobody declared: only then are the hosts asked once more.
    """
    asked = questions()

    def ask(host: Host, names: Iterable[str], known: Known = known) -> HostFacts:
        chosen = {name: asked[name] for name in names}
        return examine(shell, host, script(host, hosts, chosen, known), seconds)

    def answers(host: Host) -> HostFacts:
        hello = ask(host, ())  # by itself it tells the time best
        if hello.problem:
            return hello
        told, slowly = each(lambda names: ask(host, names), (asked.keys() - SLOW, SLOW))
        problem = told.problem or slowly.problem
        return hello.answering({**told.answers, **slowly.answers}, problem)

    found = each(answers, hosts)
    paths = sorted(_paths(found) - set(known.images))
    if not paths:
        return tuple(found)
    more = known.model_copy(update={"images": (*known.images, *paths)})

    def answers_again(pair: tuple[Host, HostFacts]) -> HostFacts:
        host, facts = pair
        return facts if facts.problem else facts.answering(ask(host, ["images"], more).answers)

    return tuple(each(answers_again, zip(hosts, found, strict=True)))


def _paths(found: Sequence[HostFacts]) -> set[str]:
    """What all guests need on their host: images, and the QEMU that they run with."""
    paths = set[str]()
    for host in found:
        with suppress(EvidenceError):  # then the checks say so
            for guest in host.domains:
                paths |= {disk.where for disk in guest.disks if disk.where}
                paths |= {*guest.boot_files, *([guest.emulator] if guest.emulator else [])}
    return paths


def examine(shell: Shell, host: Host, text: str, seconds: float) -> HostFacts:
    """One host."""
    known = {"name": host.name, "address": host.address, "role": host.role}
    began = time.time()
    try:
        said = shell(host.name, text, seconds)
    except NodeError as error:
        return HostFacts.model_validate({**known, "problem": str(error)})
    ended = time.time()
    if HELLO not in said:
        problem = f"{host.name}: expected answers, found {said.strip()[:80]!r}"
        return HostFacts.model_validate({**known, "problem": problem})
    return HostFacts.model_validate({**known, "answers": split(said), **_clock(said, began, ended)})


def split(said: str) -> dict[str, Answer]:
    """Answers by question; one that was cut off is not among them."""
    found: dict[str, Answer] = {}
    name, lines = "", list[str]()
    for line in said.splitlines():
        if begin := BEGIN.match(line):
            name, lines = begin[1], []
        elif (end := END.match(line)) and end[1] == name:
            found[name] = Answer(code=int(end[2]), text="\n".join(lines))
        else:
            lines.append(line)
    return found


def _clock(said: str, began: float, ended: float) -> dict[str, float]:
    """Its clock against ours: it was read somewhere between ``began`` and ``ended``."""
    told = re.search(rf"^{HELLO} (\d+\.\d+)$", said, re.MULTILINE)
    if told is None:
        return {}
    half = (ended - began) / 2
    return {
        "offset_ms": (float(told[1]) - began - half) * 1000,
        "offset_uncertainty_ms": half * 1000,
    }
