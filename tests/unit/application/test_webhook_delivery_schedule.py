"""When a delivery that failed is sent again, and when an endpoint is given up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from payment_gateway.application.sagas.webhook_delivery_schedule import (
    ATTEMPTS_MAX,
    DELAY_MIN,
    DISABLE_AFTER,
    FAILURES_MIN,
    RETRIES,
    RETRY_AFTER_MAX,
    next_attempt_at,
    should_disable,
)
from payment_gateway.application.services.webhook_delivery_service import GIVE_UP_AFTER
from payment_gateway.application.webhook_deliveries import Failing

NOON = datetime(2026, 2, 3, 12, tzinfo=UTC)
END = NOON + GIVE_UP_AFTER
CHANCES = st.floats(0, 1, exclude_max=True)


def after(
    attempts: int, *, now: datetime = NOON, chance: float = 0.5, asked_s: float | None = None
) -> datetime | None:
    return next_attempt_at(
        attempts=attempts, ends_at=END, now=now, retry_after_s=asked_s, random=lambda: chance
    )


def test_the_delay_grows() -> None:
    delays = [after(attempts, chance=0.999) for attempts in range(1, len(RETRIES) + 1)]
    assert all(one is not None for one in delays)
    assert delays == sorted(delays, key=lambda one: one or NOON)
    assert delays[0] == NOON + RETRIES[0] * 0.999


@given(CHANCES, st.integers(1, len(RETRIES)))
def test_chance_draws_from_the_whole_delay(chance: float, attempts: int) -> None:
    at = after(attempts, chance=chance)
    assert at is not None
    assert DELAY_MIN <= at - NOON <= max(RETRIES[attempts - 1], DELAY_MIN)


@given(st.lists(CHANCES, min_size=ATTEMPTS_MAX, max_size=ATTEMPTS_MAX))
def test_it_ends_after_three_days_or_so_many_attempts_whatever_chance_does(
    chances: list[float],
) -> None:
    now, attempts = NOON, 0
    for chance in chances:
        attempts += 1
        at = after(attempts, now=now, chance=chance)
        if at is None:
            break
        assert now < at <= END
        now = at
    assert at is None
    assert now == END or attempts == ATTEMPTS_MAX


@given(st.floats(0, 10**9), CHANCES)
def test_a_receiver_that_asks_for_time_is_given_it_within_bounds(
    asked_s: float, chance: float
) -> None:
    at = after(1, chance=chance, asked_s=asked_s)
    assert at is not None
    asked = timedelta(seconds=min(asked_s, RETRY_AFTER_MAX.total_seconds()))
    assert at >= NOON + asked
    assert at <= NOON + max(asked, RETRIES[0])


class TestGivingAnEndpointUp:
    def test_it_takes_both_time_and_failures(self) -> None:
        long_ago = NOON - DISABLE_AFTER
        assert should_disable(Failing(since=long_ago, failures=FAILURES_MIN), NOON)
        assert not should_disable(Failing(since=long_ago, failures=FAILURES_MIN - 1), NOON)
        recent = long_ago + timedelta(seconds=1)
        assert not should_disable(Failing(since=recent, failures=10_000), NOON)

    def test_one_that_takes_events_is_kept(self) -> None:
        assert not should_disable(None, NOON)
