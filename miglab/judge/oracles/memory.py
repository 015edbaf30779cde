"""Memory: every page was what it had to be, and all together are what the host reckons."""

from miglab.guest.pages import expected_digest
from miglab.guest.status import GuestStatus, LoadStatus
from miglab.judge.evidence import Evidence
from miglab.judge.oracles.finding import BLACK_BOX, SILENT, Finding, broken, intact, unknown

RECKONED_MAX = 10_000_000
"""Rewrites in random order, which the host has to draw one by one: some twenty seconds."""


def memory(evidence: Evidence) -> Finding:
    """Checked before each rewrite, in a sweep after the move, and by a digest of that sweep.

    The guest reports how often it rewrote pages and the digest of what it found in memory; the
    host reckons the digest anew from that number, so a guest that lies or is an old copy is caught.
    """
    before, after = evidence.history.guest_before, evidence.history.guest_after
    if before is None:
        return unknown(BLACK_BOX)
    if after is None:
        return unknown(SILENT)
    if after.boot_id != before.boot_id:
        return broken("the guest was booted anew: its memory is gone")
    wrong = after.load.mismatches - before.load.mismatches
    if wrong > 0:
        return broken(f"pages that were not what they had to be: {wrong}{_first(after)}")
    if after.load.state == "off" or after.load.sweeps <= before.load.sweeps or wrong:
        return unknown("the pages were not swept after the move")
    return _by_digest(after.load, after.load.verified - before.load.verified)


def _by_digest(load: LoadStatus, checked: int) -> Finding:
    said = f"{checked} pages verified, after the move the whole working set of {load.pages}"
    swept = load.swept
    if swept is None:  # a guest of before the digest
        return intact(said)
    if swept.region_written > load.written:
        return broken(
            f"the guest says that it rewrote {swept.region_written} pages of this load,"
            f" and {load.written} in all"
        )
    if load.pattern != "sequential" and swept.region_written > RECKONED_MAX:
        return unknown(f"{swept.region_written} rewrites at random are too many to reckon")
    expected = expected_digest(
        pattern=load.pattern,
        pages=load.pages,
        seed=load.seed,
        compressibility=load.compressibility_pct,
        zero=load.zero_pct or 0,
        region_written=swept.region_written,
    )
    after = f"after {swept.region_written} rewrites"
    if swept.digest != expected:
        return broken(f"the digest of all pages {after} is {swept.digest}, must be {expected}")
    return intact(f"{said}; their digest {after} is the one that the host reckons")


def _first(status: GuestStatus) -> str:
    first = status.load.first_mismatch
    if first is None:
        return ""
    return f"; the first since boot: page {first.page}, {first.expected} was {first.found}"
