"""What an oracle says."""

from typing import Literal

from miglab.values import Value

State = Literal["intact", "broken", "unknown"]
SILENT = "the guest did not answer after the move"
BLACK_BOX = "the guest has not our program in it: only what can be seen from outside is known"


class Finding(Value):
    """One oracle's answer, and the evidence it rests on."""

    state: State
    detail: str


def intact(detail: str) -> Finding:
    """Nothing was lost, by this evidence."""
    return Finding(state="intact", detail=detail)


def broken(detail: str) -> Finding:
    """Something was lost, and this shows it."""
    return Finding(state="broken", detail=detail)


def unknown(detail: str) -> Finding:
    """The evidence is missing or contradicts itself."""
    return Finding(state="unknown", detail=detail)
