"""What became of the guest, by what every host said in the end."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miglab.judge.fate import Fate, fate
from miglab.observe.states import BROKEN_OFF
from tests.histories import history, spoiled

WORDS = ["absent", "running", "paused", "shut off", "crashed", BROKEN_OFF, "unreachable"]


def of(**words: str) -> Fate:
    """The fate of a guest that was to go from source to target."""
    states = [{"host": host, "state": state} for host, state in words.items()]
    return fate(spoiled({"domains": states}))


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        ("absent", "running", "moved"),
        ("shut off", "running", "moved"),
        ("absent", "paused", "moved"),
        ("unreachable", "running", "moved"),
        ("running", "absent", "stayed"),
        ("running", "shut off", "stayed"),
        ("running", "unreachable", "stayed"),
        ("running", "running", "split"),
        ("running", "paused", "split"),
        (BROKEN_OFF, BROKEN_OFF, "split"),
        ("absent", BROKEN_OFF, "lost"),
        (BROKEN_OFF, "absent", "lost"),
        (BROKEN_OFF, "crashed", "lost"),
        (BROKEN_OFF, "unreachable", "lost"),
        ("absent", "absent", "lost"),
        ("shut off", "crashed", "lost"),
        ("absent", "unreachable", "unknown"),
        ("unreachable", "unreachable", "unknown"),
    ],
)
def test_a_fate_in_a_word(source: str, target: str, expected: Fate) -> None:
    """Whoever did not say may have it."""
    assert of(source=source, target=target) == expected


def test_a_third_host_counts() -> None:
    """Wherever it is, it has moved if it is not at home any more."""
    assert of(source="absent", target="absent", third="running") == "moved"
    assert of(source="running", target="absent", third="running") == "split"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (["postcopy-active", "postcopy-paused"], "lost"),
        (["postcopy-paused", "postcopy-recover", "completed"], "moved"),
        (["active", "completed"], "moved"),
    ],
)
def test_qemu_knows_first_that_its_other_half_is_gone(said: list[str], expected: Fate) -> None:
    """libvirt on the target calls it running until its own time is out."""
    events = [
        {"host": "target", "vantage": "qemu", "name": "MIGRATION", "time_ns": n, "detail": detail}
        for n, detail in enumerate(json.dumps({"status": status}) for status in said)
    ]
    states = [{"host": "source", "state": "shut off"}, {"host": "target", "state": "running"}]
    assert fate(spoiled({"domains": states, "events": events})) == expected


def test_without_a_word_nothing_is_known() -> None:
    """Nobody was asked."""
    assert of() == "unknown"
    assert fate(history()) == "moved"


@given(st.sampled_from(WORDS), st.sampled_from(WORDS))
def test_where_it_ran_does_not_matter_to_whether_there_is_something_of_it(
    one: str, other: str
) -> None:
    """Hosts that change places change ``moved`` and ``stayed``, and nothing else."""
    mirrored: dict[Fate, Fate] = {"moved": "stayed", "stayed": "moved"}
    found, swapped = of(source=one, target=other), of(source=other, target=one)
    assert swapped == mirrored.get(found, found)
