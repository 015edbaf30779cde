"""What a person sees in a terminal, or in a log."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from miglab.judge.verdict import judge
from miglab.observe.events import Progress
from miglab.report.console import progress_line, show
from tests.histories import spoiled


def shown(changes: dict[str, object], folder: str = "runs/one") -> str:
    """The report of a run spoiled in some places, as a log keeps it."""
    out = io.StringIO()
    show(Console(file=out, width=100, highlight=False), judge(spoiled(changes)), Path(folder))
    return out.getvalue()


def test_the_report_of_a_good_run() -> None:
    """Verdict, way, reasons, five figures, the place of the record."""
    text = shown({})
    assert text.startswith("PASS  source → target  precopy\n  vm1 moved from source to target\n")
    rows = [line.split()[:3] for line in text.splitlines()]
    assert ["client", "200.0", "2"] in rows
    assert ["vcpu", "120.0", "0.002"] in rows
    assert ["libvirt", "125.0", "1"] in rows
    assert ["guest", "?", "not"] in rows
    assert (
        "total 2000 ms, 200.0 MiB sent, 4 rounds; emulated (TCG): source, target: there is no"
        in text
    )
    assert text.endswith("record: runs/one\n")


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
