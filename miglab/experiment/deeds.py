"""Deeds in the middle of a migration, done when their moment has come and not when a clock says."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from miglab.migration.attendant import Attendant
from miglab.migration.listener import Listener
from miglab.observe.deeds import Deed

LOOK_SECONDS = 0.5


@dataclass(frozen=True)
class At:
    """What is to be done at a moment: a round of copying, or a word that QEMU says.

    Such as ``2``, ``"postcopy-active"`` (QEMU: MigrationStatus) or ``"RESUME"`` (an event). The
    deed may raise anything; it is then written down as one that failed.
    """

    moment: int | str
    name: str
    deed: Callable[[], object]

    def has_come(self, listener: Listener) -> bool:
        """Whether that round was announced, or that word said by any host's QEMU."""
        if isinstance(self.moment, int):
            return listener.iteration >= self.moment
        return any(self.moment in (event.name, event.status) for event in listener.events())


class Deeds(Attendant):
    """Does what is ``wanted``, in order, while the block runs; ``done`` says what and when."""

    def __init__(self, listener: Listener, wanted: Iterable[At]) -> None:
        super().__init__(listener, "deeds")
        self.done: list[Deed] = []
        self._wanted = list(wanted)

    def undone(self) -> list[str]:
        """What never had its moment, and what failed, in words."""
        missed = self._wanted[len(self.done) :]
        failed = [deed for deed in self.done if deed.error]
        return [
            *(f"{at.name}: its moment ({at.moment}) never came" for at in missed),
            *(f"{deed.name}: failed: {deed.error}" for deed in failed),
        ]

    def _attend(self) -> None:
        for at in self._wanted:
            while not at.has_come(self._listener):
                if self._ended.is_set():
                    return
                self._listener.wait(LOOK_SECONDS)
            self.done.append(_done(at))


def _done(at: At) -> Deed:
    began_ns, error = time.time_ns(), None
    try:
        at.deed()
    except Exception as problem:  # noqa: BLE001 - anybody's deed, and the run goes on
        error = f"{type(problem).__name__}: {problem}"
    return Deed(
        name=at.name,
        moment=str(at.moment),
        began_ns=began_ns,
        ended_ns=time.time_ns(),
        error=error,
    )
