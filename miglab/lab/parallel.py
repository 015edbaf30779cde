"""One action on several machines at once."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def each(action: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """``action`` on all items at once; the first error is raised after all have ended."""
    work = list(items)
    with ThreadPoolExecutor(max_workers=max(1, len(work))) as pool:
        return list(pool.map(action, work))
