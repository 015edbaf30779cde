"""The answer in words, as rows and in a terminal."""

import io
from pathlib import Path

import pytest
from pydantic import ByteSize
from rich.console import Console

from miglab.judge.edge import MIB, Answer, EdgeSearch
from miglab.judge.promise import Promise
from miglab.policy import Policy
from miglab.report.edge_console import HEAD, show
from miglab.report.edge_rows import rows, told
from miglab.report.edge_words import answered, asked, promised
from miglab.workload import Load
from tests.edges import searched, simulated, terms


def answer(total_ms_max: int = 4000, trials_max: int = 100) -> Answer:
    """Of a lab where all goes by the model."""
    return searched(EdgeSearch(terms(total_ms_max=total_ms_max), Load()), trials_max).answer


def shown(found: Answer) -> str:
    """As a log of 80 columns keeps it."""
    out = io.StringIO()
    show(Console(file=out, width=80, highlight=False), found, Path("runs/one"))
    return out.getvalue()


@pytest.mark.parametrize(
    ("promise", "words"),
    [
        ({"client_ms_max": 100}, "dark for at most 100 ms"),
        ({"total_ms_max": 2500}, "done within 2.5 s"),
        ({"client_ms_max": 100, "total_ms_max": 4000}, "dark for at most 100 ms, done within 4 s"),
    ],
)
def test_a_promise_in_words(promise: dict[str, int], words: str) -> None:
    """One part or both."""
    assert promised(Promise(**promise)) == words


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({}, ": held up to 32MiB/s, broken from 48MiB/s; the model has it broken from 48MiB/s. "),
        ({}, " At 48MiB/s a working set of 48MiB breaks it, and 32MiB does not."),
        ({"total_ms_max": 100}, ": broken already at 4MiB/s, the lowest rate tried; "),
        ({"total_ms_max": 100}, " At 4MiB/s even a working set of 4MiB breaks it, the smallest"),
        ({"trials_max": 1}, "(held: none, broken: 48MiB/s, as far as was tried); too few"),
        ({"trials_max": 7}, " is not known (held: 12MiB, broken: 64MiB, as far as was tried)."),
    ],
)
def test_the_answer_in_words(how: dict[str, int], words: str) -> None:
    """For each way in which a search ends."""
    said = answered(answer(**how))
    assert said.startswith("precopy+64MiB/s, 64MiB sequential, done within ")
    assert words in said


def test_what_never_breaks_in_words() -> None:
    """Nor does the model know of post-copy."""
    postcopy = terms().model_copy(update={"policy": Policy(mode="postcopy")})
    search = EdgeSearch(postcopy, Load())
    while load := search.ask():
        simply = simulated(postcopy, load)
        search.tell(simply.model_copy(update={"kept": "held", "modelled": None, "predicted": None}))
    assert answered(search.answer).endswith("done within 4 s: held at every rate up to max.")
    assert {row.model for row in rows(search.answer, search.answer.rates)} == {"–"}


def test_rows_are_by_rate_and_marked_at_the_edge() -> None:
    """Whatever the order they were tried in; each trial has its own."""
    found = answer()
    lines = list(rows(found, found.rates))
    tried = [trial for trial in found.trials if trial.load.working_set == 64 * MIB]
    assert len(lines) == len(tried)
    rates = [trial.load.rate for trial in tried if trial.load.rate != "max"]
    assert [row.rate for row in lines] == [f"{rate // MIB}MiB/s" for rate in sorted(rates)]
    assert {row.rate for row in lines if row.beside == "held up to here"} == {"32MiB/s"}
    assert {row.rate for row in lines if row.beside == "broken from here"} == {"48MiB/s"}


def test_while_nothing_is_known_nothing_is_marked() -> None:
    """What one trial says may be overturned."""
    found = answer(trials_max=2)
    assert [row.beside for row in rows(found, found.rates)] == ["", ""]


def test_what_was_given_up_says_when() -> None:
    """In place of a total; it has no rounds, and here no downtime."""
    late = simulated(terms(), Load(rate=ByteSize(128 * MIB)))
    assert told(late) == "128MiB/s (128.0 MiB/s reached), 64MiB: broken, total > 6000 ms"
    done = simulated(terms(), Load(rate=ByteSize(16 * MIB)))
    assert told(done).endswith("64MiB: held, dark for 125.0 ± 20 ms, total 2625 ms")


def test_the_terminal_shows_both_tables_and_the_answer() -> None:
    """Within 80 columns, each trial on one line."""
    found = answer()
    lines = shown(found).splitlines()
    assert lines[0].split() == ["rate", *" ".join(HEAD).split()]
    assert any(line.startswith(" working set") for line in lines)
    assert lines[-2].startswith("EDGE FOUND  precopy+64MiB/s, ")
    assert lines[-1] == "records: runs/one"
    assert max(map(len, lines[:-2])) <= 80
    assert len(lines) == 4 + len(list(rows(found, found.rates))) + sum(
        len(list(rows(found, edge))) for edge in [found.working_sets] if edge
    )


def test_a_search_that_was_cut_off_shows_what_it_has() -> None:
    """And calls it unknown."""
    lines = shown(answer(trials_max=1)).splitlines()
    assert lines[-2].startswith("UNKNOWN  ")
    assert len(lines) == 4


def test_inputs_are_told() -> None:
    """Promise, policy, limit, load, how many, where."""
    told_ = dict(asked(answer()))
    assert told_["promise"] == "done within 4 s"
    assert told_["limit of the last stop"] == "QEMU's own"
    assert told_["acceleration"].startswith("emulated (TCG): ")
