"""What was recorded as points: where each lies, where a line breaks, what the beacon places."""

from ipaddress import IPv4Address
from math import inf

import pytest

from miglab.errors import EvidenceError
from miglab.judge.evidence import Evidence
from miglab.observe.beats import BeaconRecord
from miglab.observe.exchanges import StreamRecord
from miglab.observe.probes import PingRecord
from miglab.report.series import Series, answers, latencies, lost, offsets, replies, series
from tests.histories import BOOT, DARK, MS, OTHER_BOOT, STARTED, at, history, spoiled

SOMEBODY = IPv4Address("192.168.80.50")


def test_points_are_in_order_and_relative() -> None:
    """To the microsecond, the baseline below nought."""
    found = series([(at(1001.5), 2), (at(999), 0.12345)], at(1000))
    assert found == Series((-1.0, 1.5), (0.123, 2))


@pytest.mark.parametrize(("interval_ms", "broken"), [(1, True), (2, False), (inf, False)])
def test_a_line_breaks_where_nothing_came(interval_ms: float, broken: bool) -> None:
    """For more than ten intervals; never where no interval was promised."""
    found = series([(at(0), 1), (at(11), 1)], at(0), interval_ms)
    assert (None in found.x) is (None in found.y) is broken


def test_a_point_between_two_breaks_is_lone() -> None:
    """A line has no length there, and would hide that something came."""
    found = series([(at(ms), ms) for ms in (0, 1, 50, 100, 101, 150)], at(0), 1)
    assert found.lone == Series((50.0, 150.0), (50, 150))
    assert series([], at(0)).lone == Series((), ())


def test_replies_and_lost_probes() -> None:
    """A trip for each reply to a probe of ours; a probe that the kernel refused is lost too."""
    record = PingRecord(
        target=SOMEBODY,
        interval_ms=1,
        complete=True,
        sent=((0, at(0)), (1, at(1)), (2, at(2))),
        replies=((0, at(0.5)), (2, at(9)), (7, at(9))),
        errors=((3, at(3), 101),),
    )
    assert list(replies(record)) == [(at(0.5), 0.5), (at(9), 7.0)]
    assert list(lost(record)) == [at(1), at(3)]


def test_answers() -> None:
    """When each was there, and how long it took; at least what a logarithm can show."""
    record = StreamRecord(
        interval_ms=10,
        address=SOMEBODY,
        port=7070,
        complete=True,
        requests=((1, at(0)), (2, at(10)), (3, at(20))),
        answers=((1, at(1)), (2, at(10))),
    )
    assert list(answers(record)) == [(at(1), 1.0), (at(10), 0.001)]


def test_a_stop_is_a_step_of_the_beacon() -> None:
    """Nought in the baseline, the stop's length after it."""
    run = history()
    assert run.beacon is not None
    found = dict(offsets(run.beacon, at(STARTED)))
    assert {round(ms) for ns, ms in found.items() if ns < at(DARK[0])} == {0}
    assert {round(ms) for ns, ms in found.items() if ns > at(DARK[1])} == {120}


def test_a_second_boot_is_another_clock() -> None:
    """Only the first is drawn: without a baseline against the least there is, without beats not."""
    beats = ((1, MS, 0, at(1)), (2, 2 * MS, 0, at(3)), (1, 0, 0, at(9)))
    record = BeaconRecord(hz=1000, complete=True, boots=((0, BOOT), (2, OTHER_BOOT)), beats=beats)
    assert list(offsets(record, at(0))) == [(at(1), 0.0), (at(3), 1.0)]
    assert list(offsets(BeaconRecord(hz=1000, complete=True), at(0))) == []


def test_writes_are_placed_on_our_clock() -> None:
    """When each was acknowledged, by the beacon; how long it took, by the guest's clock."""
    found = list(latencies(Evidence(history())))
    assert len(found) == 99  # when the last one was acknowledged, no other record tells
    assert {round(ms, 6) for _, ms in found} == {1.0}
    assert found[0][0] == pytest.approx(at(1.3), abs=MS)


@pytest.mark.parametrize("part", ["journal", "beacon"])
def test_writes_that_nothing_places(part: str) -> None:
    """They are not drawn somewhere else instead."""
    with pytest.raises(EvidenceError):
        list(latencies(Evidence(spoiled({part: None}))))
