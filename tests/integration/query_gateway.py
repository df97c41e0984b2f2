"""The query API over a real MongoDB, every read model kept from a log in memory."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from payment_gateway.application.ports import CommandContext
from payment_gateway.domain.errors import DomainError, NotYet, PaymentNotFound
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
from payment_gateway.infrastructure.cache import Cache
from payment_gateway.infrastructure.persistence.event_log import RecordedEvent
from payment_gateway.infrastructure.persistence.memory import InMemoryEventStore
from payment_gateway.infrastructure.persistence.mongodb import (
    Collection,
    Database,
    Document,
    open_mongodb,
    open_session,
)
from projections.document_writer import DocumentWriter
from projections.event_streams import EventStreams, TooManyStreams
from projections.generations import Generation, Shown, install
from projections.positions import Positions
from projections.query_api import Queries, create_query_router
from projections.read_model import ReadModel
from projections.worker import READ_MODELS
from tests.mongodb_fixture import mongodb_settings, mongodb_uri

__all__ = ["gateway", "mongodb_uri"]

START: Final = datetime(2026, 2, 3, 4, 5, 6, 789_123, tzinfo=UTC)
PAYPAL_ID: Final = "11111111-1111-5111-8111-111111111111"


def first_generation(model: ReadModel) -> Generation:
    return Generation(model=model.name, version=model.version, number=1, partitions=1)


@dataclass(frozen=True)
class Viewer:
    tenant_id: str

    @property
    def speaks_for(self) -> str:
        return self.tenant_id


class Gateway:
    """The router as an app would mount it, for a tenant named in a header; all read models at hand."""

    def __init__(self, database: Database) -> None:
        self.store = InMemoryEventStore()
        self.now = START + timedelta(minutes=10)
        self.database = database
        self._writers = [
            DocumentWriter(database, model, first_generation(model))
            for model in READ_MODELS.values()
        ]
        shown, positions = Shown(database), Positions(database)
        self.streams = EventStreams(database, shown, positions)
        self.allowed = True
        self.models = tuple(READ_MODELS.values())
        self.queries = Queries(
            database=database,
            shown=shown,
            events=self.store,
            open_personal=self._open_personal,
            decode_token=lambda _, token: int(token) if token.isdigit() else None,
            encode_token=lambda _, position: str(position),
            positions=positions,
            streams=self.streams,
        )
        app = FastAPI()
        app.include_router(
            create_query_router(
                viewer=_viewer,
                subscriber=_viewer,
                auditor=_viewer,
                operator=_viewer,
                queries=lambda: self.queries,
                still_allowed=self._still_allowed,
                provider_viewer=_viewer,
                now=lambda: self.now,
            ),
        )
        app.add_exception_handler(DomainError, _problem)
        app.add_exception_handler(NotYet, _problem)
        app.add_exception_handler(TooManyStreams, _problem)
        self.app = app
        self.http = httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://gateway/api/v1"
        )

    async def _still_allowed(self, _: Request) -> bool:
        return self.allowed

    async def _open_personal(
        self, tenant_id: str, subject_id: str | None, sealed: str
    ) -> Mapping[str, Any] | None:
        assert (tenant_id, subject_id) == ("acme", "subject")
        if sealed == "erased":
            return None
        return {"customParams": {"seat": "12B"}, "customer": {"reference": "c-1"}}

    def keep_answers_in(self, cache: Cache) -> None:
        self.queries = replace(self.queries, cache=cache)

    async def install(self) -> None:
        for model in READ_MODELS.values():
            await install(self.database, model)
        for writer in self._writers:
            await writer.install()

    async def clear(self) -> None:
        for model in READ_MODELS.values():
            for part in model.parts:
                await self.collection(model, part).delete_many({})
        await self.database["checkpoints"].delete_many({})

    def collection(self, model: ReadModel, part: str = "") -> Collection:
        return self.database[first_generation(model).collection(part)]

    async def record(
        self, *events: PaymentEvent, tenant_id: str = "acme", at: datetime = START
    ) -> str:
        """Append to the log and project at once; return the payment's id."""
        payment_id = events[0].payment_id
        stream = f"payment-{payment_id}"
        before = await self.store.read(stream)
        context = CommandContext(tenant_id=tenant_id, actor="key-1", correlation_id="c", at=at)
        await self.store.append(stream, events, expected=before.revision, context=context)
        history = (await self.store.read(stream)).events
        await self.project(history)
        return payment_id

    async def project(self, events: Sequence[RecordedEvent]) -> None:
        """Hand events to every read model, as their subscriptions would."""
        async with open_session(self.database) as session:
            for writer in self._writers:
                await writer(events, session)

    async def get(
        self, path: str, *, tenant_id: str = "acme", headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        return await self.http.get(path, headers={"X-Tenant": tenant_id, **(headers or {})})

    async def page(self, path: str, **params: str) -> Document:
        response = await self.http.get(path, params=params, headers={"X-Tenant": "acme"})
        assert response.status_code == 200, response.text
        return dict(response.json())


def _viewer(request: Request) -> Viewer:
    return Viewer(request.headers["X-Tenant"])


async def _problem(_: Request, error: Exception) -> JSONResponse:
    status = {PaymentNotFound: 404, NotYet: 503}.get(type(error), 422)
    code = getattr(error, "code", None)
    return JSONResponse({"code": code, "detail": str(error)}, status_code=status)


@pytest.fixture
async def gateway(mongodb_uri: str) -> AsyncGenerator[Gateway, None]:
    """Yield a gateway without payments; the database stays, as making its indexes takes a while."""
    async with open_mongodb(mongodb_settings(mongodb_uri, "queries")) as database:
        opened = Gateway(database)
        await opened.install()
        await opened.clear()
        async with opened.http:
            yield opened


def initiated(
    payment_id: str | None = None,
    *,
    tenant_id: str = "acme",
    provider: str = "PAYPAL",
    order_id: str = "order-1",
    amount_minor: int = 19_99,
    currency: str = "USD",
) -> PaymentInitiatedEvent:
    payment_id = payment_id or str(uuid4())
    item = PaymentItem(
        quantity=1, description="Ticket", price_minor=amount_minor, url_product="https://s.example"
    )
    return PaymentInitiatedEvent(
        payment_id=payment_id,
        tenant_id=tenant_id,
        external_reference=f"ERN-{UUID(payment_id).int % 10**30}",
        order_id=order_id,
        amount_minor=amount_minor,
        currency=currency,
        provider=provider,
        fallback_providers=(),
        items=(item,),
        allow_pending=False,
        return_url="https://shop.example/thanks",
        cancel_url=None,
        subject_id="subject",
        personal="sealed-text",
        fingerprint="internal-fingerprint",
    )


def paid(payment_id: str) -> list[PaymentEvent]:
    return [
        ProviderAttemptStartedEvent(
            payment_id=payment_id,
            attempt_id="a1",
            attempt=1,
            provider="PAYPAL",
            provider_reference_number="ERN-1",
            handle="secret-handle",
        ),
        CheckoutCreatedEvent(
            payment_id=payment_id,
            attempt_id="a1",
            provider="PAYPAL",
            provider_order_id="order-at-paypal",
            checkout_url="https://paypal.example/pay",
            expires_at=START + timedelta(hours=3),
        ),
        PaymentCompletedEvent(
            payment_id=payment_id,
            provider="PAYPAL",
            provider_reference="capture-1",
            captured_minor=19_99,
            currency="USD",
        ),
        RefundRequestedEvent(
            payment_id=payment_id, refund_id="r1", amount_minor=5_00, currency="USD", reason="late"
        ),
        RefundCompletedEvent(
            payment_id=payment_id, refund_id="r1", provider_reference="re-1", amount_minor=5_00
        ),
    ]
