"""A shop whose events are sent to endpoints: real MongoDB, real sockets, an event store in memory."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

from payment_gateway.application.commands.deliver_webhook import Delivering
from payment_gateway.application.gateway import Gateway
from payment_gateway.application.ports import CommandContext
from payment_gateway.application.sagas.webhook_delivery_loop import WebhookDeliveryLoop
from payment_gateway.application.services.webhook_delivery_service import WebhookDeliveryService
from payment_gateway.application.webhook_deliveries import DeliveryFilter, DeliveryRecord
from payment_gateway.domain.value_objects.payment_id import PaymentIdVO
from payment_gateway.infrastructure.messaging.subscription import Subscription
from payment_gateway.infrastructure.persistence.event_log import StreamFilter
from payment_gateway.infrastructure.persistence.mongodb import Database
from payment_gateway.infrastructure.security.consistency_token import ConsistencyTokens
from payment_gateway.infrastructure.security.envelope import MasterKey
from payment_gateway.infrastructure.webhook_deliveries import queue as delivery_queue
from payment_gateway.infrastructure.webhook_deliveries.address import parse_networks
from payment_gateway.infrastructure.webhook_deliveries.records import MongoWebhookDeliveryRecords
from payment_gateway.infrastructure.webhook_deliveries.sender import WebhookHttpSender
from tests.unit.application.gateway_fixture import Shop, open_shop

LOOPBACK = ("127.0.0.0/8", "::1/128")
TOKENS = ConsistencyTokens(MasterKey(b"k" * 32))
WAIT_S = 30.0


@dataclass
class DeliveryWorld:
    """The shop, the reactor that follows it, and the clock that both go by."""

    shop: Shop
    gateway: Gateway
    queue: delivery_queue.MongoWebhookDeliveryQueue
    database: Database
    subscription: Subscription
    chance: float = 0.5

    def loop(self) -> WebhookDeliveryLoop:
        return WebhookDeliveryLoop(
            self.gateway, Delivering(queue=self.queue, random=lambda: self.chance)
        )

    async def endpoint(
        self, url: str, *types: str, enabled: bool = True, tenant: str = "demo"
    ) -> tuple[str, str]:
        """Return the id and the secret of a new endpoint, once the reactor knows it."""
        context = replace(self.shop.context, tenant_id=tenant)
        shown = await self.gateway.webhook_endpoints.create(
            url=url, types=types, enabled=enabled, context=context
        )
        await self.caught_up()
        return shown.executed.state.endpoint_id, shown.secret

    async def pay(self, number: int = 1) -> PaymentIdVO:
        """Let a payment begin, which is three events."""
        executed = await self.shop.initiate(number=f"ERN-{number}")
        await self.caught_up()
        return executed.state.payment_id

    async def send_due(self) -> int:
        """Send what is due now, wait for the answers and for the reactor; return how many."""
        loop = self.loop()
        begun = 0
        while some := await loop.run_once():  # no more at a time than an endpoint may have
            begun += some
            await loop.drain()
        await self.caught_up()
        return begun

    async def caught_up(self) -> None:
        """Wait until the reactor has followed the log to its end."""
        matching = re.compile(delivery_queue.STREAMS)
        wanted = max(
            (one.position for one in self.shop.store._log if matching.fullmatch(one.stream)),
            default=0,
        )
        async with asyncio.timeout(WAIT_S):
            while self.subscription.status.position < wanted:
                await asyncio.sleep(0.01)

    async def deliveries(self, endpoint_id: str, **fields: Any) -> list[DeliveryRecord]:
        which = DeliveryFilter(endpoint_id=endpoint_id, **fields)
        return list(await self.gateway.webhook_deliveries.records.deliveries(which, limit=100))

    async def types(self, stream: str) -> list[str]:
        return [one.type for one in (await self.shop.store.read(stream)).events]

    @property
    def context(self) -> CommandContext:
        return self.shop.context

    def later(self, **delta: float) -> None:
        self.shop.later(**delta)


@asynccontextmanager
async def delivery_world(
    database: Database, *, tls: ssl.SSLContext | None = None, total_timeout_s: float = 20.0
) -> AsyncGenerator[DeliveryWorld, None]:
    """Follow a shop until the block ends."""
    shop = await open_shop()
    records = MongoWebhookDeliveryRecords(database)
    gateway = shop.gateway
    endpoints = replace(gateway.webhook_endpoints, records=records, allow_plain=True)
    deliveries = WebhookDeliveryService(
        store=shop.store, records=records, personal_data=gateway.personal_data
    )
    sender = WebhookHttpSender(
        parse_networks(LOOPBACK),
        tls=tls or ssl.create_default_context(),
        encode_token=TOKENS.encode,
        total_timeout_s=total_timeout_s,
    )
    queue = delivery_queue.MongoWebhookDeliveryQueue(database)
    await queue.install()
    world = DeliveryWorld(
        shop=shop,
        gateway=replace(
            gateway,
            webhook_endpoints=endpoints,
            webhook_deliveries=deliveries,
            webhook_sender=sender,
        ),
        queue=queue,
        database=database,
        subscription=subscription_of(queue, shop, database),
    )
    async with following(world):
        yield world


def subscription_of(
    queue: delivery_queue.MongoWebhookDeliveryQueue, shop: Shop, database: Database
) -> Subscription:
    return Subscription(
        name=delivery_queue.SUBSCRIPTION,
        matching=StreamFilter(delivery_queue.STREAMS),
        handler=queue.handle,
        log=shop.store,
        database=database,
    )


@asynccontextmanager
async def following(world: DeliveryWorld) -> AsyncGenerator[None, None]:
    """Run the subscription that fills the queue until the block ends."""
    task = asyncio.create_task(world.subscription.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
