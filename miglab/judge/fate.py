"""What became of the guest, in a word."""

from typing import Literal

from miglab.observe.events import POSTCOPY_PAUSED, last_status
from miglab.observe.history import History
from miglab.observe.states import BROKEN_OFF, DomainState

Fate = Literal["moved", "stayed", "split", "lost", "unknown"]
"""``split``: there is something of it on more than one host; ``lost``: there is nothing left, or a
half whose other half is gone."""


def fate(history: History) -> Fate:
    """By what every host said in the end."""
    alive = [state.host for state in history.domains if state.alive]
    if len(alive) > 1:
        return "split"
    if not alive:
        asked = bool(history.domains) and all(state.known for state in history.domains)
        return "lost" if asked else "unknown"
    if any(state.alive and _is_half(history, state) for state in history.domains):
        return "lost"
    return "stayed" if alive == [history.plan.source] else "moved"


def _is_half(history: History, state: DomainState) -> bool:
    """Whether its host knows, or its QEMU said: libvirt may wait for long before it believes it."""
    said = last_status(history.events, state.host)
    return state.state == BROKEN_OFF or said == POSTCOPY_PAUSED
