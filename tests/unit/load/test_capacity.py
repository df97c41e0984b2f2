"""What a rate needs follows from what one payment costs."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.load.capacity import BUSY_MAX, LOG_EVENTS_PER_S, READ_MODELS, ceilings, need

COST_MS = {"api": 20.0, "reactors": 10.0, "projections": 35.0, "mongodb": 15.0}
COSTS = st.fixed_dictionaries({part: st.floats(min_value=0.5, max_value=200) for part in COST_MS})


def test_an_installation_goes_as_far_as_its_narrowest_part() -> None:
    found = ceilings(COST_MS, events_per_payment=20)

    assert found.log == LOG_EVENTS_PER_S * BUSY_MAX / 20
    assert found.read_models == 1000 * BUSY_MAX / (35 / READ_MODELS)
    assert found.lowest == min(found.log, found.read_models, found.reactors)


def test_a_small_load_needs_two_of_each_so_that_one_can_be_restarted() -> None:
    small = need(1, COST_MS, ceilings(COST_MS, 20), events_per_payment=20)

    assert (small.installations, small.api, small.reactors, small.projections) == (1, 2, 2, 2)
    assert small.partitions == 1


@given(rate=st.floats(min_value=1, max_value=20_000), costs=COSTS, events=st.floats(5, 50))
def test_no_part_of_a_plan_is_busier_than_assumed(
    rate: float, costs: dict[str, float], events: float
) -> None:
    limits = ceilings(costs, events)
    plan = need(rate, costs, limits, events)

    assert plan.rate_each <= limits.lowest * (1 + 1e-9)
    assert plan.rate_each * plan.installations >= rate * (1 - 1e-9)
    for part, count in (("api", plan.api), ("projections", plan.projections)):
        assert plan.rate_each * costs[part] / 1000 <= count * BUSY_MAX * (1 + 1e-9)
    assert plan.events_per_s <= LOG_EVENTS_PER_S * BUSY_MAX * (1 + 1e-9)
    assert plan.partitions in {1, 2, 4, 8, 16}
