"""Outages found in synthetic records whose darkness is known."""

from collections.abc import Callable, Sequence
from ipaddress import IPv4Address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from miglab.errors import EvidenceError
from miglab.judge.outage import Baseline, client_outage, outages
from miglab.observe.probes import PingRecord

MS = 1_000_000
EPOCH = 1_700_000_000_000_000_000
TARGET = IPv4Address("192.168.80.50")
Span = tuple[float, float]


def ns(ms: float) -> int:
    """A moment ``ms`` after the first probe's slot."""
    return EPOCH + round(ms * MS)


def record(
    until_ms: float,
    interval_ms: int = 2,
    dark: Sequence[Span] = (),
    stalled: Sequence[Span] = (),
    late_ms: Callable[[int], float] = lambda _: 0.0,
    way_ms: Callable[[int], float] = lambda _: 0.3,
    queued: bool = False,
) -> PingRecord:
    """What a recorder writes of a network that is dark and a sender that is stalled at known times.

    A stalled sender misses its slots. ``queued``: the dark network keeps the probes and delivers
    them afterwards. Dark counts when the reply would come, half-open. Nothing overtakes.
    """
    sent, replies, back = [], [], 0.0
    slots = (float(slot) for slot in range(0, round(until_ms), interval_ms))
    for sequence, slot in enumerate(t for t in slots if not any(a <= t < b for a, b in stalled)):
        left = slot + late_ms(sequence)
        sent.append((sequence, ns(left)))
        back = max(back, left + way_ms(sequence))
        night = next(((a, b) for a, b in dark if a <= back < b), None)
        if night is None:
            replies.append((sequence, ns(back)))
        elif queued:
            replies.append((sequence, ns(night[1]) + 10_000 * sequence))
    return PingRecord(
        target=TARGET,
        interval_ms=interval_ms,
        complete=True,
        sent=tuple(sent),
        replies=tuple(replies),
    )


def holds(measured_record: PingRecord, started_ms: float, truth_ms: float) -> bool:
    """Whether the truth lies within the published uncertainty."""
    measured = client_outage(measured_record, ns(started_ms), ns(started_ms))
    assert measured.value is not None, measured.note
    assert measured.uncertainty is not None
    return abs(measured.value - truth_ms) <= measured.uncertainty + 1e-5


@settings(deadline=None)
@given(
    length=st.floats(5, 2000),
    phase=st.floats(0, 20),
    interval=st.integers(1, 10),
    queued=st.booleans(),
)
def test_truth_within_uncertainty(length: float, phase: float, interval: int, queued: bool) -> None:
    """Any darkness at any phase is known to within one probe interval."""
    start = 150.0 * interval + phase
    dark = record(start + length + 100, interval, [(start, start + length)], queued=queued)
    assert holds(dark, start, length)
    measured = client_outage(dark, ns(start), ns(start + length))
    assert measured.uncertainty == pytest.approx(interval, abs=0.01)


@settings(deadline=None)
@given(
    length=st.floats(5, 300),
    phase=st.floats(0, 20),
    interval=st.integers(1, 5),
    late=st.lists(st.floats(0, 0.999), min_size=50, max_size=50),
    way=st.lists(st.floats(0.1, 3), min_size=50, max_size=50),
)
def test_truth_within_uncertainty_on_a_bad_day(
    length: float, phase: float, interval: int, late: list[float], way: list[float]
) -> None:
    """A sender late by up to an interval and a network that jitters widen, but never break, it."""
    start = 200.0 * interval + phase
    bad = record(
        start + length + 300,
        interval,
        [(start, start + length)],
        late_ms=lambda n: late[n % 50] * interval,
        way_ms=lambda n: way[n % 47],
    )
    assert holds(bad, start, length)


@settings(deadline=None)
@given(length=st.floats(20, 500), offset=st.floats(-30, 500), stall=st.floats(1, 200))
def test_a_sender_stalled_around_the_darkness_widens(
    length: float, offset: float, stall: float
) -> None:
    """Where no probe was sent nothing is known, and the uncertainty says so."""
    start = 300.5
    stalled = (start + offset, start + offset + stall)
    found = record(start + 1000, dark=[(start, start + length)], stalled=[stalled])
    assert holds(found, start, length)


def test_a_stalled_sender_alone_is_no_outage() -> None:
    """No probes, no darkness: nothing stands out, and zero lies within the uncertainty."""
    stalled = record(1000, stalled=[(500.5, 600.5)])
    assert outages(stalled, ns(400)) == ()
    assert holds(stalled, 400, 0)
    assert client_outage(stalled, ns(400), ns(900)).within(50) == "unknown"
    assert client_outage(stalled, ns(400), ns(900)).within(250) == "pass"


def test_a_sure_outage_beside_a_longer_stall_still_counts() -> None:
    """The sender's long silence cannot hide a shorter darkness that was seen."""
    both = record(1500, dark=[(1000.5, 1080.5)], stalled=[(500.5, 600.5)])
    assert client_outage(both, ns(400), ns(1400)).within(50) == "fail"


def test_a_stall_in_the_baseline_is_not_the_network_s_jitter() -> None:
    """The baseline publishes the gap, but only the network's own unevenness counts as noise."""
    baseline = Baseline.of(record(1000, stalled=[(100.5, 160.5)]), ns(900))
    assert baseline.gap_max_ms == pytest.approx(62)
    assert baseline.jitter_ms == pytest.approx(0)


def test_two_outages_are_two() -> None:
    """Each with its own ends; the client's figure is the longer one."""
    two = record(2000, dark=[(500.5, 600.5), (800.5, 1050.5)])
    first, second = outages(two, ns(400))
    assert first.value_ms == pytest.approx(100)
    assert second.value_ms == pytest.approx(250)
    assert first.last_before_ns == ns(500.3)
    assert first.first_after_ns == ns(602.3)
    assert first.uncertainty_ms == pytest.approx(2)
    assert client_outage(two, ns(400), ns(1500)).value == pytest.approx(250)


def test_an_outage_before_the_migration_is_not_its_outage() -> None:
    """It belongs to the baseline, and makes that a bad one."""
    early = record(3000, dark=[(500.5, 540.5)])
    assert outages(early, ns(2000)) == ()
    assert Baseline.of(early, ns(2000)).jitter_ms == pytest.approx(40)


def test_no_outage_is_about_zero() -> None:
    """An untouched network measures zero within one interval."""
    quiet = client_outage(record(1000), ns(400), ns(900))
    assert quiet.value == pytest.approx(0)
    assert quiet.within(2.1) == "pass"


def test_baseline_figures() -> None:
    """Counts and nearest-rank percentiles of what came before."""
    baseline = Baseline.of(record(1000, dark=[(100.0, 102.0)]), ns(400))
    assert (baseline.replies, baseline.lost) == (199, 1)
    assert baseline.gap_p50_ms == pytest.approx(2)
    assert baseline.gap_max_ms == pytest.approx(4)
    assert baseline.uncertainty_ms == pytest.approx(4)


def with_losses(every: int) -> PingRecord:
    """A record that lost one probe in ``every``."""
    whole = record(1000)
    kept = tuple(reply for reply in whole.replies if reply[0] % every)
    return whole.model_copy(update={"replies": kept})


def set_back() -> PingRecord:
    """A record during which somebody set the clock."""
    whole = record(1000)
    sent = tuple((n, moment - (50 * MS if n > 250 else 0)) for n, moment in whole.sent)
    return whole.model_copy(update={"sent": sent})


@pytest.mark.parametrize(
    ("thin", "reason"),
    [
        (record(1000).model_copy(update={"replies": ()}), "no replies at all from 192.168.80.50"),
        (record(1000).model_copy(update={"sent": (), "replies": ()}), "no replies at all"),
        (record(1000).model_copy(update={"complete": False}), "cut off after 500 replies"),
        (record(1000, interval_ms=5), "only 80 replies before the migration, expected 100"),
        (with_losses(10), "20 of 200 probes lost before the migration, expected at most 5%"),
        (record(1000, dark=[(500.5, 5000)]), "the network never came back: dark for at least 494"),
        (record(1000, dark=[(400, 5000)]), "the network never came back: dark for at least 596 ms"),
        (
            record(1000, dark=[(990, 5000)], stalled=[(600, 990)]),
            "the network never came back: dark for at least 6 ms",
        ),
        (record(600), "the recording ends 302 ms before the migration does"),
        (set_back(), "clock was set back by 48.0 ms"),
    ],
)
def test_thin_evidence_is_unknown(thin: PingRecord, reason: str) -> None:
    """Each kind of thin evidence gives no value but its own reason, and never passes."""
    measured = client_outage(thin, ns(400), ns(900))
    assert measured.value is None
    assert reason in measured.note
    assert measured.within(1e9) == "unknown"


def test_few_losses_are_borne() -> None:
    """4 % lost is a poor baseline, not a useless one."""
    assert client_outage(with_losses(25), ns(400), ns(900)).uncertainty == pytest.approx(4)


def test_outages_need_a_baseline() -> None:
    """What stands out cannot be told without knowing what does not."""
    with pytest.raises(EvidenceError, match="only 0 replies"):
        outages(record(1000), ns(0))


def test_refused_probes_are_attempts() -> None:
    """While the kernel refused to send, the sender was not silent: that is darkness."""
    dark = record(1000, stalled=[(500.5, 600.5)])
    refused = tuple((900 + n, ns(502 + 2 * n), 101) for n in range(50))
    (outage,) = outages(dark.model_copy(update={"errors": refused}), ns(400))
    assert outage.value_ms == pytest.approx(100)
    assert outage.uncertainty_ms == pytest.approx(2)
