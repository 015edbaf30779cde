"""What a load may be, how it is written, and in which words everything else is refused."""

import pytest
from hypothesis import given

from miglab.errors import UsageError
from miglab.workload import CPUS_MAX, PAGE, Load
from tests.strategies import loads

MIB = 1 << 20


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("ws=64MiB,rate=50MiB/s,pattern=sequential", {}),
        ("ws=16MiB", {"working_set": 16 * MIB}),
        ("working_set=16MiB", {"working_set": 16 * MIB}),
        ("ws=16777216", {"working_set": 16 * MIB}),
        ("ws=5000", {"working_set": PAGE}),
        ("rate=max", {"rate": "max"}),
        ("rate=0", {"rate": 0}),
        ("rate=1.5MiB/s", {"rate": 3 * MIB // 2}),
        ("pattern=hotspot,compress=40", {"pattern": "hotspot", "compressibility": 40}),
        ("rate=0,cpus=2", {"rate": 0, "cpus": 2}),
        ("zero=50", {"zero": 50}),
        ("compressibility=100, seed=18446744073709551615", {"compressibility": 100, "seed": -1}),
    ],
)
def test_a_load_is_read(text: str, values: dict[str, object]) -> None:
    """What is not said is as in the contract's example; sizes are rounded down to pages."""
    wanted = Load().model_dump() | values
    wanted["seed"] %= 1 << 64
    assert Load.parse(text).model_dump() == wanted


SIZE = "expected a size such as 256MiB"
PACE = "expected max or a size per second such as 50MiB/s"
BOUNDS = "expected at least one page (4KiB) and less than 8EiB"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "expected key=value, found ''"),
        ("ws", "expected key=value, found 'ws'"),
        ("ws=1MiB,,rate=0", "expected key=value, found ''"),
        ("speed=1", "speed: expected no such key, found '1'"),
        ("ws=", f"working_set: {SIZE}, found ''"),
        ("ws=large", f"working_set: {SIZE}, found 'large'"),
        ("ws=64MiB/min", f"working_set: {SIZE}, found '64MiB/min'"),
        ("ws=-5", f"working_set: {SIZE}, found '-5'"),
        ("ws=4095", f"working_set: {BOUNDS}, found '4095'"),
        ("ws=8EiB", f"working_set: {BOUNDS}, found '8EiB'"),
        ("rate=fast", f"rate: {PACE}, found 'fast'"),
        ("rate=50MiB/min", f"rate: {PACE}, found '50MiB/min'"),
        ("rate=-1", f"rate: {PACE}, found '-1'"),
        ("rate=8EiB", f"rate: {PACE}, found '8EiB'"),
        ("pattern=zigzag", "'sequential', 'random' or 'hotspot', found 'zigzag'"),
        ("compress=101", "compressibility: expected less than or equal to 100, found '101'"),
        ("zero=101", "zero: expected less than or equal to 100, found '101'"),
        ("cpus=17", "cpus: expected less than or equal to 16, found '17'"),
        ("cpus=two", "cpus: expected a whole number, found 'two'"),
        ("seed=1.5", "seed: expected a whole number, found '1.5'"),
        ("seed=-1", "seed: expected greater than or equal to 0, found '-1'"),
        ("ws=1MiB,ws=2MiB", "working_set: expected once, found 2 times"),
        ("ws=1MiB,working_set=2MiB", "working_set: expected once, found 2 times"),
    ],
)
def test_what_is_no_load_is_refused(text: str, line: str) -> None:
    """One line with the option, the key, what was expected and what was found."""
    with pytest.raises(UsageError) as refusal:
        Load.parse(text)
    message = str(refusal.value)
    assert message.startswith("--load: ")
    assert line in message
    assert "\n" not in message
    assert refusal.value.exit_code == 2


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("ws=64MiB", "ws64MiB-50MiB/s-sequential"),
        ("rate=max,pattern=random", "ws64MiB-max-random"),
        ("ws=16MiB,rate=0", "ws16MiB-0B/s-sequential"),
        ("compress=25,seed=7", "ws64MiB-50MiB/s-sequential-25%-seed7"),
        ("zero=25", "ws64MiB-50MiB/s-sequential-zero25%"),
        ("ws=16MiB,rate=0,cpus=2", "ws16MiB-0B/s-sequential-cpu2"),
    ],
)
def test_the_name_says_the_values(text: str, name: str) -> None:
    """What is as always is left out."""
    assert Load.parse(text).name == name


@given(loads(), loads())
def test_other_values_have_another_name(one: Load, other: Load) -> None:
    """Two runs with one name are runs of one load."""
    assert (one.name == other.name) == (one == other)


@given(loads())
def test_one_value_alone_changes_the_name(load: Load) -> None:
    """No value is left out of the name."""
    changed: dict[str, object] = {
        "working_set": load.working_set + PAGE,
        "rate": 0 if load.rate else "max",
        "pattern": "random" if load.pattern != "random" else "hotspot",
        "compressibility": (load.compressibility + 1) % 101,
        "zero": (load.zero + 1) % 101,
        "cpus": (load.cpus + 1) % (CPUS_MAX + 1),
        "seed": (load.seed + 1) % (1 << 64),
    }
    names = {load.model_copy(update={key: value}).name for key, value in changed.items()}
    assert len(names | {load.name}) == len(Load.model_fields) + 1


@given(loads())
def test_a_load_comes_back_from_what_it_is_written_as(load: Load) -> None:
    """Neither JSON nor the command line loses anything."""
    assert Load.model_validate_json(load.model_dump_json()) == load
    text = ",".join(f"{key}={value}" for key, value in load.model_dump(mode="json").items())
    assert Load.parse(text) == load
