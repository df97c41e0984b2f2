"""The lines of a request say whose it is and what it is about, and no other request's."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from tests.integration.rest.installation import Installation, client
from tests.integration.rest.shop import Shop, order

WAIT_S = 30.0


def answered(installation: Installation, request_id: str) -> list[dict[str, Any]]:
    lines = (
        json.loads(line) for line in installation.log.read_text().splitlines() if line[:1] == "{"
    )
    return [
        line
        for line in lines
        if line.get("request_id") == request_id and line["event"] == "request.answered"
    ]


async def written(installation: Installation, request_id: str) -> dict[str, Any]:
    """Return the one line; it comes after the answer."""
    async with asyncio.timeout(WAIT_S):
        while not (lines := answered(installation, request_id)):
            await asyncio.sleep(0.05)
    (line,) = lines
    return line


async def test_a_command_is_found_by_its_payment_tenant_and_correlation(
    installation: Installation, shop: Shop
) -> None:
    headers = {**installation.authorization("acme"), "X-Request-Id": "log-lines-0001"}
    async with client(installation.url, headers=headers) as api:
        opened = await api.post("/api/v1/payments/initiate", json=order())
        payment_id = opened.json()["paymentId"]
        await api.get("/api/v1/payments/none", headers={"X-Request-Id": "log-lines-0002"})

    line = await written(installation, "log-lines-0001")
    assert line["payment_id"] == payment_id
    assert line["tenant_id"] == "acme"
    stored = await shop.store.read(f"payment-{payment_id}")
    assert {one.context.correlation_id for one in stored.events} == {line["correlation_id"]}
    other = await written(installation, "log-lines-0002")
    assert "payment_id" not in other
    assert other["tenant_id"] == "acme"
