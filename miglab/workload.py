"""What the guest does to its memory while it is moved."""

from collections import Counter
from typing import Annotated, Any, Literal, Self

from pydantic import (
    ByteSize,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    field_validator,
)

from miglab.declaration import problems_of
from miglab.errors import UsageError
from miglab.values import Rate, Size, Value, size_text

Pattern = Literal["sequential", "random", "hotspot"]
PAGE = 4096
BYTES_MAX = 1 << 63  # what the guest's arithmetic holds
SHORT = {"ws": "working_set", "compress": "compressibility"}
KEYS = "ws, rate, pattern, compressibility, seed"


def _one_problem(value: object, read: ValidatorFunctionWrapHandler) -> Any:
    """A rate that is neither form is one problem, not one for each form."""
    try:
        rate = read(value)
    except ValidationError:
        rate = None
    if rate is None or (rate != "max" and rate >= BYTES_MAX):
        raise ValueError("expected max or a size per second such as 50MiB/s")
    return rate


Pace = Annotated[Rate | Literal["max"], WrapValidator(_one_problem)]
"""Bytes per second, or as fast as it goes."""


class Load(Value):
    """Rewrites ``working_set`` bytes at ``rate`` bytes per second; each page is verified first.

    ``hotspot`` sends nine writes in ten to the first tenth. ``compressibility`` is the share of
    each page, in percent, that repeats one word.
    """

    working_set: Size = ByteSize(64 << 20)
    rate: Pace = ByteSize(50 << 20)
    pattern: Pattern = "sequential"
    compressibility: Annotated[int, Field(ge=0, le=100)] = 0
    seed: Annotated[int, Field(ge=0, lt=1 << 64)] = 1

    @field_validator("working_set")
    @classmethod
    def _whole_pages(cls, size: ByteSize) -> ByteSize:
        if not PAGE <= size < BYTES_MAX:
            raise ValueError("expected at least one page (4KiB) and less than 8EiB")
        return ByteSize(size // PAGE * PAGE)

    @property
    def name(self) -> str:
        """Derived from the values, and another for other values: ``ws64MiB-50MiB/s-sequential``."""
        rate = "max" if self.rate == "max" else f"{size_text(self.rate)}/s"
        parts = [f"ws{size_text(self.working_set)}", rate, self.pattern]
        if self.compressibility:
            parts.append(f"{self.compressibility}%")
        if self.seed != 1:
            parts.append(f"seed{self.seed}")
        return "-".join(parts)

    @classmethod
    def parse(cls, text: str) -> Self:
        """``ws=64MiB,rate=50MiB/s``; UsageError has one line: key, expected, found."""
        values = _pairs(text)
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            lines = "; ".join(problems_of(error))
            raise UsageError(f"--load: {lines} (keys: {KEYS})") from None


def _pairs(text: str) -> dict[str, str]:
    """Keys in full and their values; a key given twice is refused, not overridden."""
    pairs = [part.partition("=") for part in text.split(",")]
    for key, equals, _ in pairs:
        if not equals:
            raise UsageError(f"--load: expected key=value, found {key!r} (keys: {KEYS})")
    named = [(SHORT.get(key.strip(), key.strip()), value.strip()) for key, _, value in pairs]
    for key, times in Counter(key for key, _ in named).items():
        if times > 1:
            raise UsageError(f"--load: {key}: expected once, found {times} times")
    return dict(named)
