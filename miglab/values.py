"""What all declared values share: they are frozen, closed, and written as people write them."""

import re
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ByteSize, ConfigDict

T = TypeVar("T")


class Value(BaseModel):
    """A frozen model that refuses keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def matching(pattern: str, expected: str) -> AfterValidator:
    """A validator for what, written as text, must match ``pattern`` in full."""
    compiled = re.compile(pattern)

    def check(value: T) -> T:
        if not compiled.fullmatch(str(value)):
            raise ValueError(f"expected {expected}")
        return value

    return AfterValidator(check)


def _whole(value: object) -> object:
    """Pydantic alone would read ``50MiB/min`` as 50 MiB: it stops where it understands no more."""
    if isinstance(value, str) and not re.fullmatch(r"\s*\d*\.?\d+\s*[A-Za-z]*\s*", value):
        raise ValueError("expected a size such as 256MiB")
    return value


def _without_per_second(value: object) -> object:
    return value.removesuffix("/s") if isinstance(value, str) else value


Size = Annotated[ByteSize, BeforeValidator(_whole)]
"""Bytes, written ``256MiB``."""

Rate = Annotated[Size, BeforeValidator(_without_per_second)]
"""Bytes per second, written ``50MiB/s``."""

Mac = Annotated[
    str,
    matching(
        r"(?!(00:){5}00)[0-9a-f][02468ace](:[0-9a-f]{2}){5}",
        "a MAC of one machine, in lower case, such as 52:54:00:80:00:50",
    ),
]


def size_text(size: int) -> str:
    """``67108864`` as ``64MiB``: the largest binary unit that loses nothing."""
    for unit, factor in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if size and size % factor == 0:
            return f"{size // factor}{unit}"
    return f"{size}B"
