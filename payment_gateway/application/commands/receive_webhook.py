"""Take a provider's notification: verify, store, and only then say that it was received."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from payment_gateway.application.gateway import Gateway
from payment_gateway.application.ports import CommandContext
from payment_gateway.application.services.webhook_service import stream_of
from payment_gateway.application.webhooks import Notification, SignatureRefused
from payment_gateway.domain.errors import PaymentNotFound, ProviderNotConfigured
from payment_gateway.domain.events.webhook import WebhookReceivedEvent
from payment_gateway.domain.value_objects.provider_credentials import ProviderCredentials


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookDelivery:
    """A request that claims to be a provider's notification.

    Attributes:
        tenant_id: Whose account it is for; ``None`` where only the payment it names tells.
        headers: By lower-case name.
        body: The bytes as they came.
    """

    provider_type: str
    tenant_id: str | None
    headers: Mapping[str, str]
    body: bytes
    correlation_id: str
    traceparent: str | None


async def receive_webhook(delivery: WebhookDelivery, gateway: Gateway) -> bool:
    """Store a notification that the provider sent to a tenant's account; ``False`` if it was before.

    Raises:
        UnsupportedProviderError: There are no notifications from this provider.
        TenantNotFound: There is no such tenant.
        ProviderNotConfigured: The tenant has no account there.
        NotANotification: The body is none.
        SignatureRefused: The provider did not send it to this account; or no tenant is named, and no
            payment that is known here. Nobody learns from the answer which payments there are.
        VerificationUnavailable: That could not be found out; it must be sent again.
        SealBroken: The master key is not the one the credentials were sealed under.
        EventStoreUnavailable: No answer; it must be sent again.
    """
    webhooks = gateway.webhooks.of(delivery.provider_type)
    if delivery.tenant_id is not None:
        await gateway.tenants.find(delivery.tenant_id)
    notification = webhooks.read(delivery.body)
    if delivery.tenant_id is None:
        tenant_id, credentials = await _account_of(notification, delivery.provider_type, gateway)
    else:
        tenant_id = delivery.tenant_id
        credentials = await gateway.credentials.reveal(delivery.provider_type, tenant_id=tenant_id)
    signed_at = await webhooks.verify(delivery.headers, delivery.body, credentials)
    context = CommandContext(
        tenant_id=tenant_id,
        actor=delivery.provider_type.lower(),
        correlation_id=delivery.correlation_id,
        traceparent=delivery.traceparent,
        at=gateway.now(),
    )
    return await _record(notification, delivery, signed_at, context, gateway)


async def _account_of(
    notification: Notification, provider_type: str, gateway: Gateway
) -> tuple[str, ProviderCredentials]:
    """Return whose payment is named, and the account that would have been notified of it."""
    if notification.payment_id is None:
        raise SignatureRefused("names no payment")
    try:
        found = await gateway.payments.find_of_any_tenant(notification.payment_id)
        tenant_id = found.payment.tenant_id
        return tenant_id, await gateway.credentials.reveal(provider_type, tenant_id=tenant_id)
    except (PaymentNotFound, ProviderNotConfigured) as error:
        raise SignatureRefused("names no payment of an account here") from error


async def _record(
    notification: Notification,
    delivery: WebhookDelivery,
    signed_at: datetime | None,
    context: CommandContext,
    gateway: Gateway,
) -> bool:
    payment_id = notification.payment_id
    subject_id = None
    if payment_id is not None:
        subject_id = await gateway.webhooks.subject_of(payment_id, tenant_id=context.tenant_id)
    if subject_id is None:  # a payment that is not this tenant's: the notification is by itself
        subject_id = (
            f"{stream_of(delivery.provider_type, notification.delivery_id)}.{context.tenant_id}"
        )
    sealed = await gateway.personal_data.seal_as_of_now(
        {"body": base64.b64encode(delivery.body).decode()}, subject_id=subject_id, context=context
    )
    age_s = None if signed_at is None else round((context.at - signed_at).total_seconds())
    received = WebhookReceivedEvent(
        provider=delivery.provider_type,
        tenant_id=context.tenant_id,
        delivery_id=notification.delivery_id,
        event_type=notification.event_type,
        payment_id=payment_id.value if payment_id else None,
        age_s=age_s,
        subject_id=sealed.subject_id,
        body=sealed.text,
    )
    return await gateway.webhooks.record(received, context)
