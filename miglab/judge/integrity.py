"""Whether anything was lost: memory, disk, identity, and whether the guest lives on. Pure."""

from collections.abc import Callable, Iterator
from typing import Literal

from miglab.guest.status import GuestStatus
from miglab.observe.history import History
from miglab.observe.journal import JournalReading, JournalRecord
from miglab.values import Value

State = Literal["intact", "broken", "unknown"]


class Finding(Value):
    """One oracle's answer, and the evidence it rests on."""

    state: State
    detail: str


class Integrity(Value):
    """The four oracles of a run."""

    memory: Finding
    disk: Finding
    identity: Finding
    guest_alive: Finding

    def by_name(self) -> Iterator[tuple[str, Finding]]:
        """Name and finding, in the order of the contract."""
        yield from ((name, getattr(self, name)) for name in type(self).model_fields)


def judge(history: History) -> Integrity:
    """All four; an oracle that itself fails is unknown, never intact."""
    return Integrity(
        memory=_guarded(memory, history),
        disk=_guarded(disk, history),
        identity=_guarded(identity, history),
        guest_alive=_guarded(guest_alive, history),
    )


def _guarded(oracle: Callable[[History], Finding], history: History) -> Finding:
    try:
        return oracle(history)
    except Exception as error:  # noqa: BLE001 - a judge that crashes must not pass anything
        return Finding(state="unknown", detail=f"the oracle itself failed: {error!r}")


def memory(history: History) -> Finding:
    """Every page was what it had to be: before each rewrite, and in a sweep after the move."""
    before, after = history.guest_before, history.guest_after
    if after is None:
        return Finding(state="unknown", detail="the guest did not answer after the move")
    if after.boot_id != before.boot_id:
        return Finding(state="broken", detail="the guest was booted anew: its memory is gone")
    wrong = after.load.mismatches - before.load.mismatches
    if wrong:
        return Finding(
            state="broken", detail=f"{wrong} pages were not what they had to be{_first(after)}"
        )
    if after.load.state == "off" or after.load.sweeps <= before.load.sweeps:
        return Finding(state="unknown", detail="the pages were not swept after the move")
    checked = after.load.verified - before.load.verified
    return Finding(
        state="intact",
        detail=f"{checked} pages verified, the whole working set of {after.load.pages} after the move",
    )


def _first(status: GuestStatus) -> str:
    first = status.load.first_mismatch
    if first is None:
        return ""
    return f"; first: page {first.page}, expected {first.expected}, found {first.found}"


def disk(history: History) -> Finding:
    """Every write that was acknowledged to the guest lies in the image, whole and in its place."""
    reading, boot = history.journal, history.guest_before.boot_id
    if reading is None or reading.last < reading.first:
        return Finding(state="unknown", detail="no acknowledged write was read back")
    wanted = reading.last - max(reading.first, reading.last - reading.slots + 1) + 1
    if len(reading.records) < wanted:
        return Finding(
            state="unknown", detail=f"only {len(reading.records)} of {wanted} records could be read"
        )
    lost = [record for record in _wrong(reading, boot)]
    if lost:
        return Finding(
            state="broken",
            detail=f"{len(lost)} of {wanted} acknowledged writes are not in the image;"
            f" the first in slot {lost[0].slot}",
        )
    return Finding(
        state="intact",
        detail=f"{wanted} acknowledged writes read back from the image by the storage node",
    )


def _wrong(reading: JournalReading, boot: str) -> Iterator[JournalRecord]:
    """Records that are torn, of another boot, or not the one that was acknowledged for their slot."""
    first = max(reading.first, reading.last - reading.slots + 1)
    expected = range(first, reading.last + 1)
    for sequence, record in zip(expected, reading.records, strict=False):
        if not record.whole or record.boot_id != boot or record.sequence != sequence:
            yield record


def identity(history: History) -> Finding:
    """It is the same guest, it runs exactly once, and it is where it has to be."""
    before, after = history.guest_before, history.guest_after
    alive = [state.host for state in history.domains if state.alive]
    left = [state.host for state in history.domains if not state.alive and state.state != "absent"]
    home = history.plan.target if history.outcome.error is None else history.plan.source
    if not history.domains:
        return Finding(state="unknown", detail="no host was asked where the guest is")
    if len(alive) > 1:
        return Finding(state="broken", detail=f"the guest is alive on {' and '.join(alive)}")
    if not alive:
        return Finding(state="broken", detail="the guest is alive nowhere")
    if alive != [home]:
        return Finding(state="broken", detail=f"the guest is on {alive[0]}, expected on {home}")
    if left:
        return Finding(state="broken", detail=f"a copy of the guest is left on {', '.join(left)}")
    if after is None:
        return Finding(state="unknown", detail="the guest did not answer after the move")
    if after.boot_id != before.boot_id:
        return Finding(state="broken", detail="the boot id changed: the guest was booted anew")
    if after.mono_ns <= before.mono_ns or after.load.written < before.load.written:
        return Finding(state="broken", detail="the guest's counters went back: an old copy runs")
    return Finding(state="intact", detail=f"the same boot, running on {home} only")


def guest_alive(history: History) -> Finding:
    """It answers, its load goes on, and its kernel complained of nothing."""
    before, after = history.guest_before, history.guest_after
    if after is None:
        return Finding(state="broken", detail="the guest did not answer after the move")
    if after.kmsg.bad > before.kmsg.bad:
        return Finding(state="broken", detail=f"the guest's kernel complained: {after.kmsg.first}")
    if after.journal.errors > before.journal.errors:
        return Finding(
            state="broken", detail=f"writes failed in the guest, errno {after.journal.errno}"
        )
    if before.load.state == "running" and before.load.rate != 0:
        written = after.load.written - before.load.written
        if not written:
            return Finding(state="broken", detail="the load stands still since the move")
        return Finding(
            state="intact", detail=f"answers; its load rewrote {written} pages meanwhile"
        )
    return Finding(state="intact", detail="answers, and its kernel complained of nothing")
