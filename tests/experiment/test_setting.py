"""How a run is set where all goes more slowly."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miglab.errors import UsageError
from miglab.experiment.setting import Setting, vantages
from miglab.lab.lab import NESTED_PACE


@given(st.floats(2, NESTED_PACE))
def test_a_slower_lab_is_asked_seldomer_and_waited_for_longer(pace: float) -> None:
    """And enough is heard in the baseline to judge by."""
    plain, slow = Setting(), Setting().at_pace(pace)
    assert slow.ping_interval_ms > plain.ping_interval_ms
    assert slow.stream_interval_ms > plain.stream_interval_ms
    assert slow.beacon_hz < plain.beacon_hz
    assert slow.timeout_seconds > plain.timeout_seconds
    assert slow.beacon_hz * slow.baseline_seconds >= 100
    assert slow.journal_hz >= 1


def test_containers_are_measured_as_asked_for() -> None:
    """Nothing is changed for them."""
    assert Setting(ping_interval_ms=3).at_pace(1) == Setting(ping_interval_ms=3)


def test_what_is_no_vantage_is_refused() -> None:
    """With those that there are."""
    assert vantages(["wire", "disk"]) == {"wire", "disk"}
    with pytest.raises(UsageError, match="--without: expected client, disk, guest, stream, wire"):
        vantages(["moon"])
