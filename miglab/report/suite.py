"""The verdicts of a whole test run: kept beside their records, and told by test."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from miglab.errors import LabError
from miglab.judge.measured import Grade
from miglab.judge.verdict import Verdict, judge
from miglab.observe.history import History
from miglab.report import page

LIBRARY, PAGE, INDEX = "plotly.js", "report.html", "index.html"
ORDER: tuple[Grade, ...] = ("fail", "unknown", "pass")
TEST_STATES = {"passed": "pass", "failed": "fail", "skipped": "unknown"}
"""The look of a test's outcome."""


class Told(NamedTuple):
    """One verdict of a test; a test may have several."""

    test: str
    outcome: str
    verdict: Verdict
    record: Path
    page: str | None

    @property
    def name(self) -> str:
        """The test without its file."""
        return self.test.partition("::")[2] or self.test


class Suite(NamedTuple):
    """What tests there were, why some did not pass, and all verdicts in order."""

    outcomes: Mapping[str, str]
    said: Mapping[str, str]
    told: tuple[Told, ...]

    @classmethod
    def of(
        cls,
        outcomes: Mapping[str, str],
        said: Mapping[str, str],
        rows: Iterable[tuple[str, Mapping[str, Any]]],
    ) -> "Suite":
        """From plain data: ``verdict`` is a JSON object, ``record`` and ``page`` are paths."""
        told = tuple(
            Told(
                test,
                outcomes.get(test, "passed"),
                Verdict.model_validate(row["verdict"]),
                Path(row["record"]),
                row["page"],
            )
            for test, row in rows
        )
        return cls(outcomes, said, told)

    @property
    def failed(self) -> bool:
        """Whether any test did."""
        return "failed" in self.outcomes.values()

    def worst_first(self) -> list[Told]:
        """Verdicts of tests that failed, then the others, each in the order of the run."""
        return sorted(self.told, key=lambda told: told.outcome != "failed")

    def verdicts(self) -> str:
        """How many of each."""
        found = Counter(told.verdict.verdict for told in self.told)
        return ", ".join(f"{found[word]} {word}" for word in ORDER if found[word])

    def tests(self) -> str:
        """How many of each."""
        found = Counter(self.outcomes.values())
        return ", ".join(f"{found[word]} {word}" for word in TEST_STATES if found[word])

    def with_outcome(self, outcome: str) -> Iterator[tuple[str, str]]:
        """Tests that ended so, and why."""
        for test, ended in self.outcomes.items():
            if ended == outcome:
                yield test, self.said.get(test, "")


def keep(folder: Path, home: Path) -> tuple[Verdict, str | None]:
    """Judges a run and writes verdict and page beside its record.

    Pages below ``home`` share one library there, and are given as seen from it; those elsewhere
    carry their own. Raises EvidenceError for a record that cannot be read, LabError when the place
    cannot take the files.
    """
    history = History.read(folder)
    verdict, place = judge(history), folder / PAGE
    shared = folder.is_relative_to(home)
    library = os.path.relpath(_shared_library(home), folder) if shared else ""
    try:
        told = verdict.model_dump_json(indent=2, by_alias=True)
        (folder / "verdict.json").write_text(f"{told}\n")
    except OSError as error:
        raise LabError(f"{folder}: the verdict cannot be written: {error.strerror}") from None
    page.write([(folder.name, history, verdict)], place, library)
    return verdict, place.relative_to(home).as_posix() if shared else None


def _shared_library(home: Path) -> Path:
    """Written once, and as a whole: several processes may be about to."""
    path, text = home / LIBRARY, page.plotly().encode()
    try:
        if not path.exists() or path.stat().st_size != len(text):
            mine = home / f".{LIBRARY}.{os.getpid()}"
            mine.write_bytes(text)
            mine.replace(path)
    except OSError as error:
        raise LabError(f"{path}: cannot be written: {error.strerror}") from None
    return path
