"""How figures and findings are put in words, the same in a terminal and on a page."""

from collections.abc import Iterator
from itertools import groupby

from miglab.judge.measured import Measured
from miglab.judge.verdict import Verdict
from miglab.observe.history import Environment
from miglab.workload import Load

MIB = 1 << 20
UNKNOWN = "?"
DOWNTIME = {
    "client": "network dark, by ping",
    "vcpu": "vCPUs stopped, STOP → RESUME",
    "libvirt": "libvirt's own figure",
    "guest": "the guest's clock stood, by its beacon",
    "disk": "disk stalled",
}
NOTICED = {
    "stream": "an application waited for an answer over TCP",
    "beacon": "nothing came from the guest",
    "program": "the guest ran, but the program in it did not",
    "write": "one write took so long for the guest",
}


def figures(verdict: Verdict) -> Iterator[tuple[str, Measured, str]]:
    """Path in the verdict, figure and meaning of each, in the order of the contract."""
    for group, meanings in (("downtime_ms", DOWNTIME), ("noticed_ms", NOTICED)):
        for name, meaning in meanings.items():
            yield f"{group}.{name}", getattr(getattr(verdict, group), name), meaning


def stands_out(figure: Measured) -> bool:
    """Whether it is known, and more than its own uncertainty."""
    return figure.value is not None and figure.value > (figure.uncertainty or 0)


def value(figure: Measured) -> str:
    """In ms, to a tenth."""
    return UNKNOWN if figure.value is None else f"{figure.value:.1f}"


def uncertainty(figure: Measured) -> str:
    """In ms, to three digits: more would say more than is known."""
    unsure = figure.uncertainty
    if unsure is None:
        return ""
    return f"{unsure:.3g}" if unsure < 1000 else f"{unsure:.0f}"


def mib(count: float | None) -> str:
    """Bytes as MiB."""
    return UNKNOWN if count is None else f"{count / MIB:.1f}"


def given(figure: int | None) -> str:
    """A count, or that there is none; nought is a count."""
    return UNKNOWN if figure is None else str(figure)


def acceleration(environment: Environment) -> str:
    """The kind, by a name that people know."""
    kind = environment.acceleration
    return "emulated (TCG)" if kind == "qemu" else kind


def load(verdict: Verdict) -> str:
    """As it is written on a command line."""
    return verdict.load.name if isinstance(verdict.load, Load) else verdict.load or "as is"


def way(verdict: Verdict) -> str:
    """All hosts that the guest was on, in order; without a move, from where to where it was to."""
    hosts = [verdict.migration.source, verdict.migration.target]
    if verdict.moves:
        hosts = [verdict.moves[0].source, *(move.target for move in verdict.moves)]
    return " → ".join(host for host, _ in groupby(hosts))
