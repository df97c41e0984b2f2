"""Which payment a capture belongs to: what a provider takes back by itself names only the capture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pymongo import ReplaceOne
from pymongo.errors import PyMongoError

from payment_gateway.application.ports import QueueUnavailable, RecordedEvent
from payment_gateway.domain.events.payment import PaymentCompletedEvent
from payment_gateway.domain.value_objects.payment_id import PaymentIdVO
from payment_gateway.infrastructure.persistence.mongodb import Database, Session

COLLECTION: Final = "captures"
SUBSCRIPTION: Final = "captures"
EVENTS: Final = ("PaymentCompleted",)


class MongoCaptureIndex:
    """A ``CaptureIndex`` in MongoDB, and the subscription handler that fills it."""

    def __init__(self, database: Database) -> None:
        self._collection: Final = database[COLLECTION]

    async def handle(self, events: Sequence[RecordedEvent], session: Session) -> None:
        """Add what was captured; part of the subscription's transaction."""
        writes = [_write(recorded) for recorded in events]
        if writes:
            await self._collection.bulk_write(writes, ordered=False, session=session)

    async def payment_of(
        self, capture_reference: str, *, tenant_id: str, provider_type: str
    ) -> PaymentIdVO | None:
        """Return the tenant's payment of a capture; ``QueueUnavailable`` if it cannot."""
        key = _key(tenant_id, provider_type, capture_reference)
        try:
            found = await self._collection.find_one({"_id": key})
        except PyMongoError as error:
            raise QueueUnavailable(type(error).__name__) from error
        return PaymentIdVO(found["paymentId"]) if found else None


def _write(recorded: RecordedEvent) -> ReplaceOne[dict[str, str]]:
    event = recorded.event
    assert isinstance(event, PaymentCompletedEvent), "filtered by type"
    key = _key(recorded.context.tenant_id, event.provider, event.provider_reference)
    return ReplaceOne({"_id": key}, {"_id": key, "paymentId": event.payment_id}, upsert=True)


def _key(tenant_id: str, provider_type: str, capture_reference: str) -> str:
    return f"{tenant_id}.{provider_type}.{capture_reference}"
