"""A number with its uncertainty, and three answers to one limit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from miglab.judge.measured import Grade, Measured

MS = st.floats(0, 1e6)


@pytest.mark.parametrize(
    ("limit_ms", "grade"),
    [(13.0, "pass"), (12.0, "pass"), (11.9, "unknown"), (8.0, "unknown"), (7.9, "fail")],
)
def test_the_limit_in_the_doubt_is_unknown(limit_ms: float, grade: Grade) -> None:
    """10 ± 2 surely keeps 12, surely breaks 7.9, and says nothing of what lies between."""
    assert Measured(value=10.0, uncertainty=2.0).within(limit_ms) == grade


@given(MS)
def test_unknown_never_passes(limit_ms: float) -> None:
    """No value, no verdict."""
    assert Measured.unknown("nobody looked").within(limit_ms) == "unknown"


@given(value=MS, uncertainty=MS, truth=st.floats(-1, 1), limit_ms=MS)
def test_a_verdict_holds_for_every_possible_truth(
    value: float, uncertainty: float, truth: float, limit_ms: float
) -> None:
    """Neither pass nor fail is ever wrong while the truth lies within the uncertainty."""
    grade = Measured(value=value, uncertainty=uncertainty).within(limit_ms)
    truth_ms = value + truth * uncertainty
    assert grade != (
        "fail" if truth_ms <= limit_ms - 1e-6 else "pass" if truth_ms > limit_ms + 1e-6 else ""
    )


@given(value=MS, narrow=MS, more=MS, limit_ms=MS)
def test_more_doubt_never_decides(
    value: float, narrow: float, more: float, limit_ms: float
) -> None:
    """A wider uncertainty can only turn a verdict into unknown."""
    wide = Measured(value=value, uncertainty=narrow + more).within(limit_ms)
    assert wide in {"unknown", Measured(value=value, uncertainty=narrow).within(limit_ms)}


def test_between_is_the_middle() -> None:
    """Bounds and value ± uncertainty are the same thing."""
    assert Measured.between(76.0, 196.0) == Measured(value=136.0, uncertainty=60.0)


@given(MS, MS)
def test_serialised_without_loss(value: float, uncertainty: float) -> None:
    """JSON gives back what was put in."""
    measured = Measured(value=value, uncertainty=uncertainty, note="n")
    assert Measured.model_validate_json(measured.model_dump_json()) == measured


@pytest.mark.parametrize(
    "wrong",
    [
        {"value": 1.0, "uncertainty": None},
        {"value": None, "uncertainty": 1.0, "note": "n"},
        {"value": None, "uncertainty": None},
        {"value": 1.0, "uncertainty": -1.0},
        {"value": float("nan"), "uncertainty": 1.0},
        {"value": 1.0, "uncertainty": float("inf")},
        {"value": 1.0, "uncertainty": 1.0, "unit": "s"},
    ],
)
def test_half_a_measurement_is_refused(wrong: dict[str, object]) -> None:
    """No number without its uncertainty, no absence without its reason."""
    with pytest.raises(ValidationError):
        Measured.model_validate(wrong)
