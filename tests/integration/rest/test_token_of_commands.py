"""Every command's answer says where the log is then: no command can be forgotten, over REST or GraphQL."""

from __future__ import annotations

import asyncio
import base64
import json
import sys
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

import httpx
import pytest
from fastapi.routing import APIRoute

from payment_gateway.presentation.graphql.schema import SCHEMA
from payment_gateway.presentation.rest.idempotency import is_idempotent
from tests.child_process import running
from tests.http_receiver import http_receiver
from tests.integration.rest.installation import Installation, client
from tests.integration.rest.operator import Operator
from tests.integration.rest.parked import parked_notification
from tests.integration.rest.shop import Shop, order
from tests.integration.rest.test_access_rules import routes
from tests.integration.rest.test_operations import in_question

WITHIN_S: Final = 30.0
LOOK_EVERY_S: Final = 0.05
POSITION_BYTES: Final = 8
WORK: Final = (sys.executable, "-m", "payment_gateway", "work")
READ_MODEL: Final = "order_payments"
PROJECT: Final = (sys.executable, "-m", "payment_gateway", "projections", "run", READ_MODEL)
ACCOUNT: Final = {"clientId": "c", "clientSecret": "s", "webhookId": "w", "sandbox": True}
TENANTS, KEYS, ENDPOINTS = "/api/v1/tenants", "/api/v1/apikeys", "/api/v1/webhook-endpoints"

Answered = tuple[str, httpx.Response]


@dataclass(frozen=True)
class World:
    """Whoever gives the commands: each method yields commands as the table of routes names them."""

    shop: Shop
    admin: httpx.AsyncClient
    operators: httpx.AsyncClient

    async def payments(self) -> AsyncIterator[Answered]:
        opened = await self.shop.initiate()
        yield "POST /api/v1/payments/initiate", opened
        cancelled = await self.shop.command("cancel", opened.json()["paymentId"])
        yield "POST /api/v1/payments/cancel", cancelled
        payment = await self.shop.opened_payment(customParams={"a": 1})
        await self.shop.approve(payment["checkoutUrl"])
        name = payment["paymentId"]
        yield "POST /api/v1/payments/complete", await self.shop.complete(name)
        yield "POST /api/v1/payments/refund", await self.shop.command("refund", name)
        parts = [{"providerType": "PAYPAL", "amount": amount} for amount in ("10.00", "9.99")]
        asked = order(parts=parts, providerType=None)
        split = await self.shop.api.post("/api/v1/payments/split", json=asked)
        yield "POST /api/v1/payments/split", split
        forget = {"tenantId": "acme", "reference": name}
        forgotten = await self.admin.post("/api/v1/subjects/forget", json=forget)
        yield "POST /api/v1/subjects/forget", forgotten

    async def operating(self) -> AsyncIterator[Answered]:
        operator = Operator(self.shop, f"tokens-{uuid4().hex[:12]}")
        waiting = await in_question(self.shop, operator)
        await operator.drop()
        found = {"tenantId": "acme", "answer": "failed", "note": "not in the list"}
        resolved = await self.operators.post(f"/api/v1/payments/{waiting}/resolve", json=found)
        yield "POST /api/v1/payments/{paymentId}/resolve", resolved
        for step, body in {"replay": {}, "discard": {"reason": "a test"}}.items():
            letter = await parked_notification(self.shop.store, "acme")
            answer = await self.operators.post(f"/api/v1/deadletters/{letter}/{step}", json=body)
            yield f"POST /api/v1/deadletters/{{letterId}}/{step}", answer

    async def administering(self) -> AsyncIterator[Answered]:
        tenant = f"t-{uuid4().hex[:8]}"
        path = f"{TENANTS}/{tenant}"
        yield f"POST {TENANTS}", await self.admin.post(TENANTS, json={"tenantId": tenant})
        changed = await self.admin.patch(path, json={"name": "Other"})
        yield f"PATCH {TENANTS}/{{tenant_id}}", changed
        stored = {"tenantId": tenant, "providerType": "PAYPAL", "credentials": ACCOUNT}
        kept = await self.admin.post("/api/v1/providers/credentials", json=stored)
        yield "POST /api/v1/providers/credentials", kept
        made = await self.admin.post(KEYS, json={"tenantId": tenant, "roles": ["viewer"]})
        yield f"POST {KEYS}", made
        key = f"{KEYS}/{made.json()['id']}"
        yield f"POST {KEYS}/{{id}}/rotate", await self.admin.post(f"{key}/rotate", json={})
        yield f"DELETE {KEYS}/{{id}}", await self.admin.delete(key)
        yield f"DELETE {TENANTS}/{{tenant_id}}", await self.admin.delete(path)

    async def endpoints(self) -> AsyncIterator[Answered]:
        begun = datetime.now(UTC).isoformat()
        async with http_receiver() as receiver:
            wanted = {"tenantId": "acme", "url": receiver.url, "types": ["DisputeOpened"]}
            made = await self.admin.post(ENDPOINTS, json=wanted)
            yield f"POST {ENDPOINTS}", made
            path, named = f"{ENDPOINTS}/{made.json()['id']}", f"{ENDPOINTS}/{{endpoint_id}}"
            yield f"PATCH {named}", await self.admin.patch(path, json={"types": []})
            yield f"POST {named}/rotate", await self.admin.post(f"{path}/rotate")
            tested = await self.admin.post(f"{path}/test")
            yield f"POST {named}/test", tested
            delivery = f"/api/v1/webhook-deliveries/{tested.json()['deliveryId']}"
            await self._until_delivered(delivery, attempts=1)
            resent = await self.admin.post(f"{delivery}/resend")
            yield "POST /api/v1/webhook-deliveries/{delivery_id}/resend", resent
            await self._until_delivered(delivery, attempts=2)
            between = {"from": begun, "to": "2100-01-01T00:00:00Z", "statuses": ["DELIVERED"]}
            yield f"POST {named}/resend", await self.admin.post(f"{path}/resend", json=between)
            yield f"DELETE {named}", await self.admin.delete(path)

    async def projecting(self) -> AsyncIterator[Answered]:
        await self._until_active(lambda _: True)
        for step in ("verify", "pause", "resume"):
            yield await self._step(step)
        begun = await self._step("rebuild")
        yield begun
        await self._until_active(lambda number: number == begun[1].json()["generation"])
        yield await self._step("rollback")
        yield await self._step("rebuild", rate=0.1)
        yield await self._step("cancel")

    async def _step(self, step: str, **body: object) -> Answered:
        answer = await self.operators.post(f"/api/v1/projections/{READ_MODEL}/{step}", json=body)
        return f"POST /api/v1/projections/{{name}}/{step}", answer

    async def _until_active(self, is_wanted: Callable[[int], bool]) -> None:
        deadline = time.monotonic() + WITHIN_S
        while True:
            found = (await self.operators.get("/api/v1/projections")).json()["data"]
            mine = [one for one in found if one["readModel"] == READ_MODEL]
            if any(one["state"] == "active" and is_wanted(one["generation"]) for one in mine):
                return
            assert time.monotonic() < deadline, mine
            await asyncio.sleep(LOOK_EVERY_S)

    async def _until_delivered(self, path: str, *, attempts: int) -> None:
        deadline = time.monotonic() + WITHIN_S
        while True:
            found = (await self.admin.get(path)).json()
            if (found.get("status"), found.get("attempts")) == ("DELIVERED", attempts):
                return
            assert time.monotonic() < deadline, found
            await asyncio.sleep(LOOK_EVERY_S)


@pytest.fixture
async def world(shop: Shop) -> AsyncGenerator[World, None]:
    authorization, url = shop.installation.authorization, shop.installation.url
    everywhere = {"tenantId": "*", "roles": ["operator"]}
    async with client(url, headers=authorization("admin")) as admin:
        key = (await admin.post(KEYS, json=everywhere)).json()["key"]
        async with client(url, headers={"Authorization": f"Bearer {key}"}) as operators:
            yield World(shop, admin, operators)


def position_of(token: str) -> int:
    raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    return int.from_bytes(raw[:POSITION_BYTES], "big")


def commands(installation: Installation) -> set[str]:
    """Return every command there is; a route that changes something and is none fails another test."""
    return {
        name
        for name, route in routes(installation)
        if isinstance(route, APIRoute) and is_idempotent(route.endpoint)
    }


async def told(world: World, answers: AsyncIterator[Answered]) -> set[str]:
    """Return which commands were given, each of which told a position that it is at or before."""
    seen, before = set(), await world.shop.store.head()
    async for name, answer in answers:
        assert answer.is_success, f"{name}: {answer.text}"
        token = answer.headers.get("consistency-token")
        assert token, f"{name} tells no position"
        assert position_of(token) > before, f"{name} tells of a time before it"
        seen.add(name)
        before = await world.shop.store.head()
    return seen


async def test_every_command_over_rest(installation: Installation, world: World) -> None:
    seen: set[str] = set()
    with running(WORK, log=installation.folder / "work.log", env=installation.environment):
        for part in (world.payments, world.operating, world.administering, world.endpoints):
            seen |= await told(world, part())
    log = installation.folder / "projections.log"
    with running(PROJECT, log=log, env=installation.environment):
        seen |= await told(world, world.projecting())
    assert seen == commands(installation), "call each command here"


async def test_every_mutation_over_graphql(world: World) -> None:
    shop = world.shop
    payment = await shop.opened_payment()
    await shop.approve(payment["checkoutUrl"])
    of = 'tenantId: "acme", providerType: "PAYPAL"'
    account = json.dumps(json.dumps({**ACCOUNT, "clientId": "acme"}))
    asked: dict[str, tuple[httpx.AsyncClient, str]] = {
        "initiatePayment": (shop.api, f'{of}, amount: 5, currency: "USD", orderId: "t-1"'),
        "completePayment": (shop.api, f'{of}, paymentId: "{payment["paymentId"]}"'),
        "saveOrUpdateProviderKeys": (
            world.admin,
            f'tenantId: "mover", providerType: "PAYPAL", credentials: {account}',
        ),
    }
    mutation: Any = SCHEMA._schema.mutation_type
    assert asked.keys() == mutation.fields.keys(), "call each mutation here"
    for name, (api, arguments) in asked.items():
        answer = await api.post("/graphql", json={"query": f"mutation {{ {name}({arguments}) }}"})
        assert answer.json().get("errors") is None, answer.text
        assert answer.headers.get("consistency-token"), f"{name} tells no position"
