"""A merchant of the simulated PayPal, and its payer, for tests in one process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from sandbox.providers.paypal.app import create_paypal_app
from sandbox.providers.paypal.rules import PayPalRules
from sandbox.providers.store import open_store

ORIGIN = "http://paypal.test"
FULL = "return=representation"


def unit(value: str = "15.50", currency: str = "USD", **more: Any) -> dict[str, Any]:
    """Return a purchase unit."""
    return {"amount": {"currency_code": currency, "value": value}} | more


def order(*units: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return a request to create an order whose payer comes back to a shop."""
    context = {"return_url": "https://shop.test/back?cart=7", "cancel_url": "https://shop.test/no"}
    return {
        "intent": "CAPTURE",
        "purchase_units": list(units) or [unit()],
        "payment_source": {"paypal": {"experience_context": context}},
    } | more


class PayPalMerchant:
    """Calls of one merchant; every method returns the raw response."""

    def __init__(self, http: httpx.AsyncClient, client_id: str = "shop") -> None:
        self.http = http
        self.client_id = client_id
        self._token = ""

    async def register(self, **more: str) -> None:
        body = {"clientId": self.client_id, "clientSecret": "secret", "webhookId": "WH-1"} | more
        assert (await self.http.post("/_control/merchants", json=body)).status_code == 200
        await self.log_in()

    async def log_in(self) -> None:
        answer = await self.http.post(
            "/v1/oauth2/token",
            data={"grant_type": "client_credentials"},
            auth=(self.client_id, "secret"),
        )
        self._token = answer.json()["access_token"]

    async def get(self, path: str) -> httpx.Response:
        return await self.http.get(path, headers={"Authorization": f"Bearer {self._token}"})

    async def post(
        self, path: str, body: Any = None, *, key: str | None = None, **headers: str
    ) -> httpx.Response:
        sent = {"Authorization": f"Bearer {self._token}", "Prefer": FULL}
        if key is not None:
            sent["PayPal-Request-Id"] = key
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.http.post(path, json={} if body is None else body, headers=sent)

    async def post_bytes(self, path: str, body: bytes) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        return await self.http.post(path, content=body, headers=headers)

    async def create(self, body: Any = None, *, key: str | None = None) -> httpx.Response:
        return await self.post("/v2/checkout/orders", order() if body is None else body, key=key)

    async def capture(self, order_id: str, *, key: str | None = None) -> httpx.Response:
        return await self.post(f"/v2/checkout/orders/{order_id}/capture", key=key)

    async def refund(
        self, capture_id: str, body: Any = None, *, key: str | None = None
    ) -> httpx.Response:
        return await self.post(f"/v2/payments/captures/{capture_id}/refund", body, key=key)

    async def approve(self, order_id: str, funding: str = "instant") -> httpx.Response:
        form = {"token": order_id, "funding": funding}
        return await self.http.post("/checkoutnow/approve", data=form)

    async def approved(self, body: Any = None, funding: str = "instant") -> str:
        """Create an order, let the payer approve it, return its id."""
        order_id: str = (await self.create(body)).json()["id"]
        assert (await self.approve(order_id, funding)).status_code == 303
        return order_id

    async def captured(self, body: Any = None, funding: str = "instant") -> str:
        """Take the money of a new order, return the first capture's id."""
        answer = (await self.capture(await self.approved(body, funding))).json()
        capture_id: str = answer["purchase_units"][0]["payments"]["captures"][0]["id"]
        return capture_id

    async def advance_clock(self, seconds: float) -> None:
        answer = await self.http.post("/_control/clock", json={"advanceSeconds": seconds})
        assert answer.status_code == 200

    async def ledger(self) -> dict[str, Any]:
        books: dict[str, Any] = (await self.http.get("/_control/ledger")).json()
        return books


@asynccontextmanager
async def paypal_merchant(
    folder: Path, rules: PayPalRules | None = None
) -> AsyncIterator[PayPalMerchant]:
    """Open a simulated PayPal with one registered merchant."""
    with open_store(folder / "paypal.sqlite3") as store:
        app = create_paypal_app(store, public_url=ORIGIN, rules=rules)
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url=ORIGIN) as http,
        ):
            merchant = PayPalMerchant(http)
            await merchant.register()
            yield merchant


def issues(answer: httpx.Response) -> list[str]:
    """Return the issues of PayPal's error document."""
    return [detail["issue"] for detail in answer.json()["details"]]
