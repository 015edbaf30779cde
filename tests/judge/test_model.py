"""The pre-copy model: its invariants, its closed form, and cases worked out by hand."""

from math import ceil, inf, log

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from miglab.judge.model import Precopy, fixed_point_bytes, predict

MIB = float(1 << 20)
PATTERNS = st.sampled_from(["sequential", "random"])


@st.composite
def loads(draw: st.DrawFn) -> Precopy:
    """Loads of any speed and size a lab could declare."""
    memory = draw(st.floats(16, 65536)) * MIB
    return Precopy(
        memory_bytes=memory,
        bandwidth_bytes_per_s=draw(st.floats(1, 4096)) * MIB,
        dirty_rate_bytes_per_s=draw(st.floats(0, 8192)) * MIB,
        working_set_bytes=memory * draw(st.just(0.0) | st.floats(1e-6, 1)),  # bytes, not less
        downtime_limit_ms=draw(st.floats(1, 2000)),
        pattern=draw(PATTERNS),
    )


def changed(load: Precopy, **values: object) -> Precopy:
    """``load`` with other values, validated."""
    return Precopy.model_validate(load.model_dump() | values)


def or_never(number: float | None) -> float:
    """What never happens costs infinitely much."""
    return inf if number is None else number


@given(loads())
def test_all_memory_is_sent_at_least_once(load: Precopy) -> None:
    """T ≥ M/B, and traffic ≥ M."""
    predicted = predict(load)
    floor_s = load.memory_bytes / load.bandwidth_bytes_per_s
    assert or_never(predicted.total_s) >= floor_s * (1 - 1e-12)
    assert or_never(predicted.traffic_bytes) >= load.memory_bytes


@pytest.mark.parametrize("name", ["dirty_rate_bytes_per_s", "working_set_bytes"])
@given(load=loads(), share=st.floats(0, 1))
def test_more_dirt_is_never_less_traffic(name: str, load: Precopy, share: float) -> None:
    """A faster or wider writer costs at least as many rounds and bytes."""
    less = changed(load, **{name: getattr(load, name) * share})
    lighter, heavier = predict(less), predict(load)
    assert or_never(lighter.rounds) <= or_never(heavier.rounds)
    assert or_never(lighter.traffic_bytes) <= or_never(heavier.traffic_bytes) * (1 + 1e-9)


@given(load=loads(), factor=st.floats(1, 100))
def test_more_downtime_allowed_is_never_more_rounds(load: Precopy, factor: float) -> None:
    """A laxer limit stops no later."""
    lax = changed(load, downtime_limit_ms=load.downtime_limit_ms * factor)
    assert or_never(predict(lax).rounds) <= or_never(predict(load).rounds)


@given(load=loads(), share=st.floats(0, 0.99), rate=st.floats(0, 1e6))
def test_a_small_working_set_converges_at_any_rate(
    load: Precopy, share: float, rate: float
) -> None:
    """W < B·L: the first round leaves no more than W, and that is little enough."""
    working_set = min(load.memory_bytes, load.switch_over_bytes * share)
    wild = changed(load, working_set_bytes=working_set, dirty_rate_bytes_per_s=rate * MIB)
    predicted = predict(wild)
    assert predicted.converges
    assert or_never(predicted.rounds) <= 1


@given(loads())
def test_slower_than_the_wire_converges(load: Precopy) -> None:
    """D < B is enough, though not needed."""
    assume(load.dirty_rate_bytes_per_s < load.bandwidth_bytes_per_s)
    assert predict(load).converges


@given(loads())
def test_random_writing_never_costs_more_than_sequential(load: Precopy) -> None:
    """Writing a page twice in a round is dirt that need not be sent."""
    sequential = predict(changed(load, pattern="sequential"))
    random = predict(changed(load, pattern="random"))
    assert or_never(random.traffic_bytes) <= or_never(sequential.traffic_bytes) * (1 + 1e-9)
    assert random.converges or not sequential.converges


@given(loads())
def test_the_residual_is_within_the_limit_or_a_fixed_point(load: Precopy) -> None:
    """Converged: the downtime fits. Not converged: one more round would leave as much again."""
    predicted = predict(load)
    if predicted.rounds is not None:
        assert predicted.downtime_ms_min < load.downtime_limit_ms * (1 + 1e-12)
    else:
        floor = fixed_point_bytes(load)
        assert load.next_bytes(floor) == pytest.approx(floor, rel=1e-9)
        assert predicted.residual_bytes == floor


@given(loads())
def test_no_round_falls_below_the_fixed_point(load: Precopy) -> None:
    """The volumes fall, and the fixed point is where they fall to."""
    volume, floor = load.memory_bytes, fixed_point_bytes(load)
    for _ in range(20):
        following = load.next_bytes(volume)
        assert floor * (1 - 1e-9) <= following <= volume * (1 + 1e-12)
        volume = following


@given(st.floats(0.01, 0.95), st.floats(64, 4096), st.floats(1, 500))
def test_the_closed_form_while_unsaturated(ratio: float, memory: float, limit_ms: float) -> None:
    """Rounds n = ⌈ln(S/M)/ln r⌉ and T = (M/B)(1 - rⁿ)/(1 - r)."""
    load = Precopy(
        memory_bytes=memory * MIB,
        bandwidth_bytes_per_s=100 * MIB,
        dirty_rate_bytes_per_s=ratio * 100 * MIB,
        working_set_bytes=memory * MIB,
        downtime_limit_ms=limit_ms,
    )
    exact = log(load.switch_over_bytes / load.memory_bytes) / log(ratio)
    assume(exact > 0 and abs(exact - round(exact)) > 1e-6)
    predicted, rounds = predict(load), ceil(exact)
    assert predicted.rounds == rounds
    assert predicted.live_s == pytest.approx(memory / 100 * (1 - ratio**rounds) / (1 - ratio))


def worked(**values: object) -> Precopy:
    """256 MiB at 100 MiB/s, 64 MiB rewritten at 50 MiB/s, 100 ms allowed: S = 10 MiB."""
    usual = {"memory_bytes": 256 * MIB, "bandwidth_bytes_per_s": 100 * MIB}
    usual |= {"dirty_rate_bytes_per_s": 50 * MIB, "working_set_bytes": 64 * MIB}
    return Precopy.model_validate(usual | {"downtime_limit_ms": 100.0} | values)


def test_worked_by_hand() -> None:
    """256, 64 (saturated), 32, 16, and then 8 MiB, less than 10: four rounds."""
    predicted = predict(worked())
    assert predicted.rounds == 4
    assert predicted.live_s == pytest.approx(3.68)
    assert predicted.total_s == pytest.approx(3.76)
    assert predicted.residual_bytes == pytest.approx(8 * MIB)
    assert predicted.downtime_ms_min == pytest.approx(80)


def test_never_converges() -> None:
    """At twice the wire's speed the whole working set is dirty again after every round."""
    predicted = predict(worked(dirty_rate_bytes_per_s=200 * MIB))
    assert not predicted.converges
    assert predicted.rounds is predicted.total_s is predicted.traffic_bytes is None
    assert predicted.downtime_ms_min == pytest.approx(640)


def test_the_random_fixed_point() -> None:
    """The root of x = 1 - exp(-2x) at x = 0.7968."""
    twice = worked(dirty_rate_bytes_per_s=200 * MIB, pattern="random")
    assert fixed_point_bytes(twice) / (64 * MIB) == pytest.approx(0.79681213)


def test_memory_within_the_limit_needs_no_round() -> None:
    """What can be sent during the stop is sent during the stop."""
    predicted = predict(worked(downtime_limit_ms=3000.0))
    assert (predicted.rounds, predicted.live_s) == (0, 0)


def test_too_many_rounds_are_not_counted() -> None:
    """A hair below the wire's speed converges in principle, but nobody waits for it."""
    predicted = predict(worked(dirty_rate_bytes_per_s=100 * MIB * (1 - 1e-6)))
    assert predicted.converges
    assert predicted.rounds is None


def test_a_working_set_beyond_the_memory_is_refused() -> None:
    """Nobody writes more than there is."""
    with pytest.raises(ValidationError, match="no larger than the memory"):
        worked(working_set_bytes=512 * MIB)
