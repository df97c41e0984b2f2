"""A provider with everything around it that keeps its trouble its own."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TypeVar

from payment_gateway.application.ports import (
    CaptureOutcome,
    CheckoutOutcome,
    CheckoutReference,
    CheckoutRequest,
    Provider,
    ProviderCapabilities,
    ProviderOutcomeUnknown,
    ProviderUnavailable,
    RefundOutcome,
    RefundRequest,
    Standing,
)
from payment_gateway.infrastructure.providers import http
from payment_gateway.infrastructure.providers.unavailable import CircuitOpen
from payment_gateway.infrastructure.resilience.bulkhead import Bulkhead
from payment_gateway.infrastructure.resilience.call_records import Account, Call, CallRecords
from payment_gateway.infrastructure.resilience.retries import RetryPolicy, retried
from payment_gateway.telemetry.metrics import (
    CIRCUIT_REFUSALS,
    PROVIDER_CALL_DURATION,
    PROVIDER_CALLS,
)

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Guards:
    """What is around the calls of one account.

    Attributes:
        bulkhead_for: The compartment of the endpoint that calls in a currency go to.
    """

    account: Account
    bulkhead_for: Callable[[str], Bulkhead]
    retry_policy: RetryPolicy
    records: CallRecords
    now: Callable[[], datetime]
    monotonic: Callable[[], float] = time.monotonic


class GuardedProvider:
    """Calls the provider within its endpoint's bulkhead, tries again where that is safe, keeps count.

    The circuit is inside, around each request: what opens it is how the endpoint fares, not what
    becomes of a payment. Whatever is refused here never left, so ``ProviderUnavailable`` is what it
    says: nothing happened, and what is in doubt stays in doubt.
    """

    def __init__(self, provider: Provider, guards: Guards) -> None:
        self._provider = provider
        self._guards = guards

    @property
    def capabilities(self) -> ProviderCapabilities:
        """What the provider can do."""
        return self._provider.capabilities

    def check(self, request: CheckoutRequest) -> None:
        """Refuse what the provider's own rules do not allow.

        Raises:
            DomainError: A value the provider would refuse.
        """
        self._provider.check(request)

    async def prepare(self, currency: str) -> str | None:
        """Return what an attempt is stored with; see ``Provider``."""
        if not self.capabilities.prepares:
            return await self._provider.prepare(currency)
        return await self._call("prepare", currency, lambda: self._provider.prepare(currency))

    async def create_checkout(self, request: CheckoutRequest) -> CheckoutOutcome:
        """Make the page where the payer pays; see ``Provider``."""
        return await self._call(
            "create_checkout",
            request.amount.currency,
            lambda: self._provider.create_checkout(request),
        )

    async def inquire(self, checkout: CheckoutReference) -> Standing:
        """Ask where an attempt stands; see ``Provider``."""
        return await self._call(
            "inquire", checkout.amount.currency, lambda: self._provider.inquire(checkout)
        )

    async def capture(self, checkout: CheckoutReference, *, capture_id: str) -> CaptureOutcome:
        """Take the money of an approved checkout; see ``Provider``."""
        return await self._call(
            "capture",
            checkout.amount.currency,
            lambda: self._provider.capture(checkout, capture_id=capture_id),
        )

    async def refund(self, request: RefundRequest) -> RefundOutcome:
        """Give money back; see ``Provider``."""
        return await self._call(
            "refund", request.amount.currency, lambda: self._provider.refund(request)
        )

    async def exchange_rate(self, currency: str) -> Decimal:
        """Return the provider's own rate for a currency; see ``Provider``."""
        return await self._call(
            "exchange_rate", currency, lambda: self._provider.exchange_rate(currency)
        )

    async def _call(
        self, operation: str, currency: str, call: Callable[[], Awaitable[Result]]
    ) -> Result:
        """Make a call; with all its tries it takes no longer than one call may."""
        guards = self._guards
        bulkhead = guards.bulkhead_for(currency)
        end_s = guards.monotonic() + http.OPERATION_S_MAX

        async def attempt() -> Result:
            async with bulkhead.place():
                left_s = end_s - guards.monotonic()
                return await self._recorded(operation, call, within_s=left_s)

        return await retried(attempt, guards.retry_policy, monotonic=guards.monotonic)

    async def _recorded(
        self, operation: str, call: Callable[[], Awaitable[Result]], *, within_s: float
    ) -> Result:
        started_s = self._guards.monotonic()
        try:
            async with http.operation_deadline(operation, within_s=within_s):
                result = await call()
        except CircuitOpen:
            CIRCUIT_REFUSALS.labels(self._guards.account.provider_type).inc()
            raise  # no call was made
        except (ProviderUnavailable, ProviderOutcomeUnknown) as error:
            unknown = isinstance(error, ProviderOutcomeUnknown)
            self._measure(operation, started_s, "unknown" if unknown else "unavailable")
            await self._record(started_s, failure=error.reason)
            raise
        self._measure(operation, started_s, "answered")
        await self._record(started_s)
        return result

    def _measure(self, operation: str, started_s: float, outcome: str) -> None:
        provider = self._guards.account.provider_type
        PROVIDER_CALLS.labels(provider, operation, outcome).inc()
        duration_s = self._guards.monotonic() - started_s
        PROVIDER_CALL_DURATION.labels(provider, operation).observe(duration_s)

    async def _record(self, started_s: float, *, failure: str | None = None) -> None:
        guards = self._guards
        call = Call(at=guards.now(), duration_s=guards.monotonic() - started_s, failure=failure)
        await guards.records.add(guards.account, call)
