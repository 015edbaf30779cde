"""The figure: a row for each vantage whatever was recorded, stops shaded, views worth a button."""

import json
from itertools import pairwise
from typing import Any

import pytest

from miglab.judge.verdict import judge
from miglab.observe.history import History
from miglab.report.comparison import longest, overview
from miglab.report.timeline import timeline, views
from tests.histories import RESUME, STARTED, STOP, UNTIL, at, event, history, spoiled

THROTTLED = {"time_ns": at(1300), "elapsed_ms": 300, "remaining": 1, "rate": 1, "iteration": 2}


def drawn(run: History) -> Any:
    """The figure, as JSON carries it."""
    return json.loads(json.dumps(timeline(run, judge(run)), allow_nan=False))


def titles(figure: Any) -> list[str]:
    """What stands above the rows and in them."""
    return [note["text"] for note in figure["layout"]["annotations"]]


def trace(figure: Any, name: str) -> Any:
    """The first of that name."""
    return next(each for each in figure["data"] if each["name"] == name)


def test_every_vantage_has_a_row_on_one_clock() -> None:
    """Six domains that do not overlap, one axis of time over all that was seen."""
    layout = drawn(history())["layout"]
    domains = [layout[f"yaxis{n}"]["domain"] for n in range(1, 7)]
    assert domains[0][1] == 1
    assert domains[-1][0] == pytest.approx(0, abs=1e-9)
    assert all(upper[0] > lower[1] for upper, lower in pairwise(domains))
    low, high = layout["xaxis"]["range"]
    assert -STARTED <= low < 0 < UNTIL - STARTED - 10 < high


def test_stops_are_shaded_and_the_action_is_marked() -> None:
    """From STOP to RESUME, in ms since the action began."""
    stop, began, ended = drawn(history())["layout"]["shapes"]
    assert (stop["x0"], stop["x1"]) == (STOP - STARTED, RESUME - STARTED)
    assert (began["x0"], ended["x0"]) == (0, 2000)


def test_moments_have_lanes() -> None:
    """Events by who told of them, rounds, announcements, and writes by client."""
    figure = drawn(history())
    lanes = figure["layout"]["yaxis6"]["ticktext"]
    assert lanes == ["QEMU", "libvirt", "rounds", "announced", "I/O source", "I/O target"]
    assert trace(figure, "QEMU")["text"] == ["STOP on source", "RESUME on target"]
    assert trace(figure, "announced")["text"][0] == "rarp by target, 1.0 ms after RESUME"
    assert trace(figure, "rounds")["text"] == ["round 1"]


def test_events_are_placed_by_their_host_s_clock() -> None:
    """QEMU's are stamped there; libvirt's by us."""
    clocks = [{"host": "source", "shared": False, "offset_ns": 5_000_000, "uncertainty_ns": 1}]
    told = event("source", "SUSPENDED", STOP).model_copy(update={"vantage": "libvirt"})
    figure = drawn(spoiled({"clocks.hosts": clocks, "events.1": told.model_dump()}))
    assert trace(figure, "QEMU")["x"] == [STOP - 5 - STARTED]
    assert trace(figure, "libvirt")["x"] == [STOP - STARTED]


def test_a_throttle_is_drawn_where_there_is_one() -> None:
    """And told with its round."""
    assert "throttle" not in [each["name"] for each in drawn(history())["data"]]
    figure = drawn(spoiled({"progress": [THROTTLED | {"throttle": 20}]}))
    assert trace(figure, "throttle")["y"] == [20]
    assert trace(figure, "rounds")["text"] == ["round 2, throttled 20 %"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ping": None}, "not recorded in this run"),
        ({"ping.complete": False}, "the recording is cut off"),
        ({"stream.complete": False}, "the recording is cut off"),
        ({"beacon.boots": []}, ""),
        ({"beacon.boots": [[0, "a"], [5, "b"]]}, "booted anew; shown until then"),
        ({"beacon.beats": []}, "not one datagram of the guest's beacon came"),
        ({"journal": None}, "no write of this run was read back"),
        ({"ping.replies": []}, ""),
    ],
)
def test_what_is_missing_is_said(changes: dict[str, object], words: str) -> None:
    """In its row; the others are as they were."""
    said = titles(drawn(spoiled(changes)))
    assert any(words in text for text in said)
    assert sum("<b>" in text for text in said) == 6


def test_what_was_recorded_is_no_markup_for_plotly() -> None:
    """It reads some tags, also links."""
    text = '<a href="https://example.org">x</a>'
    figure = drawn(spoiled({"events.0.detail": text, "environment.addresses": {text: "1.2.3.4"}}))
    assert "<a" not in json.dumps(figure)


def test_each_stop_is_a_view() -> None:
    """With as much around it as it is long."""
    (view,) = views(history(), judge(history()))
    assert view == ("Zoom to stop 1: 120.0 ms", 1380, 1740)


def test_without_a_stop_darkness_is_a_view() -> None:
    """As where the link was down."""
    run = spoiled({"events": []})
    (view,) = views(run, judge(run))
    assert view.label == "Zoom to darkness 1: 200.0 ms"


def test_several_are_beside_each_other() -> None:
    """A lane each, bars from when its own action began, and the largest of each figure."""
    good, dark = history(), spoiled({"ping": None, "outcome.started_ns": at(STARTED + 100)})
    runs = [("good", good, judge(good)), ("dark", dark, judge(dark))]
    figure = overview(runs)
    stopped = trace(figure, "vcpu")
    assert stopped["x"] == [1500, 1620, None, 1400, 1520, None]
    assert stopped["y"] == [1, 1, None, 2, 2, None]
    assert len(trace(figure, "client")["x"]) == 3
    assert longest(runs)["downtime_ms.client"] == 200.0
