"""The page as a browser shows it: drawn, true to the JSON, by keyboard, on a phone, on its own."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import ActionChains, Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from miglab.judge.verdict import judge
from miglab.report.timeline import views
from tests.histories import history, spoiled
from tests.report.conftest import DRAWN_SECONDS

Open = Callable[..., Chrome]
Range = list[int]

TABS_MAX = 60
HOSTILE = "</script><img src=x onerror=\"document.title='caught'\"><!--<script>{{ 1 }}"
CONTRAST = Path(__file__).with_name("contrast.js").read_text()
SHOWN = "return document.getElementById('plot-1').layout.xaxis.range.map(Math.round)"
OUTSIDE = """return [...document.querySelectorAll("section, header, .plot, .scroll, pre, button")]
  .filter((it) => it.getBoundingClientRect().right > innerWidth).map((it) => it.outerHTML)"""
NOTHING: dict[str, object] = {
    **dict.fromkeys(("ping", "stream", "beacon", "wire", "journal", "clocks", "command")),
    **dict.fromkeys(("guest_before", "guest_settled", "guest_rested", "guest_after")),
    **dict.fromkeys(("events", "progress", "domains", "consoles"), ()),
}


def told(browser: Chrome) -> Any:
    """The verdict that the page carries."""
    return json.loads(browser.execute_script("return document.getElementById('verdict-1').text"))


def complaints(browser: Chrome) -> Any:
    """What stands on the browser's console since the page was opened."""
    return browser.execute("getLog", {"type": "browser"})["value"]


def night(browser: Chrome, dark: bool) -> None:
    """What the reader's system prefers; the drawings follow when they can."""
    scheme = "dark" if dark else "light"
    feature = {"name": "prefers-color-scheme", "value": scheme}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
    drawings = f".plot:not([data-drawn='{scheme}'])"
    WebDriverWait(browser, DRAWN_SECONDS).until(
        lambda page: not page.find_elements(By.CSS_SELECTOR, drawings)
    )


def test_it_is_drawn_from_itself_alone(shown: Open) -> None:
    """There is ink in each row, not a word on the console, and nothing asked of a network."""
    browser = shown([history()])
    lines = browser.find_elements(By.CSS_SELECTOR, ".plot .js-line")
    assert len(lines) >= 5
    assert all(line.get_attribute("d") for line in lines)
    assert browser.execute_script("return performance.getEntriesByType('resource').length") == 0
    assert complaints(browser) == []


def test_what_is_missing_is_drawn_as_missing(shown: Open) -> None:
    """Five empty rows that say so, and no error."""
    browser = shown([spoiled(NOTHING)])
    texts = [it.text for it in browser.find_elements(By.CSS_SELECTOR, ".plot .annotation-text")]
    assert texts.count("not recorded in this run") == 4
    assert texts.count("no write of this run was read back") == 1
    assert complaints(browser) == []


def test_every_figure_is_that_of_the_json(shown: Open) -> None:
    """Value and uncertainty, in the table and in the object, to the last digit."""
    run = spoiled({"stream": None})
    browser = shown([run])
    verdict = told(browser)
    assert verdict == json.loads(judge(run).model_dump_json(by_alias=True))
    found = {
        cell.get_attribute("data-figure"): [
            json.loads(cell.get_attribute(f"data-{name}") or "null")
            for name in ("value", "uncertainty")
        ]
        for cell in browser.find_elements(By.CSS_SELECTOR, "[data-value]")
    }
    expected = {
        f"{group}.{name}": [figure["value"], figure["uncertainty"]]
        for group in ("downtime_ms", "noticed_ms")
        for name, figure in verdict[group].items()
    }
    assert found == expected
    assert found["noticed_ms.stream"] == [None, None]


def test_all_works_by_keyboard(shown: Open) -> None:
    """The way to the verdict comes first; each button can be reached, pressed, and does it."""
    run = history()
    browser = shown([run])
    whole: Range = browser.execute_script(SHOWN)
    (view,) = views(run, judge(run))
    stop = [round(view.from_ms), round(view.until_ms)]
    keys(browser, Keys.TAB)
    assert browser.switch_to.active_element.text == "Skip to the verdict"
    tab_to(browser, view.label)
    press(browser, lambda shows: shows == stop)
    tab_to(browser, "Zoom in")
    press(browser, lambda shows: stop[0] < shows[0] < shows[1] < stop[1])
    assert browser.find_element(By.TAG_NAME, "output").text.endswith(" ms")
    back = ActionChains(browser).key_down(Keys.SHIFT).send_keys(Keys.TAB * 4).key_up(Keys.SHIFT)
    back.perform()
    press(browser, lambda shows: shows == whole)


def keys(browser: Chrome, word: str) -> None:
    """As a person types it, wherever the focus is."""
    ActionChains(browser).send_keys(word).perform()


def tab_to(browser: Chrome, label: str) -> None:
    """The tabulator, until a button of that name has the focus."""
    for _ in range(TABS_MAX):
        keys(browser, Keys.TAB)
        if browser.switch_to.active_element.accessible_name == label:
            return
    pytest.fail(f"{label} cannot be reached")


def press(browser: Chrome, done: Callable[[Range], bool]) -> None:
    """Enter, and the timeline shows what it must, in ms."""
    keys(browser, Keys.ENTER)
    WebDriverWait(browser, 30).until(lambda _: done(browser.execute_script(SHOWN)))


@pytest.mark.parametrize("runs", [1, 3])
def test_a_phone_needs_no_scrolling_sideways(shown: Open, runs: int) -> None:
    """Tables and drawings stay within 390 pixels, or scroll in boxes of their own."""
    browser = shown([spoiled({"consoles.0.text": "x" * 1000})] * runs, width=390)
    browser.execute_script("document.querySelectorAll('details').forEach((it) => it.open = true)")
    assert browser.execute_script("return document.documentElement.scrollWidth") == 390
    assert browser.execute_script(OUTSIDE) == []


def test_all_text_can_be_read(shown: Open) -> None:
    """By day and by night, in the drawing too."""
    browser = shown([spoiled({"stream": None, "faults": ["one"]})])
    try:
        for dark in (False, True):
            night(browser, dark)
            assert browser.execute_script(CONTRAST) == []
    finally:
        night(browser, dark=False)


def test_what_was_recorded_stays_text(shown: Open) -> None:
    """Markup in libvirt's words, on the console, in a fault or an event is shown as it is."""
    places = ("outcome.error", "consoles.0.text", "environment.acceleration_reason")
    more: dict[str, object] = {"faults": [HOSTILE], "events.0.detail": HOSTILE}
    browser = shown([spoiled(dict.fromkeys(places, HOSTILE) | more)])
    assert browser.find_elements(By.TAG_NAME, "img") == []
    assert "caught" not in browser.title
    assert HOSTILE in browser.find_element(By.CLASS_NAME, "reasons").text
    (console, *_) = browser.find_elements(By.TAG_NAME, "pre")
    assert console.get_attribute("textContent") == HOSTILE
    assert told(browser)["migration"]["error"] == HOSTILE
    assert complaints(browser) == []


def test_several_are_compared(shown: Open) -> None:
    """One timeline of all, one each, and a table whose links lead to each."""
    browser = shown([history(), spoiled({"guest_after.load.mismatches": 1})])
    assert len(browser.find_elements(By.CLASS_NAME, "plot")) == 3
    links = browser.find_elements(By.CSS_SELECTOR, ".compared a")
    assert [str(link.get_attribute("href")).partition("#")[2] for link in links] == [
        "run-1",
        "run-2",
    ]
    assert complaints(browser) == []
