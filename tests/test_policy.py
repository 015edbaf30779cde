"""Which ways of moving there are, and which there cannot be."""

import pytest
from hypothesis import given
from pydantic import ByteSize, ValidationError

from miglab.declaration import problems_of
from miglab.errors import UsageError
from miglab.policy import DEFAULT_BANDWIDTH, NAMED, Budget, Policy, named
from tests.strategies import policies


@pytest.mark.parametrize("name", ["precopy", "postcopy", "auto-converge", "multifd", "compressed"])
def test_the_contract_s_policies_are_there(name: str) -> None:
    """Each has a name of its own, and states its bandwidth."""
    assert named(name).name.startswith(name)
    assert named(name).bandwidth == DEFAULT_BANDWIDTH


def test_an_unknown_policy_is_refused_with_all_that_there_are() -> None:
    """One line that helps."""
    with pytest.raises(UsageError) as refusal:
        named("teleport")
    line = str(refusal.value)
    assert line.startswith("--policy: expected one of precopy, postcopy, ")
    assert line.endswith("found 'teleport'")


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"mode": "postcopy", "streams": 2}, "expected post-copy without streams and compression"),
        ({"mode": "postcopy", "compression": "xbzrle"}, "expected post-copy without streams"),
        ({"compression": "zstd"}, "expected streams with compression zstd"),
        ({"compression": "xbzrle", "streams": 1}, "expected xbzrle without streams"),
        ({"streams": 17}, "streams: expected less than or equal to 16, found 17"),
        ({"bandwidth": "fast"}, "bandwidth: expected a size such as 256MiB, found 'fast'"),
        ({"bandwidth": 0}, "bandwidth: expected whole MiB/s, at least 1MiB/s, found 0"),
        ({"bandwidth": "100KiB/s"}, "bandwidth: expected whole MiB/s, at least 1MiB/s"),
        ({"bandwidth": "1.5MiB/s"}, "bandwidth: expected whole MiB/s, at least 1MiB/s"),
        ({"bandwidth": "8EiB/s"}, "bandwidth: expected whole MiB/s, at least 1MiB/s"),
        ({"downtime_ms_max": 0}, "downtime_ms_max: expected greater than or equal to 1, found 0"),
        ({"downtime_ms_max": 2_000_001}, "expected less than or equal to 2000000, found 2000001"),
        ({"mode": "teleport"}, "mode: expected 'precopy' or 'postcopy', found 'teleport'"),
        ({"speed": 1}, "speed: expected no such key, found 1"),
    ],
)
def test_what_no_migration_can_do_is_refused(values: dict[str, object], line: str) -> None:
    """Before anything is touched, and with the reason."""
    with pytest.raises(ValidationError) as refusal:
        Policy.model_validate(values)
    (problem,) = problems_of(refusal.value)
    assert line in problem


@pytest.mark.parametrize(
    ("policy", "name"),
    [
        (NAMED["multifd"], "multifd-2"),
        (NAMED["multifd-zstd"], "multifd-2+zstd"),
        (Policy(bandwidth=ByteSize(64 << 20), downtime_ms_max=100), "precopy+64MiB/s+limit100ms"),
        (Policy(mode="postcopy", auto_converge=True), "postcopy+auto-converge"),
        (Policy(auto_converge=True, peer_to_peer=True), "auto-converge+p2p"),
    ],
)
def test_the_name_says_the_values(policy: Policy, name: str) -> None:
    """What is as always is left out."""
    assert policy.name == name


@given(policies(), policies())
def test_other_values_have_another_name(one: Policy, other: Policy) -> None:
    """Two runs with one name were moved in one way."""
    assert (one.name == other.name) == (one == other)


@given(policies())
def test_auto_converge_is_never_left_out_of_the_name(policy: Policy) -> None:
    """It goes with every mode, and shows with every mode."""
    other = policy.model_copy(update={"auto_converge": not policy.auto_converge})
    assert other.name != policy.name


@given(policies())
def test_a_policy_comes_back_from_json(policy: Policy) -> None:
    """Nothing is lost."""
    assert Policy.model_validate_json(policy.model_dump_json()) == policy


@pytest.mark.parametrize("limit_ms", [0, -1, 1.5, "soon"])
def test_what_is_no_budget_is_refused(limit_ms: object) -> None:
    """A budget is a positive number of milliseconds."""
    with pytest.raises(ValidationError):
        Budget.model_validate({"client_ms_max": limit_ms})
