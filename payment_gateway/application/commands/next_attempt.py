"""Fall back: start an attempt at the next provider that the payment can be given to.

Nobody is asked while an attempt before is open or in doubt: what ends that attempt, with its proof, is
recorded before the next provider hears of the payment, in the same append where that is possible.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from payment_gateway.application.commands.checkout_attempt import (
    attempt_failure,
    checkout_request,
    credential_version,
    foreseen,
    start_attempt,
)
from payment_gateway.application.gateway import Gateway
from payment_gateway.application.ports import (
    CommandContext,
    Provider,
    ProviderOutcomeUnknown,
    ProviderUnavailable,
)
from payment_gateway.application.services.payment_service import ExecutedPayment
from payment_gateway.domain.aggregates.payment_commands import (
    PaymentCommand,
    RecordAttemptFailure,
    RecordFailure,
)
from payment_gateway.domain.aggregates.payment_parts import NOT_ASKED, NOT_SENT
from payment_gateway.domain.aggregates.payment_state import Payment
from payment_gateway.domain.errors import DomainError

# Attempts of one payment: three times round the longest list of providers that it may have.
ATTEMPTS_MAX: Final = 33


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """Where a payment stands, and who is to be asked for its checkout.

    Attributes:
        provider: To be asked in the open attempt; ``None`` where nobody is left, or where somebody
            else has gone on with the payment and asks.
        retry_after_s: How long the provider that was not reached last wants to be left alone.
    """

    executed: ExecutedPayment
    provider: Provider | None
    retry_after_s: float | None = None


async def next_attempt(
    executed: ExecutedPayment,
    providers: Iterable[str],
    *,
    closing: RecordAttemptFailure | None = None,
    context: CommandContext,
    gateway: Gateway,
    retry_after_s: float | None = None,
) -> Attempt:
    """Start an attempt at the first of these providers that can be asked now.

    One that cannot is passed over, which is recorded as an attempt of its own with its reason. Where
    none of the payment's providers is left, the payment has failed.

    Args:
        executed: The payment as it stands.
        providers: Who may be asked, in order.
        closing: Ends the attempt before, with the proof that its provider holds nothing.
        context: Who asks.
        gateway: The services.
        retry_after_s: How long the provider before wants to be left alone.

    Raises:
        EventStoreUnavailable: No answer; asking again is safe.
    """
    plan = _Plan(executed, context, gateway)
    try:
        if closing is not None:
            plan.add(closing)
        for provider_type in providers:
            if plan.payment.attempts >= ATTEMPTS_MAX:
                break
            provider = await _eligible(plan, provider_type)
            if provider is None:
                continue
            try:
                handle = await _prepared(plan, provider)
            except (ProviderUnavailable, ProviderOutcomeUnknown) as error:
                # Preparing makes no checkout: whatever became of the call, nothing is held.
                retry_after_s = getattr(error, "retry_after_s", None)
                plan.pass_over(provider_type, proof=NOT_SENT, reason=error.reason)
                continue
            version = await credential_version(
                provider_type, tenant_id=plan.payment.tenant_id, gateway=gateway
            )
            plan.add(
                start_attempt(plan.payment, provider=provider_type, handle=handle, version=version)
            )
            await plan.carry_out()
            return Attempt(executed=plan.executed, provider=provider)
        if plan.payment.is_idle and not plan.payment.providers_left:
            plan.add(RecordFailure(payment_id=plan.payment.payment_id, reason=plan.reason))
        await plan.carry_out()
    except _Overtaken:
        return Attempt(executed=plan.executed, provider=None)
    return Attempt(executed=plan.executed, provider=None, retry_after_s=retry_after_s)


class _Overtaken(Exception):
    """Somebody else has gone on with the payment, so that what was planned is not carried out."""


class _Plan:
    """Commands that are not carried out yet, and the payment as they would leave it."""

    def __init__(
        self, executed: ExecutedPayment, context: CommandContext, gateway: Gateway
    ) -> None:
        self.executed = executed
        self.payment = executed.state
        self.gateway: Final = gateway
        self.reason = "no_provider"
        self._context: Final = context
        self._commands: list[PaymentCommand] = []

    def add(self, command: PaymentCommand) -> None:
        """Plan a command.

        Raises:
            DomainError: It does not fit.
        """
        self.payment = foreseen(self.payment, command)
        self._commands.append(command)
        if isinstance(command, RecordAttemptFailure):
            self.reason = command.reason

    def pass_over(self, provider_type: str, *, proof: str, reason: str) -> None:
        """Plan an attempt that is not made."""
        self.add(start_attempt(self.payment, provider=provider_type, handle=None))
        self.add(attempt_failure(self.payment, proof=proof, reason=reason))

    async def carry_out(self) -> None:
        """Append what is planned.

        Raises:
            _Overtaken: The payment is not where it was any more.
        """
        before, planned = self.executed.state, tuple(self._commands)
        if not planned:
            return

        def choose(now: Payment) -> tuple[PaymentCommand, ...]:
            return planned if _same_attempt(now, before) else ()

        self.executed = await self.gateway.payments.execute_chosen(
            before.payment_id, choose, context=self._context, after=self.executed.loaded
        )
        self._commands.clear()
        self.payment = self.executed.state
        if not self.executed.events:
            raise _Overtaken


async def _eligible(plan: _Plan, provider_type: str) -> Provider | None:
    """Return a provider that has an account and takes such a payment, or plan to pass it over."""
    start = start_attempt(plan.payment, provider=provider_type, handle=None)
    try:
        tenant_id = plan.payment.tenant_id
        await plan.gateway.providers.check(provider_type, plan.payment.amount, tenant_id=tenant_id)
        provider = await plan.gateway.credentials.open(provider_type, tenant_id=tenant_id)
        provider.check(checkout_request(foreseen(plan.payment, start), plan.gateway))
    except DomainError as refusal:
        plan.pass_over(provider_type, proof=NOT_ASKED, reason=refusal.code)
        return None
    return provider


async def _prepared(plan: _Plan, provider: Provider) -> str | None:
    """Return what the attempt is stored with; what is proven is recorded before anybody is called.

    Raises:
        ProviderUnavailable: Nothing happened.
        ProviderOutcomeUnknown: No clear answer.
        _Overtaken: Somebody else has gone on.
    """
    if not provider.capabilities.prepares:
        return None
    await plan.carry_out()
    return await provider.prepare(plan.payment.amount.currency)


def _same_attempt(now: Payment, before: Payment) -> bool:
    return (now.status, now.attempts, now.has_open_attempt) == (
        before.status,
        before.attempts,
        before.has_open_attempt,
    )
