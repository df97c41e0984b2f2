"""Payments in an event store and read models in MongoDB, for tests that build, compare and replace them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from payment_gateway.application.ports import CommandContext
from payment_gateway.domain.events.payment import (
    CheckoutCreatedEvent,
    PaymentCompletedEvent,
    PaymentEvent,
    PaymentInitiatedEvent,
    PaymentItem,
    ProviderAttemptStartedEvent,
    RefundCompletedEvent,
    RefundRequestedEvent,
)
from payment_gateway.infrastructure.messaging.checkpoint import checkpoint_of
from payment_gateway.infrastructure.messaging.events_behind import events_behind
from payment_gateway.infrastructure.messaging.subscription import Handler, Subscription
from payment_gateway.infrastructure.persistence.eventstoredb import (
    EventStoreDB,
    open_eventstoredb,
)
from payment_gateway.infrastructure.persistence.mongodb import Database, Document
from projections.document_writer import DocumentWriter
from projections.generations import Generation, matching
from projections.read_model import ReadModel
from tests.event_store_fixture import event_store_settings

WAIT_S = 90.0
AT_ONCE = 8
START = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
TENANTS = ("acme", "rival")


def history(payment_id: str, *, tenant_id: str = "acme", refunds: int = 2) -> list[PaymentEvent]:
    """Return what happens to a payment that is made and partly given back."""
    item = PaymentItem(quantity=1, description="T", price_minor=100_00, url_product=None)
    begun: list[PaymentEvent] = [
        PaymentInitiatedEvent(
            payment_id=payment_id,
            tenant_id=tenant_id,
            external_reference=f"ERN-{UUID(payment_id).int}",
            order_id=f"order-{payment_id[:2]}",
            amount_minor=100_00,
            currency="USD",
            provider="PAYPAL",
            fallback_providers=(),
            items=(item,),
            allow_pending=False,
            return_url=None,
            cancel_url=None,
            subject_id=None,
            personal=None,
            fingerprint="f",
        ),
        ProviderAttemptStartedEvent(
            payment_id=payment_id,
            attempt_id="a",
            attempt=1,
            provider="PAYPAL",
            provider_reference_number="ERN-1",
            handle=None,
        ),
        CheckoutCreatedEvent(
            payment_id=payment_id,
            attempt_id="a",
            provider="PAYPAL",
            provider_order_id="o",
            checkout_url="https://paypal.example/o",
            expires_at=START + timedelta(hours=3),
        ),
        PaymentCompletedEvent(
            payment_id=payment_id,
            provider="PAYPAL",
            provider_reference="capture",
            captured_minor=100_00,
            currency="USD",
        ),
    ]
    for number in range(refunds):
        refund_id, amount_minor = f"refund-{number}", 7 * (number + 1)
        begun += [
            RefundRequestedEvent(
                payment_id=payment_id,
                refund_id=refund_id,
                amount_minor=amount_minor,
                currency="USD",
                reason=None,
            ),
            RefundCompletedEvent(
                payment_id=payment_id,
                refund_id=refund_id,
                provider_reference="x",
                amount_minor=amount_minor,
            ),
        ]
    return begun


@dataclass(frozen=True, kw_only=True)
class World:
    """An event store with payments, and a database for read models."""

    store: EventStoreDB
    database: Database

    async def pay(self, payment_id: str, *, at: datetime = START, tenant_id: str = "acme") -> None:
        """Append the history of a payment, one event after the other."""
        for revision, event in enumerate(history(payment_id, tenant_id=tenant_id)):
            context = CommandContext(
                tenant_id=tenant_id,
                actor="test",
                correlation_id="c",
                at=at + timedelta(seconds=revision, microseconds=123_456),
            )
            await self.store.append(
                f"payment-{payment_id}",
                [event],
                expected=revision - 1 if revision else None,
                context=context,
            )

    async def pay_many(self, count: int, *, at: datetime = START) -> list[str]:
        """Append the histories of so many payments, mixed as they come; return their ids."""
        payment_ids = [str(uuid4()) for _ in range(count)]
        waiting = list(enumerate(payment_ids))

        async def work() -> None:
            while waiting:
                number, payment_id = waiting.pop()
                await self.pay(payment_id, at=at, tenant_id=TENANTS[number % len(TENANTS)])

        await asyncio.gather(*(work() for _ in range(AT_ONCE)))
        return payment_ids

    async def documents(self, generation: Generation, part: str = "") -> dict[str, Document]:
        """Return all documents of a part."""
        found = self.database[generation.collection(part)].find()
        return {document["_id"]: document async for document in found}

    @asynccontextmanager
    async def keeping(
        self,
        model: ReadModel,
        generation: Generation,
        wrap: Callable[[DocumentWriter], Handler] = lambda writer: writer,
    ) -> AsyncGenerator[None, None]:
        """Keep a generation up to date; at the end it has come up to the head of the log."""
        writer = DocumentWriter(self.database, model, generation)
        await writer.install()
        running = [
            asyncio.create_task(
                Subscription(
                    name=generation.subscription(partition),
                    matching=matching(model, generation, partition),
                    handler=wrap(writer),
                    log=self.store,
                    database=self.database,
                ).run()
            )
            for partition in range(generation.partitions)
        ]
        try:
            yield
            await self.caught_up(model, generation)
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def caught_up(self, model: ReadModel, generation: Generation) -> None:
        """Wait until nothing is left for any partition to take."""

        async def there() -> bool:
            for partition in range(generation.partitions):
                after = await checkpoint_of(self.database, generation.subscription(partition))
                wanted = matching(model, generation, partition)
                if await events_behind(
                    self.store, wanted, after=after, types=model.events, at_most=1
                ):
                    return False
            return True

        await until(there)


@asynccontextmanager
async def opened_world(event_store_uri: str, database: Database) -> AsyncGenerator[World, None]:
    """Yield a world on these servers."""
    async with open_eventstoredb(event_store_settings(event_store_uri)) as store:
        yield World(store=store, database=database)


async def until(condition: Callable[[], Awaitable[bool]], *, within_s: float = WAIT_S) -> None:
    """Wait for something that another task or process brings about."""
    async with asyncio.timeout(within_s):
        while not await condition():
            await asyncio.sleep(0.05)


def first(model: ReadModel, *, partitions: int = 1) -> Generation:
    """Return a generation of a read model as tests that have no registry name it."""
    return Generation(model=model.name, version=model.version, number=1, partitions=partitions)
