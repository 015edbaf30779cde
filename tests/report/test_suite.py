"""The page of a whole test run: what it says, and how a browser shows it."""

from pathlib import Path
from typing import Any

import pytest
from lxml import html
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from miglab.errors import EvidenceError, LabError
from miglab.report.suite import Suite, keep
from miglab.report.suite_page import page, write
from tests.histories import spoiled
from tests.histories import write as record
from tests.report.conftest import DRAWN_SECONDS
from tests.report.test_browser import CONTRAST, HOSTILE, OUTSIDE, complaints, night

LONG = f"scenarios/test_long.py::test_{'of_a_long_name_' * 9}[{HOSTILE}]"
CHANGES: dict[str, dict[str, object]] = {
    "a.py::test_good": {},
    LONG: {"guest_after.load.mismatches": 1},
    "a.py::test_dark": {"ping": None},
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of five tests, of which three have a verdict."""
    folder = tmp_path_factory.mktemp("run")
    rows = []
    for number, (test, changes) in enumerate(CHANGES.items()):
        run = folder / f"run {number}"
        run.mkdir()
        verdict, place = keep(record(spoiled(changes), run), folder)
        told = verdict.model_dump(mode="json", by_alias=True)
        rows.append((test, {"verdict": told, "record": str(run), "page": place}))
    outcomes = dict.fromkeys(CHANGES, "passed") | {LONG: "failed", "b.py::test_s": "skipped"}
    suite = Suite.of(outcomes, {LONG: HOSTILE, "b.py::test_s": "not here"}, rows)
    write(suite, folder)
    return folder


def parsed(home: Path) -> Any:
    """The page's elements."""
    return html.document_fromstring((home / "index.html").read_text())


def test_it_says_how_many_of_each(home: Path) -> None:
    """Tests and verdicts apart: a test may expect a fail."""
    root = parsed(home)
    words = root.xpath("//h1")[0].text_content().split()[1:]
    assert words == ["2", "passed,", "1", "failed,", "1", "skipped"]
    assert "Verdicts: 1 fail, 1 unknown, 1 pass." in root.xpath("//header")[0].text_content()


def test_tests_that_failed_come_first(home: Path) -> None:
    """Then all in order, each with its way, figures and a link to a page that is there."""
    links = parsed(home).xpath("//tbody//a")
    assert [link.text for link in links] == [LONG.partition("::")[2], "test_good", "test_dark"]
    assert [link.get("href") for link in links] == [f"run%20{n}/report.html" for n in (1, 0, 2)]
    (good,) = parsed(home).xpath("//tbody/tr[2]")
    text = " ".join(good.text_content().split())
    assert "precopy, ws64MiB-50MiB/s-sequential ✓ passtest passed 200.0 ± 2 120.0 ± 0.002" in text


def test_why_is_told_of_what_did_not_pass(home: Path) -> None:
    """Failed and skipped tests, as text."""
    reasons = [item.text_content() for item in parsed(home).xpath("//ul[@class='reasons']/li")]
    assert reasons == [LONG + HOSTILE, "b.py::test_snot here"]


def test_a_suite_of_nothing_has_a_page() -> None:
    """No row, no error."""
    assert "Verdicts: none." in page(Suite.of({}, {}, []))


def test_a_place_that_cannot_take_it(tmp_path: Path) -> None:
    """One line that names it."""
    (tmp_path / "file").write_text("")
    with pytest.raises(LabError, match=r"file/index\.html: the page cannot be written"):
        write(Suite.of({}, {}, []), tmp_path / "file")
    with pytest.raises(EvidenceError):
        keep(tmp_path, tmp_path)


@pytest.mark.parametrize("width", [1280, 390])
def test_a_browser_shows_it(home: Path, chromium: Chrome, width: int) -> None:
    """By day and by night, on a desk and on a phone; and the links lead to drawn timelines."""
    screen = {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": width < 500}
    chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    chromium.execute("getLog", {"type": "browser"})
    chromium.get((home / "index.html").as_uri())
    assert chromium.execute_script("return document.documentElement.scrollWidth") <= width
    assert chromium.execute_script(OUTSIDE) == []
    assert chromium.find_elements(By.TAG_NAME, "img") == []
    try:
        for dark in (False, True):
            night(chromium, dark)
            assert chromium.execute_script(CONTRAST) == []
    finally:
        night(chromium, dark=False)
    link = chromium.find_element(By.LINK_TEXT, "test_good")
    chromium.execute_script("arguments[0].click()", link)
    WebDriverWait(chromium, DRAWN_SECONDS).until(
        lambda shown: shown.find_elements(By.CSS_SELECTOR, ".plot[data-drawn]")
    )
    assert complaints(chromium) == []
