"""Which notifications wait, and whose captures are whose: kept in MongoDB, derived from the events."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest

from payment_gateway.application.ports import CommandContext, RecordedEvent
from payment_gateway.domain.events import DomainEvent
from payment_gateway.domain.events.payment import PaymentCompletedEvent
from payment_gateway.domain.events.webhook import (
    WebhookDiscardedEvent,
    WebhookParkedEvent,
    WebhookReceivedEvent,
    WebhookReplayRequestedEvent,
)
from payment_gateway.domain.value_objects.payment_id import PaymentIdVO
from payment_gateway.infrastructure.persistence.mongodb import (
    Database,
    open_session,
    transaction,
)
from payment_gateway.infrastructure.webhooks.capture_index import MongoCaptureIndex
from payment_gateway.infrastructure.webhooks.queue import CLAIM, MongoWebhookQueue
from tests.mongodb_fixture import database, mongodb_uri

__all__ = ["database", "mongodb_uri"]

NOON: Final = datetime(2026, 1, 1, 12, tzinfo=UTC)
RECEIVED: Final = WebhookReceivedEvent(
    provider="PAYPAL",
    tenant_id="demo",
    delivery_id="WH-1",
    event_type="X",
    payment_id=None,
    age_s=None,
    subject_id="s",
    body="sealed",
)
PARKED: Final = WebhookParkedEvent(
    provider="PAYPAL", tenant_id="demo", delivery_id="WH-1", payment_id=None, reason="too_old"
)
PAYMENT: Final = PaymentIdVO("5e9b5b5e-4a39-5f33-8a57-7e4d4a5a1b01")


def recorded(event: DomainEvent, stream: str, *, tenant: str = "demo") -> RecordedEvent:
    return RecordedEvent(
        event=event,
        type=type(event).__name__.removesuffix("Event"),
        event_id=stream,
        stream=stream,
        revision=0,
        position=1,
        context=CommandContext(tenant_id=tenant, actor="paypal", correlation_id="c", at=NOON),
    )


async def handled(
    reactor: MongoWebhookQueue | MongoCaptureIndex, database: Database, *events: RecordedEvent
) -> None:
    async with open_session(database) as session, transaction(session):
        await reactor.handle(events, session)


@pytest.fixture
async def queue(database: Database) -> MongoWebhookQueue:
    made = MongoWebhookQueue(database)
    await made.install()
    return made


async def test_what_is_received_is_due_for_one_process(
    queue: MongoWebhookQueue, database: Database
) -> None:
    await handled(queue, database, *(recorded(RECEIVED, f"webhook-paypal.{n}") for n in range(8)))

    claims = await asyncio.gather(*(queue.claim(NOON, limit=5) for _ in range(4)))
    streams = [due.stream for claim in claims for due in claim]
    assert sorted(streams) == [f"webhook-paypal.{n}" for n in range(8)]
    assert await queue.claim(NOON, limit=5) == []


async def test_what_a_dead_process_had_claimed_is_due_again(
    queue: MongoWebhookQueue, database: Database
) -> None:
    await handled(queue, database, recorded(RECEIVED, "webhook-paypal.1"))
    (first,) = await queue.claim(NOON, limit=5)

    (second,) = await queue.claim(NOON + CLAIM, limit=5)
    await queue.finish(first, None)  # it was not dead after all, but has lost its claim
    assert await queue.claim(NOON + 2 * CLAIM, limit=5) != []
    assert second.tries == 0


async def test_what_failed_is_due_later_with_one_more_try(
    queue: MongoWebhookQueue, database: Database
) -> None:
    await handled(queue, database, recorded(RECEIVED, "webhook-paypal.1"))
    (due,) = await queue.claim(NOON, limit=5)
    later = NOON + timedelta(seconds=5)
    await queue.finish(due, later)

    assert await queue.claim(NOON + timedelta(seconds=4), limit=5) == []
    assert [one.tries for one in await queue.claim(later, limit=5)] == [1]


async def test_what_is_concluded_waits_no_more(
    queue: MongoWebhookQueue, database: Database
) -> None:
    done = (recorded(RECEIVED, "webhook-paypal.1"), recorded(PARKED, "webhook-paypal.1"))
    await handled(queue, database, *done)
    await handled(queue, database, recorded(RECEIVED, "webhook-paypal.2"))

    assert [due.stream for due in await queue.claim(NOON, limit=5)] == ["webhook-paypal.2"]


async def test_what_is_parked_can_be_looked_at_is_due_when_asked_for_and_gone_when_discarded(
    queue: MongoWebhookQueue, database: Database
) -> None:
    stream = "webhook-paypal.1"
    await handled(queue, database, recorded(RECEIVED, stream))
    (due,) = await queue.claim(NOON, limit=5)
    await handled(queue, database, recorded(PARKED, stream))
    await queue.finish(due, None)

    (parked,) = await queue.parked(limit=5)
    assert (parked.stream, parked.reason, parked.at) == (stream, "too_old", NOON)
    again = WebhookReplayRequestedEvent(provider="PAYPAL", tenant_id="demo", delivery_id="WH-1")
    await handled(queue, database, recorded(again, stream))
    assert await queue.parked(limit=5) == []
    assert [one.stream for one in await queue.claim(NOON, limit=5)] == [stream]

    await handled(queue, database, recorded(PARKED, stream))
    gone = WebhookDiscardedEvent(
        provider="PAYPAL", tenant_id="demo", delivery_id="WH-1", payment_id=None, reason="a test"
    )
    await handled(queue, database, recorded(gone, stream))
    assert await queue.parked(limit=5) == []
    assert await database["webhook_queue"].count_documents({}) == 0


async def test_a_capture_belongs_to_its_own_tenants_payment(database: Database) -> None:
    captures = MongoCaptureIndex(database)
    completed = PaymentCompletedEvent(
        payment_id=PAYMENT.value,
        provider="PAYPAL",
        provider_reference="C-1",
        captured_minor=1,
        currency="USD",
    )
    for _ in range(2):
        await handled(captures, database, recorded(completed, f"payment-{PAYMENT}"))

    async def owner(tenant: str, provider: str, reference: str) -> PaymentIdVO | None:
        return await captures.payment_of(reference, tenant_id=tenant, provider_type=provider)

    assert await owner("demo", "PAYPAL", "C-1") == PAYMENT
    assert await owner("rival", "PAYPAL", "C-1") is None
    assert await owner("demo", "PAGADITO", "C-1") is None
    assert await owner("demo", "PAYPAL", "C-2") is None
