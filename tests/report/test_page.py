"""The page as text: what it says of a run, in which structure, and that it never fails to."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from lxml import html

from miglab.errors import LabError
from miglab.judge.verdict import judge
from miglab.observe.history import History
from miglab.report import page as module
from miglab.report.page import page, write
from tests import strategies
from tests.histories import history, spoiled
from tests.pages import assert_walkable


def text(*histories: History) -> str:
    """The page of these runs."""
    return page([(f"run {n}", run, judge(run)) for n, run in enumerate(histories, start=1)])


def parsed(*histories: History) -> Any:
    """Its elements, without plotly's library: that is five megabytes of script."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "plotly", str)
        return html.document_fromstring(text(*histories))


def said(run: History, id_: str) -> str:
    """The words of one section."""
    (heading,) = parsed(run).xpath(f"//*[@id='{id_}-1']")
    return " ".join(" ".join(heading.getparent().itertext()).split())


@pytest.mark.parametrize(
    ("changes", "word"),
    [({}, "PASS"), ({"guest_after.load.mismatches": 1}, "FAIL"), ({"ping": None}, "UNKNOWN")],
)
def test_the_verdict_comes_first(changes: dict[str, object], word: str) -> None:
    """In words and by a sign, with where from and where to, and why."""
    run = spoiled(changes)
    (title,) = parsed(run).xpath("//h1")
    assert title.text_content().split()[1:] == [word, "source", "→", "target"]
    reasons = parsed(run).xpath("//*[@class='reasons']/li/text()")
    assert tuple(reasons) == judge(run).reasons


@pytest.mark.parametrize("runs", [1, 2])
def test_the_structure_is_one_that_can_be_walked(runs: int) -> None:
    """One main part and title; every id once; tables with caption and scopes; headings in order."""
    root = parsed(*[history()] * runs)
    assert_walkable(root)
    levels = [int(each.tag[1]) for each in root.xpath("//h1 | //h2 | //h3")]
    assert all(later - sooner <= 1 for sooner, later in pairwise(levels))


def test_figures_have_value_uncertainty_and_meaning() -> None:
    """All nine; one that is unknown says why."""
    words = said(spoiled({"stream": None}), "figures")
    assert "client 200.0 ± 2 network dark, by ping" in words
    assert "stream ? an application waited for an answer over TCP not recorded" in words
    assert len(parsed(history()).xpath("//td[@data-value]")) == 9


def test_sections_say_what_was_found() -> None:
    """Integrity, outages, moves, announcements; contradictions only where there are some."""
    run = history()
    assert "memory ✓ intact 50000 pages verified" in said(run, "integrity")
    assert "vcpu 1500.0 120.0 0.002" in said(run, "outages")
    assert "source → target 1500.0 1620.0" in said(run, "moves")
    assert "target rarp 1621.0 1.0" in said(run, "announced")
    assert "contradictions-1" not in text(run)
    twisted = spoiled({"outcome.job.downtime_ms": 1})
    assert "contradict each other" in said(twisted, "contradictions")


def test_inputs_and_surroundings() -> None:
    """What was asked for, what libvirt counted, where it ran, whose clock."""
    run = spoiled({"command": {"argv": ["virsh", "a b"], "exit_code": 0}})
    assert "command virsh 'a b' load ws64MiB-50MiB/s-sequential" in said(run, "inputs")
    assert "total 2000 ms sent 200.0 MiB rounds 4" in said(run, "job")
    surroundings = said(run, "environment")
    assert "emulated (TCG): source, target: there is no /dev/kvm" in surroundings
    assert "source debian-13 the recorder's own" in surroundings
    apart = {"host": "source", "shared": False, "offset_ns": 2_500_000, "uncertainty_ns": 40_000}
    assert "+2.500 ± 0.040 ms" in said(spoiled({"clocks.hosts.0": apart}), "environment")


def test_what_is_missing_is_listed() -> None:
    """Parts, ends, frames, faults, and what was not as asked for."""
    assert "Complete." in said(history(), "record")
    words = said(
        spoiled(
            {
                "guest_after": None,
                "stream.complete": False,
                "wire.dropped": 7,
                "faults": ["the beacon went out"],
                "outcome.unmet": ["no post-copy"],
            }
        ),
        "record",
    )
    assert "the guest's status at the end: not recorded" in words
    assert "TCP stream: the recording is cut off" in words
    assert "7 frames came too fast" in words
    assert "fault: the beacon went out" in words
    assert "not as asked for: no post-copy" in words


@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
@given(strategies.histories(), strategies.histories())
def test_any_record_has_a_page(one: History, other: History) -> None:
    """However strange; alone, and compared."""
    assert parsed(one).xpath("count(//article)") == 1
    assert parsed(one, other).xpath("count(//article)") == 2


def test_nothing_is_loaded_from_anywhere() -> None:
    """Neither by an element, nor by the style; and a browser is told not to."""
    root = parsed(history(), history())
    loaded = root.xpath("//@src | //link/@href | //*[local-name()='use']/@*")
    assert loaded == ["data:,"]
    assert "url(" not in "".join(root.xpath("//style/text()"))
    (policy,) = root.xpath("//meta[@http-equiv='Content-Security-Policy']/@content")
    assert policy.startswith("default-src 'none'")


def test_the_library_is_in_it_once() -> None:
    """For one run as for several."""
    assert text(history(), history()).count("plotly.js v") == 1


def test_it_is_written(tmp_path: Path) -> None:
    """As UTF-8 wherever it is, and also for a folder whose name is none."""
    write([("a\udcffb", history(), judge(history()))], tmp_path / "report.html")
    assert "a?b" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_a_place_that_cannot_take_it_is_one_line(tmp_path: Path) -> None:
    """Named, with the system's reason."""
    place = tmp_path / "none" / "report.html"
    with pytest.raises(LabError, match=r"none/report.html: the page cannot be written: No such"):
        write([("run", history(), judge(history()))], place)
