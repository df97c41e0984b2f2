"""The recovery at a time of the test's choosing, on the real queue; and whether all books agree."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

from payment_gateway.application.sagas.recovery_loop import RecoveryLoop
from payment_gateway.bootstrap import open_gateway
from payment_gateway.domain.events.payment import PaymentCompletedEvent, RefundCompletedEvent
from payment_gateway.infrastructure.messaging.recovery_queue import MongoRecoveryQueue
from payment_gateway.infrastructure.persistence.mongodb import (
    open_mongodb,
    open_session,
    transaction,
)
from tests.integration.rest.shop import Shop


async def recover(shop: Shop, payment_id: str, *, after: timedelta) -> int:
    """Do what a reactor does with one payment whose events it gets now and that it looks at later.

    Returns how many payments were due then: one or none.
    """
    later = datetime.now(UTC) + after
    name = f"recovery-{uuid4().hex[:12]}"
    settings = shop.installation.settings.model_copy(update={"mongodb_database": name})
    async with open_gateway(settings) as opened, open_mongodb(settings) as database:
        queue = MongoRecoveryQueue(database)
        await queue.install()
        events = (await shop.store.read(f"payment-{payment_id}")).events
        async with open_session(database) as session, transaction(session):
            await queue.handle(events, session)
        gateway = replace(opened.gateway, now=lambda: later)
        looks = await RecoveryLoop(queue, gateway).run_once()
        await database.client.drop_database(name)
    return looks


async def books_agree(shop: Shop, payment_id: str) -> None:
    """Check that the provider's books and the events show the same money, to the cent."""
    events = (await shop.store.read(f"payment-{payment_id}")).events
    captured = sum(
        e.event.captured_minor for e in events if isinstance(e.event, PaymentCompletedEvent)
    )
    refunded = sum(
        e.event.amount_minor for e in events if isinstance(e.event, RefundCompletedEvent)
    )
    for kind, minor in (("captures", captured), ("refunds", refunded)):
        entries = await shop.books(kind, payment_id)
        assert sum(Decimal(entry["amount"]) for entry in entries) * 100 == minor, kind
