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
CPUS_MAX = 16  # what the guest has threads for
SHORT = {"ws": "working_set", "compress": "compressibility"}
KEYS = "ws, rate, pattern, compressibility, zero, cpus, seed"


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
Percent = Annotated[int, Field(ge=0, le=100)]


class Load(Value):
    """Rewrites ``working_set`` bytes at ``rate`` bytes per second; each page is verified first.

    ``hotspot`` sends nine writes in ten to the first tenth. ``compressibility`` is the share of
    each page, in percent, that repeats one word; ``zero`` the share of pages that are all zero.
    ``cpus`` threads only compute.
    """

    working_set: Size = ByteSize(64 << 20)
    rate: Pace = ByteSize(50 << 20)
    pattern: Pattern = "sequential"
    compressibility: Percent = 0
    zero: Percent = 0
    cpus: Annotated[int, Field(ge=0, le=CPUS_MAX)] = 0
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
        unusual = {
            f"{self.compressibility}%": self.compressibility != 0,
            f"zero{self.zero}%": self.zero != 0,
            f"cpu{self.cpus}": self.cpus != 0,
            f"seed{self.seed}": self.seed != 1,
        }
        return "-".join([*parts, *(part for part, said in unusual.items() if said)])

    @property
    def text(self) -> str:
        """As :meth:`parse` reads it back, and as it is typed after ``--load``."""
        rate = "max" if self.rate == "max" else f"{size_text(self.rate)}/s"
        written = {"working_set": size_text(self.working_set), "rate": rate}
        long = {word: short for short, word in SHORT.items()}
        return ",".join(
            f"{long.get(key, key)}={written.get(key, value)}"
            for key, value in self
            if key in written or value != type(self).model_fields[key].default
        )

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
