"""What the guest's memory must hold, computed without asking it; see docs/reference/payload.md.

A guest that lost or kept back some writes still believes itself, and says so. It cannot say a
digest that only the right memory has: that one follows from what was asked of it.
"""

from collections import Counter
from collections.abc import Iterator

MASK = 2**64 - 1
GOLDEN = 0x9E3779B97F4A7C15
WORDS = 512


def mix64(value: int) -> int:
    """Scrambles 64 bits."""
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9 & MASK
    value = (value ^ (value >> 27)) * 0x94D049BB133111EB & MASK
    return value ^ (value >> 31)


def expected_digest(
    *, pages: int, seed: int, compressibility: int, zero: int, pattern: str, region_written: int
) -> str:
    """The digest of a sweep after that many rewrites; raises ValueError for an unknown pattern.

    Takes a second or two for each million of rewrites that are not sequential.
    """
    digest = 0
    for page, times in enumerate(rewrites(pattern, pages, seed, region_written)):
        found = 0
        if not is_zero(page, zero):
            found = page_digest(page_base(seed, page, 1 + times), compressibility)
        digest += mix64(found ^ mix64(page + 1))
    return f"{digest & MASK:016x}"


def is_zero(page: int, percent: int) -> bool:
    """Whether that page is always zero, when ``percent`` of all pages are."""
    return page % 100 < percent


def page_base(seed: int, page: int, version: int) -> int:
    """The first word of a page; the guest counts versions in 32 bits."""
    return mix64(mix64((seed + (page + 1) * GOLDEN) & MASK) + (version & 0xFFFFFFFF) & MASK) | 1


def page_digest(base: int, compressibility: int) -> int:
    """The sum of (2i + 1) × word i, in closed form."""
    distinct = WORDS * (100 - compressibility) // 100
    steps = distinct * (distinct - 1) * (4 * distinct + 1) // 6  # the sum of i(2i + 1)
    return (WORDS**2 * base + steps * GOLDEN) & MASK


def rewrites(pattern: str, pages: int, seed: int, count: int) -> list[int]:
    """How often each page was rewritten when ``count`` rewrites are done, as pattern.c has it."""
    if pattern == "sequential":
        rounds, rest = divmod(count, max(pages, 1))
        return [rounds + (page < rest) for page in range(pages)]
    if pattern == "random":
        drawn = Counter(_below(pages, seed, turn) for turn in range(1, count + 1))
    elif pattern == "hotspot":
        drawn = Counter(_hotspot(pages, seed, count))
    else:
        raise ValueError(f"pattern: expected sequential, random or hotspot, found {pattern!r}")
    return [drawn[page] for page in range(pages)]


def _below(limit: int, seed: int, turn: int) -> int:
    """The random number of that turn, in [0, limit)."""
    return mix64((seed + turn * GOLDEN) & MASK) * limit >> 64


def _hotspot(pages: int, seed: int, count: int) -> Iterator[int]:
    """Two turns for each rewrite: which part, and which page of it."""
    hot = max(pages // 10, 1)
    for turn in range(1, 2 * count, 2):
        if pages == hot or _below(10, seed, turn) < 9:
            yield _below(hot, seed, turn + 1)
        else:
            yield hot + _below(pages - hot, seed, turn + 1)
