"""Trying again, where nothing can have happened twice.

Only ``ProviderUnavailable`` is tried again, and every call of the ``Provider`` port carries the id of
its intent, so that even a second arrival would not act twice. What is in doubt is for the recovery.
"""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeVar

import stamina
import structlog
from stamina.instrumentation import RetryDetails, set_on_retry_hooks

from payment_gateway.application.ports import ProviderUnavailable
from payment_gateway.infrastructure.providers.unavailable import NotNow
from payment_gateway.settings import Settings
from payment_gateway.telemetry.metrics import PROVIDER_RETRIES

WAIT_INITIAL_S: Final = 0.1
WAIT_JITTER_S: Final = 0.2
WAIT_S_MAX: Final = 1.0

Result = TypeVar("Result")
_RANDOM: Final = random.SystemRandom()
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often a call is tried, and how long after the first try another may begin."""

    tries_max: int
    time_s_max: float


def retry_policy(settings: Settings) -> RetryPolicy:
    """Return the policy that the settings name."""
    return RetryPolicy(
        tries_max=settings.provider_tries_max, time_s_max=settings.provider_retry_time_s
    )


async def retried(
    attempt: Callable[[], Awaitable[Result]],
    policy: RetryPolicy,
    *,
    monotonic: Callable[[], float] = time.monotonic,
) -> Result:
    """Return what an attempt returns; try again while it never reached the provider.

    ``Retry-After`` is waited out where that is still in time, and given up for where it is not.

    Raises:
        ProviderUnavailable: As the last attempt did.
        ProviderOutcomeUnknown: As the attempt did; it is not tried again.
    """
    give_up_at_s = monotonic() + policy.time_s_max

    def pause(error: Exception) -> bool | float:
        if not isinstance(error, ProviderUnavailable) or isinstance(error, NotNow):
            return False
        left_s = give_up_at_s - monotonic()
        if error.retry_after_s is None:
            return left_s > WAIT_S_MAX  # and then the exponential backoff below
        wait_s = error.retry_after_s + _RANDOM.uniform(0, WAIT_JITTER_S)
        return wait_s if wait_s < left_s else False

    async for tried in stamina.retry_context(
        on=pause,
        attempts=policy.tries_max,
        timeout=policy.time_s_max,
        wait_initial=WAIT_INITIAL_S,
        wait_jitter=WAIT_JITTER_S,
        wait_max=WAIT_S_MAX,
    ):
        with tried:
            return await attempt()
    raise AssertionError("the last attempt returns or raises")


def log_retries() -> None:
    """Have each retry counted, and logged by its reason alone; the library's own hooks log arguments as well."""
    set_on_retry_hooks([_note])


def _note(details: RetryDetails) -> None:
    PROVIDER_RETRIES.inc()
    _log.warning(
        "provider.tried_again",
        reason=str(details.caused_by),
        tries=details.retry_num,
        wait_s=round(details.wait_for, 3),
    )
