"""Which ways of moving there are, and which there cannot be."""

import pytest
from hypothesis import given
from pydantic import ByteSize, ValidationError

from miglab.declaration import problems_of
from miglab.errors import UsageError
from miglab.policy import NAMED, Budget, Policy
from tests.strategies import policies


@pytest.mark.parametrize("name", NAMED)
def test_a_policy_goes_by_its_name(name: str) -> None:
    """Whoever types the name gets the policy."""
    assert Policy.named(name) == NAMED[name]
    assert NAMED[name].name == name


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("teleport", "--policy: expected words joined by +, such as precopy, postcopy, "),
        ("precopy+64", "found '64'"),
        ("", "found ''"),
        ("multifd-2+multifd-4", "--policy: expected streams once, found 'multifd-4' besides"),
        ("postcopy+multifd-2", "--policy postcopy+multifd-2: expected post-copy without streams"),
        ("multifd-99", "--policy multifd-99: streams: expected less than or equal to 16, found"),
        ("fast/s", "--policy fast/s: bandwidth: expected a size such as 256MiB, found 'fast'"),
    ],
)
def test_what_is_no_policy_is_refused(name: str, line: str) -> None:
    """One line that helps."""
    with pytest.raises(UsageError) as refusal:
        Policy.named(name)
    assert line in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_an_option_overrides_a_word() -> None:
    """And what is not given is as the name says."""
    policy = Policy.named("multifd-2+32MiB/s", bandwidth="64MiB/s", downtime_ms_max=None)
    assert policy == Policy(streams=2, bandwidth=ByteSize(64 << 20))


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"mode": "postcopy", "streams": 2}, "expected post-copy without streams and compression"),
        ({"mode": "postcopy", "compression": "xbzrle"}, "expected post-copy without streams"),
        ({"compression": "zstd"}, "expected streams with compression zlib and zstd"),
        ({"compression": "xbzrle", "streams": 1}, "expected xbzrle without streams"),
        ({"streams": 17}, "streams: expected less than or equal to 16, found 17"),
        ({"bandwidth": "fast"}, "bandwidth: expected a size such as 256MiB, found 'fast'"),
        ({"bandwidth": 0}, "bandwidth: expected whole MiB/s, at least 1MiB/s, found 0"),
        ({"bandwidth": "100KiB/s"}, "bandwidth: expected whole MiB/s, at least 1MiB/s"),
        ({"bandwidth": "1.5MiB/s"}, "bandwidth: expected whole MiB/s, at least 1MiB/s"),
        ({"bandwidth": "8EiB/s"}, "bandwidth: expected whole MiB/s, at least 1MiB/s"),
        ({"downtime_ms_max": 0}, "downtime_ms_max: expected greater than or equal to 1, found 0"),
        ({"downtime_ms_max": 2_000_001}, "expected less than or equal to 2000000, found 2000001"),
        ({"mode": "teleport"}, "mode: expected 'precopy', 'postcopy' or 'offline', found"),
        ({"postcopy_after_ms": 5}, "expected postcopy_after_rounds, postcopy_after_ms and"),
        ({"bandwidth_postcopy": "1MiB/s"}, "and bandwidth_postcopy with post-copy only"),
        (
            {"mode": "postcopy", "postcopy_after_ms": 5, "postcopy_after_rounds": 2},
            "expected one of postcopy_after_rounds and postcopy_after_ms",
        ),
        ({"auto_converge_initial_pct": 5}, "with auto_converge only"),
        ({"dirty_limit": True, "auto_converge": True}, "expected dirty_limit without"),
        ({"xbzrle_cache": "64MiB"}, "expected xbzrle_cache with compression xbzrle"),
        ({"compression": "xbzrle", "xbzrle_cache": "3MiB"}, "xbzrle_cache: expected a power of"),
        ({"zero_copy": True}, "expected zero_copy with streams"),
        ({"zero_copy": True, "streams": 2, "tls": True}, "expected zero_copy with streams"),
        ({"tunnelled": True}, "expected tunnelled with peer_to_peer"),
        ({"tunnelled": True, "peer_to_peer": True, "tls": True}, "expected tunnelled without"),
        ({"mode": "offline", "tls": True}, "expected offline with peer_to_peer"),
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
        (Policy(streams=2, compression="zstd"), "multifd-2+zstd"),
        (Policy(bandwidth=ByteSize(64 << 20), downtime_ms_max=100), "precopy+64MiB/s+limit-100ms"),
        (Policy(mode="postcopy", auto_converge=True), "postcopy+auto-converge"),
        (Policy(auto_converge=True, peer_to_peer=True), "auto-converge+p2p"),
        (Policy(persist_target=False, undefine_source=False), "precopy+transient+keep-source"),
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
def test_a_name_is_read_back(policy: Policy) -> None:
    """A name in a report is what to type to do the same again."""
    assert Policy.named(policy.name) == policy


@given(policies())
def test_auto_converge_is_never_left_out_of_the_name(policy: Policy) -> None:
    """It goes with every mode, and shows with every mode."""
    changed: dict[str, object] = {"auto_converge": not policy.auto_converge}
    other = policy.model_copy(update=changed)
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
