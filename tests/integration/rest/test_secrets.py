"""Nothing secret or personal is seen in clear: not in an answer, not in a log line, not in the log of events."""

from __future__ import annotations

import asyncio
import json
from uuid import uuid4

import httpx
from esdbclient import EventStoreDBClient

from tests.contracts.provider_sandbox import script_fault
from tests.integration.rest.installation import CLIENT_SECRET, WSK
from tests.integration.rest.shop import Shop, order

PAN = "4111111111111111"
LOGGED_WITHIN_S = 15.0


def planted() -> dict[str, str]:
    """Return texts that occur nowhere else."""
    return {
        name: f"planted-{name}-{uuid4().hex[:12]}" for name in ("email", "name", "phone", "param")
    }


def stored_bytes(shop: Shop) -> bytes:
    """Return all that the event store holds, as it holds it."""
    reader = EventStoreDBClient(shop.installation.settings.eventstore_uri.get_secret_value())
    try:
        events = reader.read_all(filter_exclude=[r"\$.*"], resolve_links=False)
        return b"\n".join(event.data + event.metadata for event in events)
    finally:
        reader.close()


async def everything_a_shop_does(shop: Shop, personal: dict[str, str]) -> list[httpx.Response]:
    """Pay, refund, fail and be refused, with planted texts in every field that takes some."""
    body = {
        "customer": {
            "reference": personal["name"],
            "name": personal["name"],
            "email": personal["email"],
            "phone": personal["phone"],
        },
        "customParams": {"note": personal["param"]},
    }
    answers = [await shop.initiate(**body), await shop.initiate(providerType="PAGADITO", **body)]
    for answer in answers[:1]:
        await shop.approve(answer.json()["checkoutUrl"])
        answers.append(await shop.complete(answer.json()["paymentId"]))
        answers.append(await shop.command("refund", answer.json()["paymentId"], amount="1.00"))
    await script_fault(shop.paypal, "create_order", "drop_after")
    answers.append(await shop.initiate(**body))
    answers.append(await shop.initiate(**{**body, "amount": "-1"}))
    answers.append(await shop.initiate(**body, cardNumber=PAN))
    answers.append(await shop.initiate(**{**body, "orderId": [PAN]}))
    answers.append(await shop.initiate(currency=PAN, **body))
    answers.append(
        await shop.api.post(
            "/api/v1/payments/initiate",
            content=json.dumps(order(**body)).replace("{", "{{", 1),
            headers={"Content-Type": "application/json"},
        )
    )
    return answers


async def test_what_is_planted_is_found_nowhere(shop: Shop) -> None:
    personal = planted()
    answers = await everything_a_shop_does(shop, personal)
    admin = shop.installation.authorization("admin")
    account = {"uid": "u", "wsk": WSK, "sandbox": True}
    stored = {"tenantId": "mover", "providerType": "PAGADITO", "credentials": account}
    answers.append(await shop.api.post("/api/v1/providers/credentials", json=stored, headers=admin))
    answers.append(
        await shop.api.get("/api/v1/payments", headers={"Authorization": f"Bearer x{PAN}"})
    )
    secrets = [CLIENT_SECRET, WSK, PAN, *personal.values(), *shop.installation.keys.values()]
    places = {
        "answers": b"\n".join(answer.content for answer in answers),
        "headers": b"\n".join(str(answer.headers).encode() for answer in answers),
        "logs": shop.installation.log.read_bytes(),
        "events": stored_bytes(shop),
    }
    assert b"request.answered" in places["logs"]
    assert b'"personal"' in places["events"]
    for place, content in places.items():
        for secret in secrets:
            assert secret.encode() not in content, place


def lines_of(shop: Shop, request_id: str) -> list[dict[str, object]]:
    lines = [json.loads(line) for line in shop.installation.log.read_text().splitlines()]
    return [line for line in lines if line.get("request_id") == request_id]


async def test_each_log_line_is_json_with_the_request_and_its_caller(shop: Shop) -> None:
    request_id = f"logged-{uuid4().hex}"
    await shop.api.get(
        "/api/v1/providers/status?tenantId=acme", headers={"X-Request-Id": request_id}
    )
    async with asyncio.timeout(LOGGED_WITHIN_S):
        while not (found := lines_of(shop, request_id)):  # written once the answer is on its way
            await asyncio.sleep(0.05)
    (line,) = found
    assert {key: line[key] for key in ("event", "method", "path", "status", "actor")} == {
        "event": "request.answered",
        "method": "GET",
        "path": "/api/v1/providers/status",
        "status": 200,
        "actor": "apikey:acme",
    }
    assert (line["tenant_id"], line["process"], line["level"]) == ("acme", "api", "info")


async def test_no_request_of_these_tests_failed(shop: Shop) -> None:
    lines = [json.loads(line) for line in shop.installation.log.read_text().splitlines()]
    assert [line for line in lines if line["event"] == "request.failed"] == []
