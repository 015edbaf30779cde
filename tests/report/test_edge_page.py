"""The page of a search: its words as text, its drawing in a browser."""

import json
from pathlib import Path
from typing import Any

import pytest
from lxml import html
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from miglab.errors import LabError
from miglab.judge.edge import Answer, EdgeSearch
from miglab.report import edge_page as module
from miglab.report.edge_figure import figure
from miglab.report.edge_page import page, write
from miglab.report.edge_words import answered
from miglab.workload import Load
from tests.edges import searched, terms
from tests.pages import assert_walkable
from tests.report.conftest import DRAWN_SECONDS

CONTRAST = Path(__file__).with_name("contrast.js").read_text()
HOSTILE = "</script><img src=x>"


def answer(trials_max: int = 100, **promise: int) -> Answer:
    """Of a lab where all goes by the model."""
    return searched(EdgeSearch(terms(**promise), Load()), trials_max).answer


def parsed(found: Answer) -> Any:
    """Its elements, without plotly's library."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "plotly", str)
        return html.document_fromstring(page(found))


def test_the_answer_comes_first() -> None:
    """In words, with what was promised."""
    found = answer()
    root = parsed(found)
    assert root.xpath("string(//h1)").split()[1:] == ["EDGE", "FOUND"]
    assert answered(found) in root.xpath("string(//header)")
    assert root.xpath("string(//title)") == "EDGE FOUND precopy+64MiB/s · miglab"


@pytest.mark.parametrize("trials_max", [0, 1, 100])
def test_the_structure_can_be_walked(trials_max: int) -> None:
    """One title, each id once, tables with caption and scopes; also of nothing at all."""
    root = parsed(answer(trials_max))
    assert_walkable(root)


def test_each_trial_leads_to_its_record() -> None:
    """Which lies beside the page."""
    found = answer()
    records = {f"{trial.record}/" for trial in found.trials}
    assert set(parsed(found).xpath("//td/a/@href")) == records
    drawn = figure(found)["data"][-1]["customdata"]
    assert {f"{record}/" for record in drawn} <= records


def test_the_json_is_the_answer() -> None:
    """As it is printed."""
    found = answer()
    assert Answer.model_validate_json(parsed(found).xpath("string(//pre)")) == found


def test_both_promises_are_lines() -> None:
    """Each in its own row, in the row's unit."""
    shapes = figure(answer(client_ms_max=250, total_ms_max=4000))["layout"]["shapes"]
    lines = {shape["yref"]: shape["y0"] for shape in shapes if shape["type"] == "line"}
    assert lines == {"y": 250, "y2": 4}
    only = figure(answer(total_ms_max=4000))["layout"]["shapes"]
    assert [shape["yref"] for shape in only if shape["type"] == "line"] == ["y2"]


def test_the_edge_is_between_the_rates_reached() -> None:
    """And is not drawn as long as it is not known."""
    (band,) = (s for s in figure(answer())["layout"]["shapes"] if s["type"] == "rect")
    assert (band["x0"], band["x1"]) == (32, 48)
    assert [s["type"] for s in figure(answer(2))["layout"]["shapes"]] == ["line"]


def test_error_bars_are_the_uncertainty() -> None:
    """Of downtime only; of what was given up there is a total, and no downtime here."""
    *_, dark, total = figure(answer(total_ms_max=100_000))["data"]
    assert len(dark["x"]) == len(dark["y"]) == len(dark["error_y"]["array"]) == len(total["y"])
    late = [n for n, kept in enumerate(dark["marker"]["symbol"]) if kept == "x"]
    assert late
    assert all(dark["y"][n] is None and total["y"][n] == 6 for n in late)


def test_what_was_measured_and_promised_fills_the_rows() -> None:
    """Although the model's total goes beyond all bounds, and is cut off there."""
    found = figure(answer(client_ms_max=250, total_ms_max=4000))
    _, model, dark, total = found["data"]
    upper, lower = (found["layout"][axis]["range"][1] for axis in ("yaxis", "yaxis2"))
    highest = max(y + 20 for y in dark["y"] if y is not None)
    assert upper == pytest.approx(1.25 * max(250, highest))
    assert lower == pytest.approx(1.25 * max(4, *total["y"]))
    assert max(y for y in model["y"] if y is not None) > lower


def test_the_model_s_curve_ends_where_it_converges_no_more() -> None:
    """Which is at the wire's speed."""
    curve = figure(answer(total_ms_max=100_000))["data"][1]
    drawn = [x for x, y in zip(curve["x"], curve["y"], strict=True) if y is not None]
    assert max(drawn) < 64 < max(curve["x"])


def test_a_page_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    """With its place."""
    with pytest.raises(LabError, match="cannot be written"):
        write(answer(1), tmp_path / "nowhere" / "edge.html")


@pytest.fixture(params=[1280, 390])
def opened(chromium: Chrome, tmp_path: Path, request: pytest.FixtureRequest) -> Chrome:
    """The page of a search, on a screen of that width."""
    found = answer(client_ms_max=250, total_ms_max=4000)
    first = found.trials[0].model_copy(update={"record": HOSTILE})
    write(found.model_copy(update={"trials": (first, *found.trials[1:])}), tmp_path / "edge.html")
    screen = {"width": request.param, "height": 844, "deviceScaleFactor": 1}
    screen["mobile"] = request.param < 500
    chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    chromium.execute("getLog", {"type": "browser"})
    chromium.get((tmp_path / "edge.html").as_uri())
    drawn = (By.CSS_SELECTOR, ".plot[data-drawn]")
    WebDriverWait(chromium, DRAWN_SECONDS).until(lambda page: page.find_elements(*drawn))
    return chromium


def test_it_is_drawn_from_itself_alone(opened: Chrome) -> None:
    """Marks, curves and bars; nothing asked of a network, not a word on the console."""
    assert len(opened.find_elements(By.CSS_SELECTOR, ".plot .scatterlayer .trace")) == 4
    assert opened.find_elements(By.CSS_SELECTOR, ".plot .errorbar path")
    assert opened.execute_script("return performance.getEntriesByType('resource').length") == 0
    assert opened.execute("getLog", {"type": "browser"})["value"] == []
    assert opened.find_elements(By.TAG_NAME, "img") == []


def test_it_fits_the_screen_and_can_be_read(opened: Chrome) -> None:
    """Nothing to be scrolled sideways but tables in boxes of their own."""
    wide = "return document.documentElement.scrollWidth <= innerWidth"
    assert opened.execute_script(wide)
    assert opened.execute_script(CONTRAST) == []


def test_a_mark_opens_the_folder(opened: Chrome) -> None:
    """By plotly's own event, as a click on a mark sends it."""
    opened.execute_script(
        "document.getElementById('plot-1')"
        ".emit('plotly_click', {points: [{customdata: 'one of them'}]})"
    )
    WebDriverWait(opened, 30).until(lambda page: "/one%20of%20them/" in page.current_url)


def test_the_figure_is_json() -> None:
    """Nothing in it that is none, such as a number that is not."""
    assert json.loads(json.dumps(figure(answer()), allow_nan=False))
