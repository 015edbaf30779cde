"""A browser to look at pages with."""

import shutil
from collections.abc import Callable, Iterator, Sequence

import pytest
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from miglab.judge.verdict import judge
from miglab.observe.history import History
from miglab.report.page import write

DRAWN_SECONDS = 120  # on a busy machine, and when the browser has just been installed
QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

Open = Callable[..., Chrome]


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """Headless, with a profile of its own, and nothing to say to anybody."""
    options = ChromeOptions()
    options.binary_location = _program("chromium")
    for word in (*QUIET, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = Chrome(options, Service(_program("chromedriver")))
    try:
        yield driver
    finally:
        driver.quit()


def _program(name: str) -> str:
    """Where it is; a page that nobody looks at is not tested, so its absence is a failure."""
    path = shutil.which(name)
    assert path, f"{name} is not installed; scripts/install.sh tests does that"
    return path


@pytest.fixture(scope="session")
def shown(chromium: Chrome, tmp_path_factory: pytest.TempPathFactory) -> Open:
    """Writes the page of some runs and opens it: ``shown([history()], width=390)``."""
    page = tmp_path_factory.mktemp("page") / "report.html"

    def show(histories: Sequence[History], width: int = 1280) -> Chrome:
        screen = {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": width < 500}
        chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
        write([(f"run {n}", run, judge(run)) for n, run in enumerate(histories, 1)], page)
        # What the page before said is not this one's.
        chromium.execute("getLog", {"type": "browser"})
        chromium.get(page.as_uri())
        WebDriverWait(chromium, DRAWN_SECONDS).until(_all_drawn)
        return chromium

    return show


def _all_drawn(driver: Chrome) -> bool:
    plots = driver.find_elements(By.CLASS_NAME, "plot")
    return bool(plots) and all(plot.get_attribute("data-drawn") for plot in plots)
