"""What is done beside a migration, in a thread that its listener wakes."""

import threading
from abc import ABC, abstractmethod
from typing import Self

from miglab.migration.listener import Listener


class Attendant(ABC):
    """Attends while the block runs; at its end it is woken, and waited for."""

    def __init__(self, listener: Listener, name: str) -> None:
        self._listener = listener
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._attend, name=name, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._listener.wake()
        self._thread.join()

    @abstractmethod
    def _attend(self) -> None:
        """Until its work is done, or ``_ended`` is set."""
