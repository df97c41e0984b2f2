"""A provider that notifies the shop, and the reactor that applies it, a line each."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Final

import httpx

from payment_gateway.application.commands.receive_webhook import (
    WebhookDelivery,
    receive_webhook,
)
from payment_gateway.application.gateway import Gateway
from payment_gateway.application.sagas.webhook_loop import WebhookLoop
from payment_gateway.application.services.webhook_service import WebhookService
from payment_gateway.application.webhooks import DueWebhook, Notification, SignatureRefused
from payment_gateway.domain.events.payment import PaymentCompletedEvent
from payment_gateway.domain.events.webhook import WebhookParkedEvent, WebhookReceivedEvent
from payment_gateway.domain.value_objects.payment_id import PaymentIdVO
from payment_gateway.domain.value_objects.provider_credentials import ProviderCredentials
from payment_gateway.infrastructure.persistence.memory import InMemoryEventStore
from payment_gateway.infrastructure.webhooks.certificates import Certificates
from payment_gateway.infrastructure.webhooks.pagadito import PagaditoWebhooks
from payment_gateway.infrastructure.webhooks.paypal import CertificateCheck, PayPalWebhooks
from payment_gateway.infrastructure.webhooks.signed_text import Signatures
from tests.unit.application.gateway_fixture import Shop

AGE_MAX: Final = timedelta(days=4)
_IDS: Final = count(1)


@dataclass(frozen=True)
class SignedByWord:
    """Notifications of one provider; ``signed: yes`` is its signature."""

    reader: PayPalWebhooks | PagaditoWebhooks

    def read(self, body: bytes) -> Notification:
        return self.reader.read(body)

    async def verify(
        self, headers: Mapping[str, str], body: bytes, credentials: ProviderCredentials
    ) -> datetime | None:
        if headers.get("signed") != "yes":
            raise SignatureRefused("not signed")
        return datetime.fromisoformat(headers["at"]) if "at" in headers else None


@dataclass
class Queue:
    """The queue and the index as the events of the store say they are."""

    store: InMemoryEventStore
    due_at: dict[str, datetime] = field(default_factory=dict)
    tries: dict[str, int] = field(default_factory=dict)

    async def claim(self, now: datetime, *, limit: int) -> Sequence[DueWebhook]:
        for stored in self.store._log:
            if stored.type == "WebhookReceived":
                self.due_at.setdefault(stored.stream, datetime.min.replace(tzinfo=UTC))
        due = [stream for stream, at in self.due_at.items() if at <= now]
        return [
            DueWebhook(
                stream=one, tenant_id="demo", tries=self.tries.get(one, 0), claimed_until=now
            )
            for one in due[:limit]
        ]

    async def finish(self, due: DueWebhook, next_at: datetime | None) -> None:
        self.due_at[due.stream] = next_at or datetime.max.replace(tzinfo=UTC)
        self.tries[due.stream] = due.tries + 1

    async def payment_of(
        self, capture_reference: str, *, tenant_id: str, provider_type: str
    ) -> PaymentIdVO | None:
        for stored in self.store._log:
            event = stored.read().event
            if (
                isinstance(event, PaymentCompletedEvent)
                and event.provider_reference == capture_reference
            ):
                return PaymentIdVO(event.payment_id)
        return None


@dataclass
class NotifiedShop:
    """A shop whose providers send notifications."""

    shop: Shop

    def __post_init__(self) -> None:
        unused = Signatures(
            certificates=Certificates(httpx.AsyncClient()), issuers=None, now=lambda: self.shop.now
        )
        both = {
            "PAYPAL": SignedByWord(
                PayPalWebhooks(transmissions=CertificateCheck(signatures=unused), base_url=None)
            ),
            "PAGADITO": SignedByWord(PagaditoWebhooks(signatures=unused, base_url=None)),
        }
        self.gateway: Gateway = replace(
            self.shop.gateway, webhooks=WebhookService(self.shop.store, both)
        )
        self.queue = Queue(self.shop.store)

    async def receive(
        self,
        event_type: str,
        resource: Mapping[str, Any],
        *,
        provider: str = "PAYPAL",
        tenant: str | None = "demo",
        id_: str | None = None,
        **headers: str,
    ) -> str:
        """Deliver a notification and return where it is stored."""
        name = id_ or f"WH-{next(_IDS)}"
        body = {"id": name, "event_type": event_type, "resource": resource}
        delivery = WebhookDelivery(
            provider_type=provider,
            tenant_id=tenant,
            headers={"signed": "yes"} | headers,
            body=json.dumps(body).encode(),
            correlation_id="c",
            traceparent=None,
        )
        self.was_new = await receive_webhook(delivery, self.gateway)
        return f"webhook-{provider.lower()}.{name}"

    async def react(self) -> int:
        return await WebhookLoop(self.queue, self.queue, self.gateway, AGE_MAX).run_once()

    async def notify(self, event_type: str, resource: Mapping[str, Any], **more: Any) -> str:
        """Deliver a notification, let it be applied, and return what became of it."""
        stream = await self.receive(event_type, resource, **more)
        await self.react()
        return await self.outcome(stream)

    async def outcome(self, stream: str) -> str:
        """Return ``applied``, the reason it is parked for, or ``waiting``."""
        last = (await self.shop.store.read(stream)).events[-1].event
        if isinstance(last, WebhookParkedEvent):
            return last.reason
        return "waiting" if isinstance(last, WebhookReceivedEvent) else "applied"


async def order_of(shop: Shop, payment_id: PaymentIdVO) -> dict[str, Any]:
    """Return an order as PayPal shows it in a notification."""
    payment = await shop.payment(payment_id)
    assert payment.checkout is not None
    assert payment.attempt is not None
    unit = {"custom_id": payment_id.value, "invoice_id": payment.attempt.reference_number}
    return {"id": payment.checkout.provider_order_id, "purchase_units": [unit]}


async def capture_of(shop: Shop, payment_id: PaymentIdVO) -> dict[str, Any]:
    payment = await shop.payment(payment_id)
    assert payment.checkout is not None
    assert payment.attempt is not None
    return {
        "id": "C-1",
        "custom_id": payment_id.value,
        "invoice_id": payment.attempt.reference_number,
        "supplementary_data": {"related_ids": {"order_id": payment.checkout.provider_order_id}},
    }


def refund_of(payment_id: PaymentIdVO, value: str = "5.00", **fields: object) -> dict[str, Any]:
    """Return a refund that was made in PayPal's own pages, with fields changed."""
    return {
        "id": "R-9",
        "status": "COMPLETED",
        "amount": {"currency_code": "USD", "value": value},
        "custom_id": payment_id.value,
        **fields,
    }


def dispute_of(payment_id: PaymentIdVO, **fields: object) -> dict[str, Any]:
    return {
        "dispute_id": "PP-D-1",
        "reason": "UNAUTHORISED",
        "disputed_transactions": [{"custom": payment_id.value}],
        **fields,
    }
