"""What was moved and how fast memory was dirtied, each by the account of whoever knows."""

import pytest

from miglab.judge.account import dirty_rates, migration_figures
from miglab.judge.evidence import Evidence
from miglab.observe.events import Job, Progress
from tests.histories import RATE, at, history, spoiled

Changes = dict[str, object]
MIB = 1 << 20


def figures(**changes: object) -> dict[str, object]:
    """The figures of a run spoiled at ``changes``, whose dots are written ``__``."""
    places = {place.replace("__", "."): value for place, value in changes.items()}
    return migration_figures(Evidence(spoiled(places))).model_dump(by_alias=True)


def test_the_run_s_figures() -> None:
    """libvirt's by its names, and the wire's beside them."""
    found = figures()
    assert (found["from"], found["to"], found["mode"]) == ("source", "target", "precopy")
    assert (found["total_ms"], found["rounds"], found["error"]) == (2000, 4, None)
    assert found["transferred_bytes"] == 200 << 20
    assert found["connections"] == 3
    assert found["wire_bytes_per_s"] == pytest.approx(RATE, rel=0.01)


COUNTED = (
    "total_ms",
    "transferred_bytes",
    "rounds",
    "normal_bytes",
    "zero_pages",
    "disk_bytes",
    "compression_pages",
    "compression_cache_misses",
    "postcopy_requests",
)


@pytest.mark.parametrize("name", COUNTED)
def test_each_figure_is_libvirt_s_or_none(name: str) -> None:
    """One that libvirt did not give is not made up."""
    assert figures(outcome__job={name: 7})[name] == 7
    assert figures(outcome__job={})[name] is None
    assert name in Job.model_fields


def progress(**values: object) -> dict[str, object]:
    """The job at some moment."""
    base: dict[str, object] = {"time_ns": at(1200), "elapsed_ms": 200, "remaining": 9, "rate": 9}
    return Progress.model_validate(base | {"iteration": 1} | values).model_dump()


@pytest.mark.parametrize(
    ("job", "seen", "throttle", "requests"),
    [
        ({}, [], None, None),
        ({}, [{}], 0, None),
        ({}, [{"throttle": 20}, {"throttle": 30}, {"throttle": 0}], 30, None),
        ({"throttle_pct": 40}, [{"throttle": 30}], 40, None),
        ({"throttle_pct": 0}, [{"throttle": 30}], 30, None),
        ({}, [{"postcopy_requests": 5}, {"postcopy_requests": 4}], 0, 5),
        ({"postcopy_requests": 9}, [{"postcopy_requests": 5}], 0, 9),
        ({"postcopy_requests": 0}, [], None, 0),
    ],
)
def test_the_most_that_was_seen_counts(
    job: Changes, seen: list[Changes], throttle: int | None, requests: int | None
) -> None:
    """While it ran or when it was over: libvirt forgets some of it at the end."""
    found = figures(outcome__job=job, progress=[progress(**each) for each in seen])
    assert (found["throttle_pct_max"], found["postcopy_requests"]) == (throttle, requests)


@pytest.mark.parametrize(
    "changes", [{"wire": None}, {"wire__dropped": 1}, {"wire__version": 1}, {"wire__complete": 0}]
)
def test_a_wire_that_is_not_whole_tells_nothing(changes: Changes) -> None:
    """None, and not nought."""
    found = figures(**changes)
    assert (found["connections"], found["wire_bytes_per_s"]) == (None, None)


def test_no_rate_is_told_of_no_time() -> None:
    """Without two readings of the counters there is none."""
    assert figures(wire__traffic=[])["wire_bytes_per_s"] is None
    assert figures(wire__traffic=[])["connections"] == 3


def test_another_s_migration_has_no_policy() -> None:
    """It was watched."""
    assert figures(plan__scenario__policy=None, plan__kind="watch")["mode"] == "watched"


@pytest.mark.parametrize(
    ("changes", "asked", "guest", "libvirt"),
    [
        ({}, 50 * MIB, 50 * MIB, None),
        ({"plan.scenario.load.rate": "max"}, "max", 50 * MIB, None),
        ({"plan.scenario.load": None}, None, 50 * MIB, None),
        ({"plan.scenario.load": "off", "guest_before.load.state": "off"}, None, None, None),
        ({"guest_before.load.state": "filling"}, 50 * MIB, None, None),
        ({"guest_before": None}, 50 * MIB, None, None),
        ({"guest_before.load.achieved_bps": 7}, 50 * MIB, 7, None),
        ({"dirty_rate": {"bytes_per_s": 48 * MIB, "period_s": 1}}, 50 * MIB, 50 * MIB, 48 * MIB),
    ],
)
def test_three_say_how_fast_memory_is_dirtied(
    changes: Changes, asked: object, guest: int | None, libvirt: int | None
) -> None:
    """Who asked for it, the guest that does it, and libvirt that samples it."""
    found = dirty_rates(Evidence(spoiled(changes)))
    assert (found.asked, found.guest, found.libvirt) == (asked, guest, libvirt)


def test_the_drain_of_a_disk_matters_where_it_is_copied() -> None:
    """The longest write that the guest saw bounds it."""
    copied: Changes = {"plan.scenario.policy.copy_storage": "full"}
    assert Evidence(history()).drain_ms_max == 0
    assert Evidence(spoiled(copied)).drain_ms_max == 2
    assert Evidence(spoiled(copied | {"guest_after": None})).drain_ms_max == 0
    assert Evidence(spoiled({"plan.scenario.policy": None})).drain_ms_max == 0
