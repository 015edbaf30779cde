"""libvirt's figure for how fast memory is dirtied: taken when it is there, missed when not."""

from typing import Any

import pytest

from miglab.migration.dirty_rate import DirtyRateMeter
from miglab.observe.events import DirtyRate
from tests.fakes import FakeDomain, FakeHypervisor

MIB = 1 << 20
MEASURED: dict[str, Any] = {
    "dirtyrate.calc_status": 2,
    "dirtyrate.calc_start_time": 9,
    "dirtyrate.calc_period": 1,
    "dirtyrate.megabytes_per_second": 48,
}
MEASURING: dict[str, Any] = {"dirtyrate.calc_status": 1, "dirtyrate.calc_period": 1}


class Stage:
    """A meter on one fake host."""

    def __init__(self, refused: bool = False) -> None:
        self.domain = FakeDomain()
        self.domain.refuses["startDirtyRateCalc"] = int(refused)
        self.host = FakeHypervisor("source", "running", self.domain)
        self.meter = DirtyRateMeter(self.host.real, "vm1")

    def look(self, figures: dict[str, Any] | None) -> DirtyRate | None:
        """What the meter has after a look at these."""
        self.host.figures = figures
        self.meter.look()
        return self.meter.measured


def test_it_is_measured_for_a_second_by_sampling() -> None:
    """Once, when the meter is made."""
    stage = Stage()
    assert stage.look(MEASURED) == DirtyRate(bytes_per_s=48 * MIB, period_s=1)
    assert stage.domain.calls == [("startDirtyRateCalc", 1, 0)]


def test_it_is_there_when_it_is_there() -> None:
    """A look that comes too early, or is refused, is made good by the next one."""
    stage = Stage()
    for early in (MEASURING, {}, None, {"dirtyrate.calc_status": 0}):
        assert stage.look(early) is None
    assert stage.look(MEASURED) is not None


def test_the_first_figure_is_kept() -> None:
    """Later ones are of another time."""
    stage = Stage()
    first = stage.look(MEASURED)
    assert stage.look(MEASURED | {"dirtyrate.megabytes_per_second": 1}) == first
    assert stage.look(None) == first


@pytest.mark.parametrize(
    ("figures", "expected"),
    [
        (MEASURED | {"dirtyrate.megabytes_per_second": 0}, DirtyRate(bytes_per_s=0, period_s=1)),
        (MEASURED | {"dirtyrate.calc_period": 3}, DirtyRate(bytes_per_s=48 * MIB, period_s=3)),
        (MEASURED | {"dirtyrate.calc_status": 1}, None),
        ({"dirtyrate.calc_status": 2}, None),
        (
            {"dirtyrate.calc_status": 2, "dirtyrate.megabytes_per_second": 2},
            DirtyRate(bytes_per_s=2 * MIB, period_s=1),
        ),
    ],
)
def test_only_a_figure_that_is_one_is_taken(
    figures: dict[str, Any], expected: DirtyRate | None
) -> None:
    """Nought is one; what is being measured, or not given, is none."""
    assert Stage().look(figures) == expected


def test_a_libvirt_that_cannot_is_asked_no_more() -> None:
    """Nothing depends on the figure."""
    stage = Stage(refused=True)
    assert stage.look(MEASURED) is None


def test_a_guest_that_is_not_there_has_none() -> None:
    """Whoever asks finds out soon enough."""
    nothing = FakeHypervisor("source")
    nothing.figures = MEASURED
    meter = DirtyRateMeter(nothing.real, "vm1")
    meter.look()
    assert meter.measured is None
