"""Verdicts are noted for the test that runs now, and travel with its last report.

A report's own attributes cross from a worker of pytest-xdist to its controller as long as they are
plain data; JUnit XML is written from the properties, which a report carries too.
"""

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from miglab.pytest_plugin.session import session

if TYPE_CHECKING:
    from miglab.judge.verdict import Verdict

Noted = tuple["Verdict", Path, str | None]
"""The verdict, its record's folder, and its page as seen from the page of the whole run."""
Row = dict[str, Any]
"""The same as plain data."""
NOTED = pytest.StashKey[list[Noted]]()
TOLD = "miglab_verdicts"
"""The attribute of a report that carries the rows of its test."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """The test that runs now is this one."""
    session(item.config).item = item
    try:
        return (yield)
    finally:
        session(item.config).item = None


def note(item: pytest.Item | None, noted: Noted) -> None:
    """Remembers a verdict for ``item``; between two tests there is none to remember it for."""
    if item is not None:
        item.stash.setdefault(NOTED, []).append(noted)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """The report of the teardown, a test's last, takes all of its verdicts along."""
    notes = item.stash.get(NOTED, []) if call.when == "teardown" else []
    for number, noted in enumerate(notes, start=1):
        ending = f"_{number}" if len(notes) > 1 else ""
        item.user_properties += [(f"{key}{ending}", value) for key, value in properties(*noted)]
    report = yield
    if notes:
        setattr(report, TOLD, [row(*noted) for noted in notes])
    return report


def row(verdict: "Verdict", record: Path, page: str | None) -> Row:
    """What the summary is made of."""
    told = verdict.model_dump(mode="json", by_alias=True)
    return {"verdict": told, "record": str(record), "page": page}


def properties(verdict: "Verdict", record: Path, _: str | None) -> Iterator[tuple[str, object]]:
    """What JUnit XML says of one verdict; what is unknown has no property."""
    from miglab.report.words import load

    yield "verdict", verdict.verdict
    yield "record", str(record)
    yield "policy", verdict.migration.mode
    yield "load", load(verdict)
    for name, figure in verdict.downtime_ms:
        if figure.value is not None:
            yield f"downtime_ms_{name}", figure.value
            yield f"downtime_ms_{name}_uncertainty", figure.uncertainty
    for name in ("total_ms", "transferred_bytes", "rounds"):
        if (value := getattr(verdict.migration, name)) is not None:
            yield name, value
