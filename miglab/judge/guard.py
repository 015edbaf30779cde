"""A judge that fails must not pass anything."""

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def guarded(judgement: Callable[[], T], unknown: Callable[[str], T]) -> T:
    """A judgement, or ``unknown`` with the reason when it crashes."""
    try:
        return judgement()
    except Exception as error:  # noqa: BLE001 - which one it is matters to nobody but the reader
        return unknown(f"the judge itself failed: {error!r}")
