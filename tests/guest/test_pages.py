"""What the guest's memory must hold, against the slow way of saying it: word by word."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miglab.guest.pages import (
    GOLDEN,
    MASK,
    expected_digest,
    is_zero,
    mix64,
    page_base,
    page_digest,
    rewrites,
)

U64 = st.integers(0, MASK)
PERCENT = st.integers(0, 100)
PATTERNS = st.sampled_from(["sequential", "random", "hotspot"])
LOAD: dict[str, Any] = {
    "pages": 20,
    "seed": 7,
    "compressibility": 30,
    "zero": 10,
    "pattern": "random",
    "region_written": 99,
}


def page_words(seed: int, page: int, version: int, compressibility: int) -> list[int]:
    """The 512 words of a page, as docs/reference/payload.md lists them."""
    base = page_base(seed, page, version)
    distinct = 512 * (100 - compressibility) // 100
    return [(base + i * GOLDEN) & MASK if i < distinct else base for i in range(512)]


def word_sum(words: list[int]) -> int:
    """A page's digest, likewise."""
    return sum((2 * i + 1) * word for i, word in enumerate(words)) & MASK


@given(U64, st.integers(0, 2**40), st.integers(0, 2**32 - 1), PERCENT)
def test_a_page_s_digest_is_the_sum_over_its_words(
    seed: int, page: int, version: int, percent: int
) -> None:
    """The closed form says the same."""
    words = page_words(seed, page, version, percent)
    assert page_digest(words[0], percent) == word_sum(words)


@given(st.integers(0, 511), st.integers(1, MASK), PERCENT)
def test_any_changed_word_changes_the_digest(at: int, change: int, percent: int) -> None:
    """Whichever, and by whatever."""
    words = page_words(1, 2, 3, percent)
    words[at] ^= change
    assert word_sum(words) != page_digest(page_base(1, 2, 3), percent)


@given(st.integers(1, 120), U64, PERCENT, PERCENT, PATTERNS, st.integers(0, 200))
def test_a_digest_is_the_sum_over_pages_as_often_rewritten(
    pages: int, seed: int, percent: int, zero: int, pattern: str, written: int
) -> None:
    """Every rewrite counts once, and each page is bound to its number."""
    times = rewrites(pattern, pages, seed, written)
    assert (len(times), sum(times)) == (pages, written)
    sums = (
        0 if p % 100 < zero else word_sum(page_words(seed, p, 1 + n, percent))
        for p, n in enumerate(times)
    )
    digest = sum(mix64(found ^ mix64(p + 1)) for p, found in enumerate(sums)) & MASK
    assert f"{digest:016x}" == expected_digest(
        pages=pages,
        seed=seed,
        compressibility=percent,
        zero=zero,
        pattern=pattern,
        region_written=written,
    )


@pytest.mark.parametrize(
    "change",
    [
        {"pages": 21},
        {"seed": 8},
        {"compressibility": 31},
        {"zero": 11},
        {"pattern": "hotspot"},
        {"pattern": "sequential"},
        {"region_written": 98},
        {"region_written": 100},
    ],
    ids=str,
)
def test_whatever_differs_is_seen(change: dict[str, Any]) -> None:
    """One rewrite lost, of all of them, is another digest."""
    assert expected_digest(**(LOAD | change)) != expected_digest(**LOAD)


def test_a_page_that_is_always_zero_holds_no_version() -> None:
    """However often it was rewritten; among a hundred there are as many as was asked for."""
    still, busy = (
        expected_digest(**(LOAD | {"pages": 100, "zero": 100, "region_written": count}))
        for count in (0, 99)
    )
    assert still == busy
    assert sum(is_zero(page, 25) for page in range(300)) == 75


def test_two_pages_that_change_places_are_seen() -> None:
    """The same words in another order are another memory."""
    one, two = (page_digest(page_base(1, page, 1), 0) for page in (0, 1))
    assert mix64(one ^ mix64(1)) + mix64(two ^ mix64(2)) != sum(
        mix64(found ^ mix64(page)) for page, found in ((1, two), (2, one))
    )


def test_sequential_takes_no_time_however_much_was_written() -> None:
    """A page's version goes round after 32 bits, as in the guest."""
    load = LOAD | {"pages": 1, "pattern": "sequential", "zero": 0}
    written = (5, 5 + 2**32, 2**32)
    digests = [expected_digest(**(load | {"region_written": count})) for count in written]
    assert digests[0] == digests[1] != digests[2]


def test_no_pages_have_no_words() -> None:
    """A guest without a load is not swept, but whoever says it is must not end the judge."""
    assert expected_digest(**(LOAD | {"pages": 0})) == "0" * 16


def test_an_unknown_pattern_is_refused() -> None:
    """A later guest may have one; its digest cannot be told."""
    with pytest.raises(ValueError, match="pattern: expected sequential, random or hotspot"):
        expected_digest(**(LOAD | {"pattern": "zigzag"}))
