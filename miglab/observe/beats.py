"""What came of the guest's beacon, as values."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from miglab.observe import record_file
from miglab.observe.record_file import boot_id, number
from miglab.values import Value

VERSION = 1
KINDS = {"i": (number, boot_id), "b": (number, number, number, number)}


class BeaconRecord(Value):
    """One recording.

    ``beats``: (sequence, the guest's CLOCK_MONOTONIC, its CLOCK_REALTIME, when it was received by
    our CLOCK_REALTIME), in order of receipt; times in ns.
    ``boots``: (how many beats came before, boot id) for each boot of the guest that was heard.
    """

    version: Literal[1] = 1
    hz: Annotated[int, Field(ge=1, le=10_000)]
    complete: bool
    boots: tuple[tuple[int, str], ...] = ()
    beats: tuple[tuple[int, int, int, int], ...] = ()

    @classmethod
    def read(cls, path: Path) -> "BeaconRecord":
        """The record in ``path``, as far as it goes; raises EvidenceError when there is none."""
        file = record_file.read(path, "beacon", (VERSION,), 1, KINDS)
        fields = {"hz": file.head[0], "boots": file.events["i"], "beats": file.events["b"]}
        return record_file.value(cls, file, "beacon", fields)
