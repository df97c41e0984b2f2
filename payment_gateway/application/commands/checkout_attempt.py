"""One attempt at a provider: the command that starts it, and what the provider is then asked for."""

from __future__ import annotations

from urllib.parse import urlencode

from payment_gateway.application.gateway import Gateway
from payment_gateway.application.ports import CheckoutRequest, Provider
from payment_gateway.domain.aggregates.payment import decide
from payment_gateway.domain.aggregates.payment_commands import (
    PaymentCommand,
    RecordAttemptFailure,
    StartProviderAttempt,
)
from payment_gateway.domain.aggregates.payment_state import Payment, evolve
from payment_gateway.domain.value_objects.payment_amount import PaymentAmountVO
from payment_gateway.domain.value_objects.payment_details import PaymentDetailVO
from payment_gateway.domain.value_objects.provider_type import ProviderTypeVO


async def provider_of(payment: Payment, gateway: Gateway) -> Provider:
    """Return the provider of a payment's latest attempt, by the account that it was made with.

    Raises:
        ProviderNotConfigured: The tenant has stored no credentials for it.
        CredentialRevoked: They must not be used any more.
        SealBroken: The keys that wrapped them are lost, or they were changed.
        EventStoreUnavailable: The event store gave no answer.
    """
    version = payment.attempt.credential_version if payment.attempt else None
    return await gateway.credentials.open(
        payment.provider, tenant_id=payment.tenant_id, version=version
    )


async def credential_version(provider: str, *, tenant_id: str, gateway: Gateway) -> int | None:
    """Return which of a tenant's credentials a provider is asked with now."""
    credential = await gateway.credentials.find(provider, tenant_id=tenant_id)
    return credential.version if credential else None


def start_attempt(
    payment: Payment, *, provider: str, handle: str | None, version: int | None = None
) -> StartProviderAttempt:
    """Return the command that starts a payment's next attempt, with that version of credentials."""
    return StartProviderAttempt(
        payment_id=payment.payment_id,
        attempt_id=payment.next_attempt_id,
        provider=ProviderTypeVO(provider),
        handle=handle,
        credential_version=version,
    )


def attempt_failure(payment: Payment, *, proof: str, reason: str) -> RecordAttemptFailure:
    """Return the command that ends a payment's open attempt."""
    assert payment.attempt is not None, "there is an attempt"
    return RecordAttemptFailure(
        payment_id=payment.payment_id,
        attempt_id=payment.attempt.attempt_id,
        proof=proof,
        reason=reason,
    )


def foreseen(payment: Payment, *commands: PaymentCommand) -> Payment:
    """Return the payment as these commands would leave it; nothing is stored.

    Raises:
        DomainError: One of them would be refused.
    """
    for command in commands:
        for event in decide(command, payment):
            payment = evolve(payment, event)
    return payment


def checkout_request(payment: Payment, gateway: Gateway) -> CheckoutRequest:
    """Return what a provider is asked for in the payment's latest attempt."""
    assert payment.attempt is not None, "there is an attempt"
    provider = payment.provider.lower()
    query = urlencode({"payment_id": payment.payment_id.value})
    return CheckoutRequest(
        payment_id=payment.payment_id.value,
        attempt_id=payment.attempt.attempt_id,
        reference_number=payment.attempt.reference_number,
        handle=payment.attempt.handle,
        amount=payment.amount,
        lines=tuple(
            PaymentDetailVO(
                quantity=item.quantity,
                description=item.description,
                price=PaymentAmountVO(item.price_minor, payment.amount.currency),
                url_product=item.url_product,
            )
            for item in payment.items
        ),
        allow_pending=payment.allow_pending,
        return_url=f"{gateway.public_url}/checkout/return/{provider}?{query}",
        cancel_url=f"{gateway.public_url}/checkout/cancel/{provider}?{query}",
    )
