"""Numbers are given out once, whatever clocks and threads do."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from hypothesis import given
from hypothesis import strategies as st

from payment_gateway.application.services.external_reference_service import (
    ExternalReferenceService,
)


def time_part(number: str) -> int:
    return int(number.removeprefix("ERN-")[:-14])


@given(st.lists(st.integers(0, 2 * 10**18), min_size=1, max_size=50))
def test_the_clock_may_step_back_or_stand_still(ticks: list[int]) -> None:
    clock = iter(ticks)
    service = ExternalReferenceService(lambda: next(clock))
    times = [time_part(service.next().value) for _ in ticks]
    assert times == sorted(set(times))


def test_threads_share_a_tick_and_never_a_number() -> None:
    service = ExternalReferenceService(lambda: 1_700_000_000_000_000_000)
    with ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(lambda _: service.next().value, range(10_000)))
    assert len({time_part(number) for number in numbers}) == 10_000


def test_processes_that_start_in_the_same_tick_do_not_meet() -> None:
    services = [ExternalReferenceService(lambda: 1_700_000_000_000_000_000) for _ in range(1_000)]
    assert len({service.next().value for service in services}) == 1_000
