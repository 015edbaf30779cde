"""Whether anything was lost: memory, disk, identity, and whether the guest lives on. Pure."""

from collections.abc import Callable, Iterator
from typing import Literal, TypeVar

from miglab.guest.status import GuestStatus
from miglab.observe.history import History
from miglab.observe.journal import JournalReading, JournalRecord
from miglab.observe.states import DomainState
from miglab.values import Value
from miglab.workload import PAGE

State = Literal["intact", "broken", "unknown"]
SILENT = "the guest did not answer after the move"
T = TypeVar("T")


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

    def ask(oracle: Callable[[History], Finding]) -> Finding:
        return guarded(lambda: oracle(history), unknown)

    return Integrity(
        memory=ask(memory), disk=ask(disk), identity=ask(identity), guest_alive=ask(guest_alive)
    )


def guarded(judgement: Callable[[], T], unknown: Callable[[str], T]) -> T:
    """A judgement, or ``unknown`` with the reason when it crashes: that must not pass anything."""
    try:
        return judgement()
    except Exception as error:  # noqa: BLE001 - which one it is matters to nobody but the reader
        return unknown(f"the judge itself failed: {error!r}")


def intact(detail: str) -> Finding:
    """Nothing was lost, by this evidence."""
    return Finding(state="intact", detail=detail)


def broken(detail: str) -> Finding:
    """Something was lost, and this shows it."""
    return Finding(state="broken", detail=detail)


def unknown(detail: str) -> Finding:
    """The evidence is missing or contradicts itself."""
    return Finding(state="unknown", detail=detail)


def memory(history: History) -> Finding:
    """Every page was what it had to be: before each rewrite, and in a sweep after the move."""
    before, after = history.guest_before, history.guest_after
    if after is None:
        return unknown(SILENT)
    if after.boot_id != before.boot_id:
        return broken("the guest was booted anew: its memory is gone")
    wrong = after.load.mismatches - before.load.mismatches
    if wrong > 0:
        return broken(f"pages that were not what they had to be: {wrong}{_first(after)}")
    if after.load.state == "off" or after.load.sweeps <= before.load.sweeps or wrong:
        return unknown("the pages were not swept after the move")
    checked = after.load.verified - before.load.verified
    return intact(
        f"{checked} pages verified, after the move the whole working set of {after.load.pages}"
    )


def _first(status: GuestStatus) -> str:
    first = status.load.first_mismatch
    if first is None:
        return ""
    return f"; the first since boot: page {first.page}, {first.expected} was {first.found}"


def disk(history: History) -> Finding:
    """Every write that was acknowledged to the guest lies in the image, whole and in its place."""
    reading, before, after = history.journal, history.guest_before, history.guest_after
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
    return intact(f"{wanted} acknowledged writes read back from the image by the storage node")


def _lost(reading: JournalReading, boot: str) -> Iterator[JournalRecord]:
    """Records that are torn, of another boot, or not the one that was acknowledged for their slot.

    A slot may hold a later record of the same boot: the guest went round while it was read.
    """
    for sequence, record in zip(reading.expected, reading.records, strict=False):
        rounds, rest = divmod(record.sequence - sequence, reading.slots)
        if not record.whole or record.boot_id != boot or rounds < 0 or rest:
            yield record


def identity(history: History) -> Finding:
    """It is the same guest, it runs exactly once, and it is where it has to be."""
    home = history.plan.target if history.outcome.error is None else history.plan.source
    where = _where(history.domains, home)
    if where.state == "broken":
        return where
    who = _who(history.guest_before, history.guest_after)
    if who.state != "intact":
        return who
    return where if where.state == "unknown" else intact(f"{who.detail}, {where.detail}")


def _where(domains: tuple[DomainState, ...], home: str) -> Finding:
    """What the hosts say: it is at home, runs, and is nowhere else; what one saw outweighs."""
    alive = [state.host for state in domains if state.alive]
    silent = [state.host for state in domains if not state.known]
    if len(alive) > 1:
        return broken(f"the guest is alive on {' and '.join(alive)}")
    if alive and alive != [home]:
        return broken(f"the guest is on {alive[0]}, expected on {home}")
    if left := [state.host for state in domains if state.left_over]:
        return broken(f"a definition of the guest is left on {', '.join(left)}")
    if silent or home not in [state.host for state in domains]:
        return unknown(f"where the guest is was not said by {', '.join(silent) or home}")
    if not alive:
        return broken("the guest is alive nowhere")
    state = next(state.state for state in domains if state.alive)
    return (
        intact(f"running on {home} only")
        if state == "running"
        else broken(f"the guest is {state} on {home}, expected running")
    )


def _who(before: GuestStatus, after: GuestStatus | None) -> Finding:
    """What the guest says: one boot, and no counter that went back."""
    if after is None:
        return unknown(SILENT)
    if after.boot_id != before.boot_id:
        return broken("the boot id changed: the guest was booted anew")
    counters = {
        "clock": (before.mono_ns, after.mono_ns),
        "pages written": (before.load.written, after.load.written),
        "sweeps": (before.load.sweeps, after.load.sweeps),
        "writes acknowledged": (before.journal.acked, after.journal.acked),
    }
    for name, (then, now) in counters.items():
        if now < then:
            return broken(f"an old copy runs: {name} went back from {then} to {now}")
    return intact("the same boot")


def guest_alive(history: History) -> Finding:
    """It answers, load and writes went on after the move, its kernel complained of nothing.

    Silence is broken also after a failed move: the guest answered before, and had to stay.
    """
    before, after = history.guest_before, history.guest_after
    if after is None:
        return broken(SILENT)
    if after.kmsg.bad > before.kmsg.bad:
        more = after.kmsg.bad - before.kmsg.bad
        return broken(
            f"the guest's kernel complained ({more}×); first since boot: {after.kmsg.first}"
        )
    if after.journal.errors > before.journal.errors:
        return broken(f"writes failed in the guest, errno {after.journal.errno}")
    if history.guest_settled is None:
        return unknown("the guest was not asked at once after the move")
    return _goes_on(before, history.guest_settled, after)


def _goes_on(before: GuestStatus, settled: GuestStatus, after: GuestStatus) -> Finding:
    """Whether what ran before the move still gets on after it, and not only until it."""
    if before.journal.state == "running" and after.journal.acked <= settled.journal.acked:
        return broken("not one write was acknowledged since the move")
    if before.load.state != "running" or before.load.rate == 0:
        return intact("answers, and its kernel complained of nothing")
    written = after.load.written - settled.load.written
    if after.load.state == "running" and written == 0 and not _owes_a_page(settled, after):
        return unknown("the load is too slow to tell whether it went on since the move")
    if after.load.state != "running" or written <= 0:
        return broken(f"the load stood still since the move; it is {after.load.state}")
    return intact(f"answers; its load rewrote {written} pages since the move")


def _owes_a_page(settled: GuestStatus, after: GuestStatus) -> bool:
    """Whether the load's rate makes for pages between the two answers, by a wide margin."""
    if isinstance(after.load.rate, str):
        return True
    seconds = (after.mono_ns - settled.mono_ns) / 1e9
    return after.load.rate * seconds >= 10 * PAGE
