"""What is tried again, how often, and for how long."""

from collections.abc import Iterator

import pytest
import stamina
from structlog.testing import capture_logs

from payment_gateway.application.ports import ProviderOutcomeUnknown, ProviderUnavailable
from payment_gateway.infrastructure.providers.unavailable import (
    AccountNotAccepted,
    BulkheadFull,
    CircuitOpen,
    SlowDown,
)
from payment_gateway.infrastructure.resilience.retries import (
    WAIT_S_MAX,
    RetryPolicy,
    log_retries,
    retried,
    retry_policy,
)
from payment_gateway.settings import Settings

POLICY = RetryPolicy(tries_max=3, time_s_max=5)


@pytest.fixture
def without_waiting() -> Iterator[None]:
    with stamina.set_testing(True, attempts=POLICY.tries_max):
        yield


class Calls:
    """Fails as it is told, then succeeds; its clock goes on by ``lasting_s`` with each call."""

    def __init__(self, *failures: Exception, lasting_s: float = 0) -> None:
        self.failures = list(failures)
        self.lasting_s = lasting_s
        self.now_s = 0.0
        self.made = 0

    async def __call__(self) -> str:
        self.made += 1
        self.now_s += self.lasting_s
        if self.failures:
            raise self.failures.pop(0)
        return "done"

    async def retried(self) -> str:
        return await retried(self, POLICY, monotonic=lambda: self.now_s)


@pytest.mark.usefixtures("without_waiting")
class TestWhatNeverLeft:
    async def test_is_tried_again(self) -> None:
        calls = Calls(ProviderUnavailable("connect"), ProviderUnavailable("connect"))

        assert await calls.retried() == "done"
        assert calls.made == 3

    async def test_is_given_up_after_so_many_tries(self) -> None:
        calls = Calls(*[ProviderUnavailable(f"connect {n}") for n in range(5)])

        with pytest.raises(ProviderUnavailable, match="connect 2"):
            await calls.retried()
        assert calls.made == 3

    async def test_is_given_up_when_too_little_time_is_left(self) -> None:
        lasting_s = POLICY.time_s_max - WAIT_S_MAX
        calls = Calls(ProviderUnavailable("connect"), lasting_s=lasting_s)

        with pytest.raises(ProviderUnavailable):
            await calls.retried()
        assert calls.made == 1

    async def test_told_to_wait_a_moment_it_waits(self) -> None:
        calls = Calls(SlowDown("429", retry_after_s=2))

        assert await calls.retried() == "done"

    async def test_told_to_wait_longer_than_there_is_time_it_gives_up(self) -> None:
        calls = Calls(SlowDown("429", retry_after_s=POLICY.time_s_max))

        with pytest.raises(SlowDown):
            await calls.retried()
        assert calls.made == 1


@pytest.mark.usefixtures("without_waiting")
@pytest.mark.parametrize(
    "error",
    [
        ProviderOutcomeUnknown("timeout"),
        CircuitOpen("circuit", retry_after_s=0.1),
        BulkheadFull("bulkhead", retry_after_s=0.1),
        AccountNotAccepted("invalid_client"),
        ValueError("a mistake of ours"),
    ],
)
async def test_nothing_else_is_tried_again(error: Exception) -> None:
    calls = Calls(error)

    with pytest.raises(type(error)):
        await calls.retried()
    assert calls.made == 1


async def test_retry_after_is_waited_out() -> None:
    calls = Calls(SlowDown("429", retry_after_s=0.05))
    log_retries()
    with capture_logs() as logs:
        assert await calls.retried() == "done"

    [retry] = [log for log in logs if log["event"] == "provider.tried_again"]
    assert 0.05 <= retry["wait_s"] <= 0.26
    assert retry["reason"] == "429"


async def test_the_wait_grows_and_differs_each_time() -> None:
    waits = []
    log_retries()
    for _ in range(2):
        calls = Calls(ProviderUnavailable("connect"), ProviderUnavailable("connect"))
        with capture_logs() as logs:
            await calls.retried()
        waits.append([log["wait_s"] for log in logs])

    assert all(0.1 <= first <= 0.3 and 0.2 <= second <= 0.4 for first, second in waits)
    assert waits[0] != waits[1]


def test_both_limits_are_settings() -> None:
    settings = Settings.model_validate({"provider_tries_max": 2, "provider_retry_time_s": 1})

    assert retry_policy(settings) == RetryPolicy(tries_max=2, time_s_max=1)
