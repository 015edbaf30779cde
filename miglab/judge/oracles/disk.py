"""Disk: every write that was acknowledged to the guest lies in the image, whole and in order."""

from collections.abc import Iterator
from itertools import pairwise

from miglab.judge.evidence import Evidence
from miglab.judge.oracles.finding import BLACK_BOX, Finding, broken, intact, unknown
from miglab.observe.journal import JournalReading, JournalRecord


def disk(evidence: Evidence) -> Finding:
    """By what the storage node read of the image, which is another way than the guest's."""
    history = evidence.history
    reading, before, after = history.journal, history.guest_before, history.guest_after
    if before is None:
        return unknown(BLACK_BOX)
    if reading is None or not reading.expected:
        return unknown("no write of this run was acknowledged and read back")
    if after is not None and after.boot_id != before.boot_id:
        return unknown("the guest was booted anew: its journal began again")
    wanted, found = len(reading.expected), len(reading.records)
    if found < wanted:
        return unknown(f"only {found} of {wanted} records could be read")
    lost = list(_lost(reading, before.boot_id))
    if lost:
        return broken(
            f"acknowledged writes that are not in the image: {len(lost)} of {wanted},"
            f" the first in slot {lost[0].slot}"
        )
    if (swapped := _out_of_order(reading)) is not None:
        return broken(f"writes lie in another order than they were made in, at slot {swapped}")
    return intact(f"{wanted} acknowledged writes read back from the image by the storage node")


def _lost(reading: JournalReading, boot: str) -> Iterator[JournalRecord]:
    """Records that are torn, of another boot, or not the one that was acknowledged for their slot.

    A slot may hold a later record of the same boot: the guest went round while it was read.
    """
    for sequence, record in zip(reading.expected, reading.records, strict=False):
        rounds, rest = divmod(record.sequence - sequence, reading.slots)
        if not record.whole or record.boot_id != boot or rounds < 0 or rest:
            yield record


def _out_of_order(reading: JournalReading) -> int | None:
    """The first slot whose record is older, by the guest's clock, than the one numbered before."""
    ordered = sorted(reading.records, key=lambda record: record.sequence)
    for sooner, later in pairwise(ordered):
        if later.mono_ns < sooner.mono_ns:
            return later.slot
    return None
