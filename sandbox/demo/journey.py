"""The whole way of a payment: ordered, paid, completed, given back in part, and shown as it was stored."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
from pymongo import MongoClient
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import PyMongoError

from projections import generations
from projections.payment_details import MODEL
from sandbox.demo.books import prove_books
from sandbox.demo.order import CURRENCY, Order, decimal, new_orders
from sandbox.demo.payer import approve
from sandbox.demo.proof import TITLE_DOCUMENT, prove_document, prove_history, prove_payment
from sandbox.demo.shop_page import ShopPage, shop_page
from sandbox.demo.steps import ANSWER_WITHIN_S, Caller, Step, StepFailed, expect_equal
from sandbox.keys import DEMO_TENANT
from sandbox.stack import Installation

# How long the read model may take to show what a command has answered.
PROJECTED_WITHIN_S = 30.0
PROJECTED_POLL_S = 0.1
CREATED = frozenset({201})
OK = frozenset({200})
REFUSED = frozenset({422})


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPayment:
    """One payment as it is kept: its events, and the documents built from them."""

    payment_id: str
    provider: str
    events: list[dict[str, Any]]
    payment: dict[str, Any]
    document: dict[str, Any]


@dataclass(slots=True, kw_only=True)
class Journey:
    """What came of it.

    Attributes:
        started_at: When the person asked for it, in seconds since 1970.
        first_completed_s: From then to the first completed payment.
        total_s: From then to the end.
    """

    started_at: float
    first_completed_s: float | None = None
    total_s: float = 0.0
    payments: list[StoredPayment] = field(default_factory=list)


async def travel(
    installation: Installation, *, started_at: float, on_step: Callable[[Step], None]
) -> Journey:
    """Take a payment with each provider.

    Args:
        installation: Where everything is.
        started_at: Where the clock of the demo starts, in seconds since 1970.
        on_step: Told of each request and its answer as it happens.

    Raises:
        StepFailed: Something did not come out right; the text says what and why.
    """
    journey = Journey(started_at=started_at)
    limits = httpx.Timeout(ANSWER_WITHIN_S)
    async with (
        httpx.AsyncClient(timeout=limits, trust_env=False) as http,
        shop_page(installation.shop_port) as shop,
    ):
        mongodb: MongoClient[dict[str, Any]] = MongoClient(installation.addresses.mongodb)
        with mongodb:
            documents = await asyncio.to_thread(_payment_details, mongodb[installation.database])
            traveller = _Traveller(installation, http, shop, documents, journey, on_step)
            for order in new_orders():
                journey.payments.append(await traveller.sell(order))
    journey.total_s = time.time() - started_at
    return journey


def _payment_details(
    database: Database[dict[str, Any]],
) -> Collection[dict[str, Any]]:
    """Return the collection that is shown as ``payment_details``."""
    shown = database[generations.COLLECTION].find_one({"_id": f"{MODEL.name}@{MODEL.version}"})
    assert shown is not None, "a projection worker has been live"
    return database[generations.generation_of(MODEL, shown["active"]).collection("")]


def _token(answer: httpx.Response) -> str:
    """What makes a later query show at least the state this answer speaks of."""
    return str(answer.headers.get("Consistency-Token", ""))


@dataclass(frozen=True, slots=True)
class _Traveller:
    """The order service of the demo tenant, and its payers."""

    installation: Installation
    http: httpx.AsyncClient
    shop: ShopPage
    documents: Collection[dict[str, Any]]
    journey: Journey
    on_step: Callable[[Step], None]

    async def sell(self, order: Order) -> StoredPayment:
        """One order, from the first request to what is stored of it."""
        service = Caller(
            self.http,
            "api",
            self.on_step,
            headers={"Authorization": f"Bearer {self.installation.keys.demo}"},
        )
        payment_id, checkout_url = await self._initiate(service, order)
        browser = Caller(self.http, order.provider.lower(), self.on_step)
        arrived = await approve(browser, checkout_url, self.shop)
        told = "The payer is back at the shop"
        expect_equal(told, "paymentId", arrived.get("paymentId"), payment_id, part="api")
        expect_equal(told, "status", arrived.get("status"), "COMPLETED", part="api")
        token = await self._complete(service, order, payment_id)
        token = await self._refund(service, order, payment_id) or token
        stored = await self._look_up(service, order, payment_id, token)
        await self._compare_books(order, stored.payment["providerReference"])
        return stored

    async def _compare_books(self, order: Order, reference: str) -> None:
        name = order.provider.lower()
        auditor = Caller(self.http, name, self.on_step)
        address = self.installation.addresses.as_dict()[name]
        await prove_books(auditor, address, order, reference)

    def _api(self, path: str) -> str:
        return f"{self.installation.addresses.api}/api/v1{path}"

    async def _initiate(self, service: Caller, order: Order) -> tuple[str, str]:
        title = f"The shop asks to be paid {decimal(order.amount_minor)} through {order.provider}"
        answer = await service.call(
            title,
            "POST",
            self._api("/payments/initiate"),
            json=order.initiate_body(DEMO_TENANT, self.shop.url),
            headers={"Idempotency-Key": order.order_id},
            expect=CREATED,
        )
        payment = answer.json()
        prove_payment(title, payment, order, status="AWAITING_PAYER")
        return payment["paymentId"], payment["checkoutUrl"]

    async def _complete(self, service: Caller, order: Order, payment_id: str) -> str:
        """Ask for completion, which the payer's return has done already: nothing is taken twice."""
        title = "The shop makes sure that the payment is complete"
        answer = await service.call(
            title,
            "POST",
            self._api("/payments/complete"),
            json={
                "tenantId": DEMO_TENANT,
                "providerType": order.provider,
                "paymentId": payment_id,
            },
            expect=OK,
        )
        prove_payment(title, answer.json(), order, status="COMPLETED")
        if self.journey.first_completed_s is None:
            self.journey.first_completed_s = time.time() - self.journey.started_at
        return _token(answer)

    async def _refund(self, service: Caller, order: Order, payment_id: str) -> str:
        """Give part back; a provider that cannot is refused before anything is sent to it."""
        amount = order.refund_minor or order.amount_minor
        title = f"The shop gives {decimal(amount)} back"
        if not order.refund_minor:
            title = f"The shop is told that {order.provider} cannot give {decimal(amount)} back"
        answer = await service.call(
            title,
            "POST",
            self._api("/payments/refund"),
            json={
                "tenantId": DEMO_TENANT,
                "paymentId": payment_id,
                "amount": decimal(amount),
                "reason": "Returned by the customer",
            },
            expect=OK if order.refund_minor else REFUSED,
        )
        refund = answer.json()
        if not order.refund_minor:
            expect_equal(title, "code", refund["code"], "refund_not_supported", part="api")
            return ""
        expect_equal(title, "status", refund["status"], "COMPLETED", part="api")
        expect_equal(title, "amount", refund["amount"], decimal(amount), part="api")
        expect_equal(title, "refundedTotal", refund["refundedTotal"], decimal(amount), part="api")
        expect_equal(title, "currency", refund["currency"], CURRENCY, part="api")
        return _token(answer)

    async def _look_up(
        self, service: Caller, order: Order, payment_id: str, token: str
    ) -> StoredPayment:
        """Read what is stored, and compare all three accounts of it."""
        title = "The shop looks the payment up"
        headers = {"Consistency-Token": token, "Prefer": f"wait={PROJECTED_WITHIN_S:.0f}"}
        path = self._api(f"/payments/{payment_id}")
        payment = (await service.call(title, "GET", path, headers=headers, expect=OK)).json()
        prove_payment(title, payment, order, status=order.final_status)
        title = "The shop reads the payment's history"
        events = (await service.call(title, "GET", f"{path}/events", expect=OK)).json()["data"]
        prove_history(title, events, order, payment_id)
        document = await self._document(payment_id, revision=events[-1]["revision"])
        prove_document(document, order, events, payment_id)
        return StoredPayment(
            payment_id=payment_id,
            provider=order.provider,
            events=events,
            payment=payment,
            document=document,
        )

    async def _document(self, payment_id: str, *, revision: int) -> dict[str, Any]:
        """The read model's document, once it has reached the revision."""
        deadline = time.monotonic() + PROJECTED_WITHIN_S
        while True:
            try:
                document = await asyncio.to_thread(self.documents.find_one, {"_id": payment_id})
            except PyMongoError as error:
                raise StepFailed(TITLE_DOCUMENT, repr(error), part="mongodb") from error
            if document is not None and document.get("revision") == revision:
                return document
            if time.monotonic() > deadline:
                raise StepFailed(
                    TITLE_DOCUMENT,
                    f"did not reach revision {revision} within {PROJECTED_WITHIN_S:g} s: {document}",
                    part="projections",
                )
            await asyncio.sleep(PROJECTED_POLL_S)
