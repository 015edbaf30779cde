"""What a check found: what, where, the evidence it saw, and how to mend it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from miglab.values import Value

Severity = Literal["blocks", "dangerous", "slow", "advice"]
"""A migration fails; it succeeds and something may be lost; it takes long or is noticed; mind."""
SEVERITIES: tuple[Severity, ...] = ("blocks", "dangerous", "slow", "advice")
RESTART = "{ systemctl try-restart libvirtd; systemctl try-restart virtqemud; } 2>/dev/null; true"
"""libvirt's daemon, whichever runs; guests do not notice. An absent unit is no error."""
Scope = Literal["host", "hypervisor", "couple", "pair", "guest"]


class Remedy(Value):
    """In words; ``command`` is for a root shell on ``host``; ``deploy``: ours can mend it."""

    what: str
    host: str | None = None
    command: str | None = None
    deploy: bool = False


class Finding(Value):
    """``hosts``: where, source before target. ``follows``: the finding that it comes of, if any.

    ``guest`` names the guest that it matters to; None if it does to any.
    """

    id: str
    severity: Severity
    hosts: tuple[str, ...]
    what: str
    evidence: tuple[str, ...]
    remedy: Remedy
    guest: str | None = None
    follows: str | None = None

    @property
    def where(self) -> str:
        """``source → target``, or one host."""
        return " → ".join(self.hosts)


class Untold(Value):
    """What a check could not tell, and why: never taken for health."""

    id: str
    hosts: tuple[str, ...]
    why: str


@dataclass(frozen=True)
class Check:
    """One known failure, and how it is known.

    ``examine`` is pure, and is called by ``scope``:

    - ``host``: ``(facts, host)``, for each host;
    - ``hypervisor``: ``(facts, host)``, for each that can run guests;
    - ``couple``: ``(facts, source, target)``, for each two of these, once;
    - ``pair``: ``(facts, source, target)``, for each two of these, in both directions;
    - ``guest``: ``(facts, guest, source, target)``, for each guest and each host it is not on.

    It raises FactError for what it was not told.
    """

    id: str
    title: str
    scope: Scope
    examine: Callable[..., Iterator[Finding]]
