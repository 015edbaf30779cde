"""A number with its uncertainty, or the reason why there is none."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from miglab.values import Value

Grade = Literal["pass", "fail", "unknown"]
NS_PER_MS = 1e6


class Measured(Value):
    """``value ± uncertainty`` in milliseconds; a value of None is unknown, and ``note`` says why.

    The truth lies within the uncertainty; it is a bound, not a standard deviation.
    """

    value: Annotated[float, Field(allow_inf_nan=False)] | None
    uncertainty: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None
    unit: Literal["ms"] = "ms"
    note: str = ""

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if (self.value is None) != (self.uncertainty is None):
            raise ValueError("expected a value with its uncertainty, or neither")
        if self.value is None and not self.note:
            raise ValueError("expected a note that says why the value is unknown")
        return self

    @classmethod
    def unknown(cls, reason: str) -> Self:
        """No value, because of ``reason``."""
        return cls(value=None, uncertainty=None, note=reason)

    @classmethod
    def between(cls, low_ms: float, high_ms: float, note: str = "") -> Self:
        """The value that lies somewhere from ``low_ms`` to ``high_ms``."""
        return cls(value=(low_ms + high_ms) / 2, uncertainty=(high_ms - low_ms) / 2, note=note)

    def within(self, limit_ms: float) -> Grade:
        """Whether the truth is at most ``limit_ms``; unknown when the limit lies in the doubt."""
        if self.value is None or self.uncertainty is None:
            return "unknown"
        if self.value + self.uncertainty <= limit_ms:
            return "pass"
        return "fail" if self.value - self.uncertainty > limit_ms else "unknown"
