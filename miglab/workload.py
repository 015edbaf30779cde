"""What the guest does to its memory while it is moved."""

from typing import Annotated, Literal, Self

from pydantic import ByteSize, Field, ValidationError, field_validator

from miglab.declaration import problems_of
from miglab.errors import UsageError
from miglab.values import Rate, Value, size_text

Pattern = Literal["sequential", "random", "hotspot"]
PAGE = 4096
SHORT = {"ws": "working_set", "compress": "compressibility"}


class Load(Value):
    """Rewrites ``working_set`` bytes at ``rate`` bytes per second; each page is verified first.

    ``hotspot`` sends nine writes in ten to the first tenth. ``compressibility`` is the share of
    each page, in percent, that repeats one word.
    """

    working_set: Annotated[ByteSize, Field(ge=PAGE)] = ByteSize(64 << 20)
    rate: Rate | Literal["max"] = ByteSize(50 << 20)
    pattern: Pattern = "sequential"
    compressibility: Annotated[int, Field(ge=0, le=100)] = 0
    seed: Annotated[int, Field(ge=0, lt=1 << 64)] = 1

    @field_validator("working_set")
    @classmethod
    def _whole_pages(cls, size: ByteSize) -> ByteSize:
        return ByteSize(size // PAGE * PAGE)

    @property
    def name(self) -> str:
        """Derived from the values: ``ws64MiB-50MiB/s-sequential``."""
        rate = "max" if self.rate == "max" else f"{size_text(self.rate)}/s"
        parts = [f"ws{size_text(self.working_set)}", rate, self.pattern]
        if self.compressibility:
            parts.append(f"{self.compressibility}%")
        return "-".join(parts)

    @classmethod
    def parse(cls, text: str) -> Self:
        """``ws=64MiB,rate=50MiB/s,pattern=sequential``; raises UsageError naming key, expected, found."""
        pairs = [part.partition("=") for part in text.split(",") if part]
        for key, equals, _ in pairs:
            if not equals:
                raise UsageError(f"--load: expected key=value, found {key!r}")
        try:
            return cls.model_validate({SHORT.get(key, key): value for key, _, value in pairs})
        except ValidationError as error:
            lines = "; ".join(problems_of(error))
            keys = "ws, rate, pattern, compressibility, seed"
            raise UsageError(f"--load: {lines} (keys: {keys})") from None
