"""What a person sees in a terminal, or in a log."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from miglab.judge.verdict import judge
from miglab.observe.events import Progress
from miglab.report.console import progress_line, show
from tests.histories import event, spoiled


def shown(changes: dict[str, object], folder: str = "runs/one") -> str:
    """The report of a run spoiled in some places, as a log keeps it."""
    out = io.StringIO()
    show(Console(file=out, width=100, highlight=False), judge(spoiled(changes)), Path(folder))
    return out.getvalue()


def test_the_report_of_a_good_run() -> None:
    """Verdict, way, reasons, figures, who announced the guest, the place of the record."""
    text = shown({})
    assert text.startswith("PASS  source → target  precopy\n  vm1 moved from source to target\n")
    rows = [line.split()[:3] for line in text.splitlines()]
    assert ["client", "200.0", "2"] in rows
    assert ["vcpu", "120.0", "0.002"] in rows
    assert ["libvirt", "125.0", "1"] in rows
    assert ["guest", "120.0", "0.05"] in rows
    assert ["stream", "205.1", "10"] in rows
    assert "announced by target 2 times, 1.0 to 51.0 ms after RESUME\n" in text
    assert (
        "total 2000 ms, 200.0 MiB sent, 4 rounds; emulated (TCG): source, target: there is no"
        in text
    )
    assert text.endswith("record: runs/one\n")


def test_what_is_unknown_says_why() -> None:
    """Of the five; of what else was noticed only what stands out is worth a line."""
    text = shown({"beacon": None, "stream": None, "wire": None})
    rows = [line.split()[:3] for line in text.splitlines()]
    assert ["guest", "?", "not"] in rows
    assert not {"stream", "beacon", "program"} & {row[0] for row in rows}
    assert "announced" not in text
    assert ["program", "0.0"] not in [row[:2] for row in rows]


def test_every_host_of_the_way_is_named() -> None:
    """There and back is not source → target; where the guest stayed is one host."""
    moves = [("source", "STOP"), ("target", "RESUME"), ("target", "STOP"), ("source", "RESUME")]
    events = [event(*move, 1500 + 100 * n).model_dump() for n, move in enumerate(moves)]
    watched: dict[str, object] = {"plan.target": None, "plan.kind": "watch"}
    assert "  source → target → source  " in shown(watched | {"events": events})
    assert "  source  " in shown(watched | {"events": []}).splitlines()[0]


def test_nothing_is_not_unknown() -> None:
    """Zero is a figure, none is a question mark."""
    nothing = {"total_ms": 0, "transferred_bytes": 0, "rounds": 0}
    assert "total 0 ms, 0.0 MiB sent, 0 rounds" in shown({"outcome.job": nothing})
    assert "total ? ms, ? MiB sent, ? rounds" in shown({"outcome.job": {}})


@pytest.mark.parametrize("words", ["[/red]", "[bold]", "a :smile: of [#1]", "[link=x]y"])
def test_what_was_recorded_is_not_markup(words: str) -> None:
    """libvirt's messages and folders' names have brackets of their own."""
    text = shown({"outcome.error": words, "environment.acceleration_reason": words}, words)
    assert f"the guest did not move: {words}\n" in text
    assert f"emulated (TCG): {words}\n" in text
    assert f"record: {words}\n" in text


def test_a_long_reason_stays_one_line() -> None:
    """A log is searched by lines."""
    assert f"the guest did not move: {'why ' * 100}\n" in shown({"outcome.error": "why " * 100})


def test_a_job_that_has_not_moved_a_page_is_setting_up() -> None:
    """libvirt counts its time from the preparations on."""
    progress = Progress(time_ns=0, elapsed_ms=1200, remaining=0, rate=0, iteration=0)
    assert progress_line(progress) == "setting up, 1.2 s"


@pytest.mark.parametrize(
    ("throttle", "line"),
    [
        (0, "round 3, 7.0 MiB left, 128.0 MiB/s, 1.5 s"),
        (20, "round 3, 7.0 MiB left, 128.0 MiB/s, 1.5 s, throttled 20 %"),
    ],
)
def test_progress_in_one_line(throttle: int, line: str) -> None:
    """Round, remaining, rate, elapsed; the throttle only where there is one."""
    progress = Progress(
        time_ns=0,
        elapsed_ms=1500,
        remaining=7 << 20,
        rate=128 << 20,
        iteration=3,
        throttle=throttle,
    )
    assert progress_line(progress) == line
