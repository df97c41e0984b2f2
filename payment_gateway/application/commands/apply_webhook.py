"""Bring a payment to where a stored notification says that the provider is.

The notification says where to look. What the payment becomes is the provider's answer, by the same path
as the return URL and the recovery; only refunds and disputes, which it may begin by itself, are taken from
what it signed.
"""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import Final, assert_never

from payment_gateway.application.commands.apply_webhook_reports import (
    NotApplicable,
    report_of_dispute,
    report_of_refund,
)
from payment_gateway.application.commands.checkout_attempt import provider_of
from payment_gateway.application.commands.settle_payment import settle_payment
from payment_gateway.application.gateway import Gateway
from payment_gateway.application.ports import CommandContext
from payment_gateway.application.services.payment_service import ExecutedPayment, FoundPayment
from payment_gateway.application.services.webhook_service import StoredWebhook, WebhookOutcome
from payment_gateway.application.webhooks import (
    CaptureIndex,
    DisputeNews,
    News,
    NotANotification,
    PaymentNews,
    RefundNews,
)
from payment_gateway.domain.aggregates.payment_state import Payment
from payment_gateway.domain.errors import PaymentNotFound
from payment_gateway.domain.events.webhook import (
    WebhookAppliedEvent,
    WebhookParkedEvent,
    WebhookReceivedEvent,
)
from payment_gateway.domain.value_objects.payment_id import PaymentIdVO

# The index of captures follows the log by less than a second.
_INDEXED_WITHIN_TRIES: Final = 3
# A capture that PayPal has reviewed may take longer to show in its order.
_CAPTURED_WITHIN_TRIES: Final = 6


class NotYetApplicable(Exception):
    """What the notification begins with is not known here yet; try again later.

    Attributes:
        code: What is not known, in one word.
        tries_max: After that many tries it will hardly become known.
    """

    def __init__(self, code: str, *, tries_max: int) -> None:
        super().__init__(code)
        self.code = code
        self.tries_max = tries_max


async def apply_webhook(
    webhook: StoredWebhook,
    context: CommandContext,
    gateway: Gateway,
    *,
    captures: CaptureIndex,
    age_max: timedelta,
) -> WebhookOutcome:
    """Apply a notification and return what became of it; a second time changes nothing.

    Args:
        webhook: What was stored.
        context: With the notification's tenant.
        gateway: What is needed.
        captures: For what the provider took back by itself, which names no payment.
        age_max: One that was signed longer before it came is a replay and not applied.

    Raises:
        NotYetApplicable: Try again later.
        ProviderUnavailableError: The provider must be asked and cannot be; try again later.
        DomainError: Another refusal.
        SealBroken: The master key is not the one it was sealed under.
        StreamMoved: Lost too many races; try again.
        EventStoreUnavailable: No answer; trying again is safe.
        QueueUnavailable: The same of the index.
    """
    received = webhook.received
    try:
        _require_recent(received, age_max)
        news, named = await _open(webhook, gateway)
        payment_id = named or await _owner(news, webhook, captures)
        found = await _find(payment_id, received, gateway)
        executed = await _apply(news, found, context, gateway)
    except NotApplicable as error:
        return WebhookParkedEvent(
            provider=received.provider,
            tenant_id=received.tenant_id,
            delivery_id=received.delivery_id,
            payment_id=received.payment_id,
            reason=error.reason,
        )
    return WebhookAppliedEvent(
        provider=received.provider,
        tenant_id=received.tenant_id,
        delivery_id=received.delivery_id,
        payment_id=found.payment.payment_id.value,
        changes=executed.revision - found.unchanged.revision,
    )


def _require_recent(received: WebhookReceivedEvent, age_max: timedelta) -> None:
    if received.age_s is not None and received.age_s > age_max.total_seconds():
        raise NotApplicable("too_old")


async def _open(webhook: StoredWebhook, gateway: Gateway) -> tuple[News, PaymentIdVO | None]:
    """Return what a stored notification says, and the payment that it names."""
    received = webhook.received
    opened = await gateway.personal_data.open(
        received.body, tenant_id=received.tenant_id, subject_id=received.subject_id
    )
    if opened is None:
        raise NotApplicable("erased")
    try:
        read = gateway.webhooks.of(received.provider).read(base64.b64decode(opened["body"]))
    except NotANotification as error:  # it was one to the release that stored it
        raise NotApplicable("not_handled") from error
    if read.news is None:
        raise NotApplicable("not_handled")
    return read.news, read.payment_id


async def _owner(news: News, webhook: StoredWebhook, captures: CaptureIndex) -> PaymentIdVO:
    """Return the payment whose money the news is about."""
    if isinstance(news, PaymentNews) or news.capture_reference is None:
        raise NotApplicable("payment_unknown")
    received = webhook.received
    owner = await captures.payment_of(
        news.capture_reference, tenant_id=received.tenant_id, provider_type=received.provider
    )
    if owner is None:
        raise NotYetApplicable("payment_unknown", tries_max=_INDEXED_WITHIN_TRIES)
    return owner


async def _find(
    payment_id: PaymentIdVO, received: WebhookReceivedEvent, gateway: Gateway
) -> FoundPayment:
    try:
        found = await gateway.payments.find(payment_id, tenant_id=received.tenant_id)
    except PaymentNotFound as error:
        raise NotApplicable("payment_unknown") from error
    if found.payment.provider != received.provider:
        raise NotApplicable("another_attempt")
    return found


async def _apply(
    news: News, found: FoundPayment, context: CommandContext, gateway: Gateway
) -> ExecutedPayment:
    match news:
        case PaymentNews():
            _require_current_attempt(news, found.payment)
            return await _ask(found, context, gateway)
        case RefundNews() | DisputeNews():
            executed = await _captured(found, news.capture_reference, context, gateway)
            if isinstance(news, RefundNews):
                report = report_of_refund(news, executed.state)
            else:
                report = report_of_dispute(news, executed.state)
            if report is None:
                return executed
            return await gateway.payments.execute(
                executed.state.payment_id, report, context=context, after=executed.loaded
            )
        case _:
            assert_never(news)


def _require_current_attempt(news: PaymentNews, payment: Payment) -> None:
    attempt, checkout = payment.attempt, payment.checkout
    # The handle of an attempt whose checkout is not recorded yet; the checkout may be an older one.
    orders = {
        checkout.provider_order_id if checkout else None,
        attempt.handle if attempt else None,
    } - {None}
    if news.order_id is not None and orders:
        if news.order_id not in orders:
            raise NotApplicable("another_attempt")
    elif news.reference_number is not None and (
        attempt is None or news.reference_number != attempt.reference_number
    ):
        raise NotApplicable("another_attempt")


async def _ask(found: FoundPayment, context: CommandContext, gateway: Gateway) -> ExecutedPayment:
    """Ask the provider; even of a payment that ended without money, which may have come since."""
    payment = found.payment
    if payment.checkout is None or payment.captured is not None:
        return found.unchanged  # the recovery asks about a checkout whose answer was lost
    provider = await provider_of(payment, gateway)
    return await settle_payment(found.unchanged, provider, context, gateway)


async def _captured(
    found: FoundPayment, capture_reference: str | None, context: CommandContext, gateway: Gateway
) -> ExecutedPayment:
    """Return the payment with its money: what is given back was taken, heard of or not."""
    executed = found.unchanged
    if executed.state.captured is None:
        executed = await _ask(found, context, gateway)
    payment = executed.state
    if payment.captured is None:
        raise NotYetApplicable("not_captured", tries_max=_CAPTURED_WITHIN_TRIES)
    if capture_reference is not None and capture_reference != payment.provider_reference:
        raise NotApplicable("another_capture")
    return executed
