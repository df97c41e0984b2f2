"""Endpoints and deliveries as they are listed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from pymongo import ASCENDING, DESCENDING
from pymongo.errors import PyMongoError

from payment_gateway.application.ports import QueueUnavailable
from payment_gateway.application.webhook_deliveries import (
    DeliveryFilter,
    DeliveryRecord,
    EndpointRecord,
)
from payment_gateway.infrastructure.persistence.mongodb import Database
from payment_gateway.infrastructure.webhook_deliveries.delivery_document import delivery_record
from payment_gateway.infrastructure.webhook_deliveries.endpoint_document import endpoint_record
from payment_gateway.infrastructure.webhook_deliveries.queue import DELIVERIES, ENDPOINTS


class MongoWebhookDeliveryRecords:
    """``WebhookDeliveryRecords`` from what the reactor keeps in MongoDB."""

    def __init__(self, database: Database) -> None:
        self._deliveries: Final = database[DELIVERIES]
        self._endpoints: Final = database[ENDPOINTS]

    async def endpoints(self, tenant_id: str) -> Sequence[EndpointRecord]:
        """Return a tenant's endpoints, oldest first; ``QueueUnavailable`` if it cannot."""
        which = {"tenantId": tenant_id, "deleted": False}
        try:
            found = self._endpoints.find(which).sort([("createdAt", ASCENDING), ("_id", ASCENDING)])
            return [endpoint_record(document) async for document in found]
        except PyMongoError as error:
            raise QueueUnavailable(type(error).__name__) from error

    async def endpoint(self, endpoint_id: str) -> EndpointRecord | None:
        """Return one, ``None`` where it has not arrived yet; ``QueueUnavailable`` if it cannot."""
        try:
            document = await self._endpoints.find_one({"_id": endpoint_id})
        except PyMongoError as error:
            raise QueueUnavailable(type(error).__name__) from error
        return endpoint_record(document) if document else None

    async def deliveries(self, which: DeliveryFilter, *, limit: int) -> Sequence[DeliveryRecord]:
        """Return deliveries, newest events first; ``QueueUnavailable`` if it cannot."""
        newest = [("eventAt", DESCENDING), ("_id", DESCENDING)]
        try:
            found = self._deliveries.find(_query(which)).sort(newest).limit(limit)
            return [delivery_record(document) async for document in found]
        except PyMongoError as error:
            raise QueueUnavailable(type(error).__name__) from error

    async def delivery(self, delivery_id: str) -> DeliveryRecord | None:
        """Return one, ``None`` where there is none; ``QueueUnavailable`` if it cannot."""
        try:
            document = await self._deliveries.find_one({"_id": delivery_id})
        except PyMongoError as error:
            raise QueueUnavailable(type(error).__name__) from error
        return delivery_record(document) if document else None


def _query(which: DeliveryFilter) -> dict[str, Any]:
    query: dict[str, Any] = {"endpointId": which.endpoint_id}
    if which.types:
        query["eventType"] = {"$in": list(which.types)}
    if which.statuses:
        query["status"] = {"$in": [one.value for one in which.statuses]}
    if which.source is not None:
        query["source"] = which.source
    times: dict[str, Any] = {}
    if which.since is not None:
        times["$gte"] = which.since
    if which.before is not None:
        times["$lt"] = which.before
    if times:
        query["eventAt"] = times
    if which.after is not None:
        at, name = which.after
        query["$or"] = [{"eventAt": {"$lt": at}}, {"eventAt": at, "_id": {"$lt": name}}]
    return query
