"""All verdicts of a run, from every worker: a table at its end, and one page."""

from typing import TYPE_CHECKING, Any

import pytest

from miglab.errors import MiglabError
from miglab.pytest_plugin.notes import TOLD, Row
from miglab.pytest_plugin.session import report_folder, worker

if TYPE_CHECKING:
    from miglab.report.suite import Suite

FAILED, SKIPPED = "failed", "skipped"


def pytest_configure(config: pytest.Config) -> None:
    """What a worker hears, its controller hears too."""
    if worker(config) is None:
        config.pluginmanager.register(Listener(config), "miglab-summary")


class Listener:
    """Hears every report, and tells of all in the end."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.outcomes: dict[str, str] = {}
        self.said: dict[str, str] = {}
        self.rows: list[tuple[str, Row]] = []
        self.page: str | None = None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """The worst of a test's outcomes counts; its verdicts come with the last report."""
        told = self.outcomes.setdefault(report.nodeid, report.outcome)
        if told == "passed" and report.outcome != told:
            self.outcomes[report.nodeid] = report.outcome
        if report.failed or (report.skipped and report.nodeid not in self.said):
            self.said[report.nodeid] = _line(report)
        self.rows += [(report.nodeid, row) for row in getattr(report, TOLD, [])]

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        """Writes the page, if there is anything to tell."""
        if not self.rows:
            return
        from miglab.report.suite_page import write

        try:
            self.page = str(write(self.suite(), report_folder(self.config)))
        except MiglabError as error:
            self.page = str(error)

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """The table, and where the page is."""
        if not self.rows:
            return
        from miglab.report.suite_console import summary

        writer = self.config.get_terminal_writer()
        terminalreporter.write_sep("=", "verdicts")
        terminalreporter.write(summary(self.suite(), writer.fullwidth, colour=writer.hasmarkup))
        terminalreporter.write_line(f"page: {self.page}")

    def suite(self) -> "Suite":
        """All that was heard, as values."""
        from miglab.report.suite import Suite

        return Suite.of(self.outcomes, self.said, self.rows)


def _line(report: pytest.TestReport) -> str:
    """Why, in one line."""
    if isinstance(report.longrepr, tuple):
        return str(report.longrepr[2]).removeprefix("Skipped: ")
    crash = getattr(report.longrepr, "reprcrash", None)
    text = crash.message if crash else report.longreprtext
    return next(iter(text.strip().splitlines()), "")
