"""Alive: it answers, what ran in it goes on at its pace, and its kernel complained of nothing."""

from miglab.guest.status import GuestStatus, LoadStatus
from miglab.judge.evidence import Evidence
from miglab.judge.oracles.finding import BLACK_BOX, SILENT, Finding, broken, intact, unknown
from miglab.workload import PAGE

PACE_MIN, UNBOUND_PACE_MIN = 0.5, 0.1
"""Of its pace before the move, a load must reach this after it; the machine is noisy.

One without a rate has what the machine leaves it, and slows down when others are at work there."""
SLOW = "the load does not get on"


def guest_alive(evidence: Evidence) -> Finding:
    """Silence is broken also after a failed move: the guest answered before, and had to stay."""
    history = evidence.history
    before, after = history.guest_before, history.guest_after
    for console in history.consoles:
        if complaints := console.complaints():
            what = f"{len(complaints)}×; the first: {complaints[0][:120]}"
            return broken(f"the guest's console on {console.host} has complaints ({what})")
    if before is None:
        return unknown(BLACK_BOX)
    if after is None:
        return broken(SILENT)
    if after.kmsg.bad > before.kmsg.bad:
        more = after.kmsg.bad - before.kmsg.bad
        return broken(
            f"the guest's kernel complained ({more}×); first since boot: {after.kmsg.first}"
        )
    if after.journal.errors > before.journal.errors:
        return broken(f"writes failed in the guest, errno {after.journal.errno}")
    if _beacon_ended(before, after):
        return broken("the guest's beacon was to go on, and has ended")
    if history.guest_settled is None:
        return unknown("the guest was not asked at once after the move")
    return _goes_on(before, history.guest_settled, history.guest_rested or after)


def _beacon_ended(before: GuestStatus, after: GuestStatus) -> bool:
    was = before.beacon is not None and before.beacon.state == "running"
    return was and (after.beacon is None or after.beacon.state != "running")


def _goes_on(before: GuestStatus, settled: GuestStatus, after: GuestStatus) -> Finding:
    """Whether what ran before the move still gets on after it, and not only until it."""
    if before.journal.state == "running" and after.journal.acked <= settled.journal.acked:
        return broken("not one write was acknowledged since the move")
    rounds = computed(settled, after)
    if before.load.cpus and rounds <= 0:
        return broken("the threads that compute stood still since the move")
    if before.load.state != "running" or before.load.rate == 0:
        did = f"; computed {rounds} rounds since the move" if before.load.cpus else ""
        return intact(f"answers, and its kernel complained of nothing{did}")
    written = after.load.written - settled.load.written
    if after.load.state != "running":
        return broken(f"the load stood still since the move; it is {after.load.state}")
    if not _owes_a_page(settled, after):
        if written:
            return intact(f"answers; its load rewrote {written} pages since the move")
        return unknown("the load is too slow to tell whether it went on since the move")
    if written <= 0:
        return broken("the load stood still since the move; it is running")
    return _pace(before.load, settled, after)


def computed(settled: GuestStatus, after: GuestStatus) -> int:
    """How many rounds the threads that compute did meanwhile; an older guest has none."""
    return (after.load.computed or 0) - (settled.load.computed or 0)


def _pace(load: LoadStatus, settled: GuestStatus, after: GuestStatus) -> Finding:
    """Whether it goes on at the rate it had, or at the one it was asked for if that is less."""
    now, before = pace(settled, after), _expected(load)
    figures = f"{now / (1 << 20):.1f} MiB/s since the move, {before / (1 << 20):.1f} before"
    if now < least_pace(load):
        return broken(f"{SLOW}: {figures}")
    return intact(f"answers; its load rewrites {figures}")


def pace(settled: GuestStatus, after: GuestStatus) -> float:
    """Bytes per second that the load rewrote between two answers, by the guest's own clock."""
    seconds = max(1e-9, _seconds(settled, after))
    return (after.load.written - settled.load.written) * PAGE / seconds


def _seconds(settled: GuestStatus, after: GuestStatus) -> float:
    """By the guest's own clock."""
    return (after.mono_ns - settled.mono_ns) / 1e9


def least_pace(load: LoadStatus) -> float:
    """Bytes per second below which a load that was as ``load`` says does not get on."""
    return (UNBOUND_PACE_MIN if isinstance(load.rate, str) else PACE_MIN) * _expected(load)


def _expected(load: LoadStatus) -> float:
    return load.achieved_bps if isinstance(load.rate, str) else min(load.rate, load.achieved_bps)


def _owes_a_page(settled: GuestStatus, after: GuestStatus) -> bool:
    """Whether the load's rate makes for pages between the two answers, by a wide margin."""
    if isinstance(after.load.rate, str):
        return True
    return after.load.rate * _seconds(settled, after) >= 10 * PAGE
