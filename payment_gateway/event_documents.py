"""Events as the command line shows and exports them: plain JSON objects, or CloudEvents 1.0."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from payment_gateway.application.ports import EventStore, RecordedEvent
from payment_gateway.domain.events.payment import PaymentInitiatedEvent
from payment_gateway.infrastructure.persistence.event_document import shown_data
from payment_gateway.infrastructure.persistence.event_log import UnknownRecord

CURRENCIES_KEPT_MAX: Final = 10_000
_PAYMENT: Final = "payment-"

EventDocument = dict[str, Any]


class EventDocuments:
    """Makes the documents of events; what a payment's event does not say itself, its first one does."""

    def __init__(self, store: EventStore) -> None:
        self._store: Final = store
        self._currencies: Final[dict[str, str | None]] = {}

    async def of(self, item: RecordedEvent | UnknownRecord) -> EventDocument:
        """Return the document of an event; of one that cannot be read, what its record tells.

        Raises:
            EventStoreUnavailable: No answer.
        """
        if isinstance(item, UnknownRecord):
            return {**_place(item), "unreadable": item.cause}
        data = shown_data(item, await self._currency(item))
        context = item.context
        document = {
            **_place(item),
            "paymentId": getattr(item.event, "payment_id", None),
            "tenantId": context.tenant_id,
            "recordedAt": context.at.isoformat(),
            "actor": context.actor,
            "correlationId": context.correlation_id,
            "data": data,
        }
        if data.get("reason") is not None:
            document["reason"] = data["reason"]
        return document

    async def _currency(self, item: RecordedEvent) -> str | None:
        if isinstance(item.event, PaymentInitiatedEvent):
            self._keep(item.stream, item.event.currency)
        if not item.stream.startswith(_PAYMENT):
            return None
        if item.stream not in self._currencies:
            first = (await self._store.read(item.stream)).events[0].event
            known = first.currency if isinstance(first, PaymentInitiatedEvent) else None
            self._keep(item.stream, known)
        return self._currencies[item.stream]

    def _keep(self, stream: str, currency: str | None) -> None:
        if len(self._currencies) >= CURRENCIES_KEPT_MAX:
            self._currencies.pop(next(iter(self._currencies)))
        self._currencies[stream] = currency


def cloud_event(document: Mapping[str, Any], *, source: str) -> EventDocument:
    """Return an event in the JSON format of CloudEvents 1.0.

    ``position`` and ``tenantid`` are extensions; the position is text, as an integer has 32 bits there.

    Args:
        document: The event as it is shown otherwise.
        source: Where events of this installation are read: with the id, it names an event for ever.
    """
    attributes = {
        "specversion": "1.0",
        "id": document["id"],
        "source": source,
        "type": document["type"],
        "subject": document["stream"],
        "time": document["recordedAt"],
        "datacontenttype": None if document["data"] is None else "application/json",
        "tenantid": document["tenantId"],
        "actor": document["actor"],
        "correlationid": document["correlationId"],
        "revision": document["revision"],
        "position": str(document["position"]),
        "data": document["data"],
    }
    return {name: value for name, value in attributes.items() if value is not None}


def _place(item: RecordedEvent | UnknownRecord) -> EventDocument:
    return {
        "id": item.event_id,
        "type": item.type,
        "stream": item.stream,
        "revision": item.revision,
        "position": item.position,
        "paymentId": None,
        "tenantId": None,
        "recordedAt": None,
        "actor": None,
        "correlationId": None,
        "data": None,
    }
