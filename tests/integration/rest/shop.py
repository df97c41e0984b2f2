"""An order service and its payers, with the providers' books and the log beside them."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final
from uuid import uuid4

import httpx

from payment_gateway.infrastructure.persistence.eventstoredb import (
    EventStoreDB,
    open_eventstoredb,
)
from tests.contracts.provider_sandbox import token_of
from tests.integration.rest.installation import Installation, client

# Never given out by the gateway itself: those carry the time.
_NUMBERS: Final = count(uuid4().int % 10**12 * 10**6)


def order(**changes: object) -> dict[str, object]:
    """Return what acme asks for in an initiate; ``None`` leaves a field out."""
    body: dict[str, object] = {
        "tenantId": "acme",
        "providerType": "PAYPAL",
        "amount": "19.99",
        "currency": "USD",
        "orderId": "order-1",
        **changes,
    }
    return {name: value for name, value in body.items() if value is not None}


def new_number() -> str:
    return f"ERN-{next(_NUMBERS)}"


@dataclass
class Shop:
    """Acme's order service and its payers, with the provider's books and the log beside them."""

    installation: Installation
    api: httpx.AsyncClient
    paypal: httpx.AsyncClient
    pagadito: httpx.AsyncClient
    store: EventStoreDB = field(repr=False)

    async def initiate(self, **changes: object) -> httpx.Response:
        return await self.api.post("/api/v1/payments/initiate", json=order(**changes))

    async def opened_payment(self, **changes: object) -> dict[str, Any]:
        """Return the answer of an initiate that made a checkout."""
        answer = await self.initiate(**changes)
        assert answer.status_code == 201, answer.text
        body: dict[str, Any] = answer.json()
        return body

    async def command(self, name: str, payment_id: str, **more: object) -> httpx.Response:
        body = {"tenantId": "acme", "paymentId": payment_id, **more}
        return await self.api.post(f"/api/v1/payments/{name}", json=body)

    async def complete(self, payment_id: str, provider: str = "PAYPAL") -> httpx.Response:
        return await self.command("complete", payment_id, providerType=provider)

    async def approve(self, checkout_url: str, funding: str = "instant") -> str:
        """Approve as a PayPal payer and return where their browser is sent."""
        form = {"token": token_of(checkout_url), "funding": funding}
        answer = await self.paypal.post("/checkoutnow/approve", data=form)
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]

    async def pay_at_pagadito(self, checkout_url: str, action: str = "pay") -> str:
        """Pay, or not, as a Pagadito payer and return where their browser is sent."""
        form = {"token": token_of(checkout_url), "action": action}
        answer = await self.pagadito.post("/comercios/pay", data=form)
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]

    async def paid_payment(self, **changes: object) -> str:
        """Return the id of a PayPal payment with its money."""
        payment = await self.opened_payment(**changes)
        await self.approve(payment["checkoutUrl"])
        completed = await self.complete(payment["paymentId"])
        assert completed.json()["status"] == "COMPLETED", completed.text
        return str(payment["paymentId"])

    async def history(self, payment_id: str) -> list[str]:
        """Return the names of what happened to a payment."""
        stored = await self.store.read(f"payment-{payment_id}")
        return [event.type for event in stored.events]

    async def books(self, kind: str, payment_id: str) -> list[dict[str, Any]]:
        """Return a payment's ``orders``, ``captures`` or ``refunds`` as PayPal knows them."""
        ledger = (await self.paypal.get("/_control/ledger")).json()[kind]
        names = [entry.get("customIds") or [entry.get("customId")] for entry in ledger]
        return [entry for entry, ids in zip(ledger, names, strict=True) if payment_id in ids]

    async def traces(self) -> tuple[int, int, int]:
        """Return what grows with anything stored or sent: the log, and both providers' books.

        The answer of a command that came with a key may still be on its way to the log when the caller has it.
        """
        paypal = (await self.paypal.get("/_control/ledger")).json()
        pagadito = (await self.pagadito.get("/_control/ledger")).json()
        return (
            await self.store._client.get_commit_position(filter_exclude=["CommandAnswered"]),
            sum(len(paypal[kind]) for kind in ("orders", "captures", "refunds")),
            len(pagadito["transactions"]),
        )


@asynccontextmanager
async def open_shop(
    installation: Installation, *, url: str | None = None
) -> AsyncGenerator[Shop, None]:
    """Yield acme's order service; faults that were not met are forgotten afterwards."""
    headers = installation.authorization("acme")
    async with (
        client(url or installation.url, headers=headers) as api,
        client(installation.paypal) as paypal,
        client(installation.pagadito) as pagadito,
        open_eventstoredb(installation.settings) as store,
    ):
        yield Shop(installation, api, paypal, pagadito, store)
        for provider in (paypal, pagadito):
            await provider.delete("/_control/faults")


@asynccontextmanager
async def nothing_happens(shop: Shop) -> AsyncGenerator[None, None]:
    """Check that nothing is stored and no provider is told anything."""
    before = await shop.traces()
    yield
    assert await shop.traces() == before


async def send(shop: Shop, path: str, key: str, body: object) -> httpx.Response:
    """Post with another key than acme's."""
    return await shop.api.post(path, json=body, headers=shop.installation.authorization(key))


def refusal(answer: httpx.Response) -> tuple[int, str, str | None]:
    """Return the status, the code and the field at fault of a problem."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    problem = answer.json()
    return answer.status_code, problem["code"], problem.get("param")
