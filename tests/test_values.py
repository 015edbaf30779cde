"""The forms in which people write values."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ByteSize, TypeAdapter, ValidationError

from miglab.values import Mac, Rate, Size, Value, size_text

SIZE: TypeAdapter[ByteSize] = TypeAdapter(Size)
RATE: TypeAdapter[ByteSize] = TypeAdapter(Rate)
MAC: TypeAdapter[str] = TypeAdapter(Mac)


class Sample(Value):
    """A value to try the common rules on."""

    number: int = 1


@given(st.integers(0, 1 << 53))
def test_a_size_comes_back_from_its_text(size: int) -> None:
    """No byte is lost by writing a size as people read it."""
    assert SIZE.validate_python(size_text(size)) == size


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0B"),
        (1, "1B"),
        (1023, "1023B"),
        (1024, "1KiB"),
        (1536, "1536B"),
        (64 << 20, "64MiB"),
        ((64 << 20) + 1024, "65537KiB"),
        (3 << 30, "3GiB"),
        (1 << 50, "1048576GiB"),
    ],
)
def test_a_size_is_written_in_its_largest_exact_unit(size: int, text: str) -> None:
    """The unit is the largest that leaves no fraction."""
    assert size_text(size) == text


@pytest.mark.parametrize("text", ["50MiB/s", "50MiB", 52428800])
def test_a_rate_may_say_per_second(text: object) -> None:
    """A rate is a size, with or without its unit of time."""
    assert RATE.validate_python(text) == 50 << 20


@pytest.mark.parametrize("text", ["50MiB/min", "50MiB/s/s", "/s", "", "fast", None, -1])
def test_what_is_no_rate_is_refused(text: object) -> None:
    """Another unit of time is not silently taken for seconds."""
    with pytest.raises(ValidationError):
        RATE.validate_python(text)


@pytest.mark.parametrize("text", ["52:54:00:80:00:50", "00:00:00:00:00:01", "fe:ff:ff:ff:ff:ff"])
def test_a_mac_of_one_machine(text: str) -> None:
    """Any unicast address will do."""
    assert MAC.validate_python(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "52:54:00:80:00",
        "52:54:00:80:00:5",
        "52:54:00:80:00:50\n",
        "53:54:00:80:00:50",
        "x" * 17,
    ],
)
def test_what_is_no_mac_is_refused(text: str) -> None:
    """A group's address, a part of one, or something after it is no machine's."""
    with pytest.raises(ValidationError, match="expected a MAC of one machine"):
        MAC.validate_python(text)


def test_values_are_frozen_and_closed() -> None:
    """Nothing is changed after it was checked, nothing unknown is swallowed."""
    sample = Sample()
    with pytest.raises(ValidationError, match="frozen"):
        sample.number = 2  # type: ignore[misc]  # that it is forbidden is what is tested
    with pytest.raises(ValidationError, match="Extra inputs"):
        Sample.model_validate({"numbr": 2})
