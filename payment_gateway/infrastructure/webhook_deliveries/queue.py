"""Endpoints, and every event on its way to each of them: what is due, and what is listed.

Derived from the events alone, in the order of the log. A payment's event makes one delivery for each
endpoint that wanted it at that moment; the id follows from both, so that reading the log again makes the
same ones. Whether one is really to be sent is asked of its own stream before anything leaves.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from typing import Any, Final

from pymongo import ASCENDING, DESCENDING, ReturnDocument, UpdateOne
from pymongo.errors import PyMongoError

from payment_gateway.application.ports import QueueUnavailable, RecordedEvent
from payment_gateway.application.webhook_deliveries import DueDelivery, Failing
from payment_gateway.domain.events.payment import PaymentEvent
from payment_gateway.domain.events.webhook_delivery import WebhookDeliveryEvent
from payment_gateway.domain.events.webhook_endpoint import (
    WebhookEndpointEvent,
    WebhookTestRequestedEvent,
)
from payment_gateway.infrastructure.messaging.due_queue import DueQueue
from payment_gateway.infrastructure.persistence.mongodb import Database, Document, Session
from payment_gateway.infrastructure.webhook_deliveries.delivery_document import (
    delivery_updates,
    new_delivery,
)
from payment_gateway.infrastructure.webhook_deliveries.endpoint_document import (
    endpoint_changes,
    failing_of,
    outcome_update,
)

DELIVERIES: Final = "webhook_deliveries"
ENDPOINTS: Final = "webhook_endpoints"
SUBSCRIPTION: Final = "webhook-deliveries"
STREAMS: Final = "(payment|endpoint|delivery)-.*"
# Longer than sending can take; a process that dies in the middle delays a delivery by so much.
CLAIM: Final = timedelta(minutes=1)
# Deliveries that have ended are listed for so long; their streams stay.
LISTED_FOR: Final = timedelta(days=30)


class MongoWebhookDeliveryQueue:
    """A ``WebhookDeliveryQueue`` in MongoDB, and the subscription handler that fills it."""

    def __init__(self, database: Database) -> None:
        self._deliveries: Final = database[DELIVERIES]
        self._endpoints: Final = database[ENDPOINTS]
        self._due: Final = DueQueue(self._deliveries, claim=CLAIM, counter="tries")

    async def install(self) -> None:
        """Make the indexes by which both are found; ``QueueUnavailable`` if it cannot."""
        newest = [("endpointId", ASCENDING), ("eventAt", DESCENDING), ("_id", DESCENDING)]
        try:
            await self._deliveries.create_index(
                [("dueAt", ASCENDING), ("endpointId", ASCENDING)], name="due", sparse=True
            )
            await self._deliveries.create_index(newest, name="newest")
            await self._deliveries.create_index(
                [("source", ASCENDING), ("endpointId", ASCENDING)], name="source"
            )
            await self._deliveries.create_index(
                "endedAt", name="listed", expireAfterSeconds=int(LISTED_FOR.total_seconds())
            )
            await self._endpoints.create_index([("tenantId", ASCENDING)], name="tenant")
        except PyMongoError as error:
            raise QueueUnavailable(type(error).__name__) from error

    async def handle(self, events: Sequence[RecordedEvent], session: Session) -> None:
        """Follow the events; part of the subscription's transaction."""
        endpoints = await self._endpoints_of(events, session)
        deliveries: list[UpdateOne] = []
        changed: list[UpdateOne] = []
        for recorded in events:
            event, at = recorded.event, recorded.context.at
            known = endpoints.setdefault(recorded.context.tenant_id, {})
            if isinstance(event, WebhookTestRequestedEvent):
                deliveries.append(new_delivery(recorded, event.endpoint_id))
            elif isinstance(event, WebhookEndpointEvent):
                changes = endpoint_changes(event, at)
                changed.append(
                    UpdateOne({"_id": event.endpoint_id}, {"$set": changes}, upsert=True)
                )
                known.setdefault(event.endpoint_id, {}).update(changes)
            elif isinstance(event, WebhookDeliveryEvent):
                deliveries += delivery_updates(event, recorded, CLAIM)
                outcome = outcome_update(event, at)
                if outcome is not None:
                    changed.append(UpdateOne({"_id": event.endpoint_id}, outcome))
            elif isinstance(event, PaymentEvent):
                deliveries += [
                    new_delivery(recorded, endpoint_id)
                    for endpoint_id, one in known.items()
                    if one["enabled"] and (not one["types"] or recorded.type in one["types"])
                ]
        if changed:
            await self._endpoints.bulk_write(changed, ordered=True, session=session)
        if deliveries:
            await self._deliveries.bulk_write(deliveries, ordered=True, session=session)

    async def _endpoints_of(
        self, events: Sequence[RecordedEvent], session: Session
    ) -> dict[str, dict[str, Document]]:
        """Return the endpoints of the tenants concerned as they stand before these events."""
        tenants = {one.context.tenant_id for one in events}
        found: dict[str, dict[str, Document]] = {}
        which = {"tenantId": {"$in": sorted(tenants)}}
        async for document in self._endpoints.find(
            which, {"tenantId": 1, "enabled": 1, "types": 1}, session=session
        ):
            found.setdefault(document["tenantId"], {})[document["_id"]] = document
        return found

    async def claim(self, now: datetime, *, busy_endpoints: AbstractSet[str]) -> DueDelivery | None:
        """Return what is due, to one caller only; ``QueueUnavailable`` if it cannot."""
        which: dict[str, Any] = {"dueAt": {"$lte": now}}
        if busy_endpoints:
            which["endpointId"] = {"$nin": sorted(busy_endpoints)}
        try:
            document = await self._deliveries.find_one_and_update(
                which,
                {"$set": {"dueAt": now + CLAIM}, "$inc": {"tries": 1}},
                sort=[("dueAt", ASCENDING)],
                return_document=ReturnDocument.AFTER,
            )
        except PyMongoError as error:
            raise QueueUnavailable(type(error).__name__) from error
        return _due(document) if document else None

    async def finish(self, due: DueDelivery, next_at: datetime | None) -> None:
        """Set when to look again, or never; ``QueueUnavailable`` if it cannot."""
        await self._due.finish(
            due.delivery_id,
            next_at,
            claimed_until=due.claimed_until,
            counted=due.tries,
            forget=False,
        )

    async def failing(self, endpoint_id: str) -> Failing | None:
        """Return how an endpoint has failed without a break; ``QueueUnavailable`` if it cannot."""
        try:
            document = await self._endpoints.find_one({"_id": endpoint_id})
        except PyMongoError as error:
            raise QueueUnavailable(type(error).__name__) from error
        return failing_of(document) if document else None


def _due(document: Document) -> DueDelivery:
    return DueDelivery(
        delivery_id=document["_id"],
        tenant_id=document["tenantId"],
        endpoint_id=document["endpointId"],
        event_id=document["eventId"],
        event_type=document["eventType"],
        source=document["source"],
        event_at=document["eventAt"],
        tries=document["tries"],
        claimed_until=document["dueAt"],
    )
