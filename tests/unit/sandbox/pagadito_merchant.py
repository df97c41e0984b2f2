"""A merchant of the simulated Pagadito, and its payer, for tests in one process."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from sandbox.providers.pagadito.app import create_pagadito_app
from sandbox.providers.pagadito.rules import PagaditoRules
from sandbox.providers.store import open_store

ORIGIN = "http://pagadito.test"
UID, WSK = "a" * 32, "b" * 32
CONNECT = "f3f191ce3326905ff4403bb05b0de150"
EXEC_TRANS = "41216f8caf94aaa598db137e36d4673e"
GET_STATUS = "0b50820c65b0de71ce78f6221a5cf876"
GET_EXCHANGE_RATE = "da6b597cfcd0daf129287758b3c73b76"
TEMPLATE = "https://shop.test/back?token={value}&ern={ern_value}"
LINE = {"quantity": 2, "description": "Tea", "price": 7.75, "url_product": ""}


class PagaditoMerchant:
    """Calls of one merchant over APIPG."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def register(self, **changes: Any) -> None:
        body = {"uid": UID, "wsk": WSK, "returnUrlTemplate": TEMPLATE} | changes
        assert (await self.http.post("/_control/merchants", json=body)).status_code == 200

    async def call(self, operation: str, **fields: str) -> dict[str, Any]:
        form = {"operation": operation, "format_return": "json"} | fields
        answer = await self.http.post("/comercios/apipg/charges.php", data=form)
        assert answer.status_code == 200
        body: dict[str, Any] = answer.json()
        return body

    async def connect(self) -> str:
        answer = await self.call(CONNECT, uid=UID, wsk=WSK)
        assert answer["code"] == "PG1001"
        token: str = answer["value"]
        return token

    async def charge(self, **changes: Any) -> tuple[str, dict[str, Any]]:
        """Register a charge of 15.50 under a new session; return its token and the answer."""
        fields = {
            "token": changes.pop("token", None) or await self.connect(),
            "ern": "ERN-1",
            "amount": "15.50",
            "currency": "USD",
            "details": json.dumps(changes.pop("lines", [LINE])),
            "custom_params": "[]",
            "allow_pending_payments": "false",
        } | changes
        return fields["token"], await self.call(EXEC_TRANS, **fields)

    async def status(self, token: str) -> dict[str, Any]:
        answer = await self.call(GET_STATUS, token=await self.connect(), token_trans=token)
        assert answer["code"] == "PG1003"
        value: dict[str, Any] = answer["value"]
        return value

    async def act(self, token: str, action: str) -> httpx.Response:
        return await self.http.post("/comercios/pay", data={"token": token, "action": action})

    async def advance_clock(self, seconds: int) -> None:
        await self.http.post("/_control/clock", json={"advanceSeconds": seconds})

    async def books(self) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = (await self.http.get("/_control/ledger")).json()[
            "transactions"
        ]
        return entries


@asynccontextmanager
async def pagadito_merchant(
    folder: Path, rules: PagaditoRules | None = None
) -> AsyncIterator[PagaditoMerchant]:
    with open_store(folder / "pagadito.sqlite3") as store:
        app = create_pagadito_app(store, public_url=ORIGIN, rules=rules)
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url=ORIGIN) as http,
        ):
            merchant = PagaditoMerchant(http)
            await merchant.register()
            yield merchant
