"""What only a person can settle, answered over REST; and what is parked, which is of all tenants."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.integration.rest.installation import client
from tests.integration.rest.operator import Operator
from tests.integration.rest.shop import Shop
from tests.integration.rest.test_operations import in_question

pytestmark = pytest.mark.xdist_group("rest")


@pytest.fixture
async def operators(shop: Shop) -> AsyncGenerator[httpx.AsyncClient]:
    """Ask as an operator of all tenants."""
    url = shop.installation.url
    async with client(url, headers=shop.installation.authorization("admin")) as admin:
        body = {"tenantId": "*", "roles": ["operator"], "name": "operations"}
        made = await admin.post("/api/v1/apikeys", json=body)
    assert made.status_code == 201, made.text
    async with client(url, headers={"Authorization": f"Bearer {made.json()['key']}"}) as asking:
        yield asking


@pytest.fixture
async def waiting(shop: Shop) -> AsyncGenerator[str]:
    """Yield a payment that waits for a person."""
    operator = Operator(shop, f"operator-{uuid4().hex[:12]}")
    yield await in_question(shop, operator)
    await operator.drop()


async def resolve(
    operators: httpx.AsyncClient, payment_id: str, *, key: str | None = None, **body: Any
) -> httpx.Response:
    whole = {"tenantId": "acme", "note": "in the activity list", **body}
    headers = {"Idempotency-Key": key} if key else {}
    return await operators.post(
        f"/api/v1/payments/{payment_id}/resolve", json=whole, headers=headers
    )


class TestResolve:
    async def test_part_of_the_money_was_taken(
        self, shop: Shop, operators: httpx.AsyncClient, waiting: str
    ) -> None:
        found = {"answer": "completed", "amount": "12.50", "providerReference": "CAP1"}
        key = str(uuid4())
        answer = await resolve(operators, waiting, key=key, **found)
        assert answer.status_code == 200, answer.text
        assert answer.json()["status"] == "COMPLETED"
        assert answer.json()["captured"] == "12.50"
        assert answer.headers["consistency-token"]

        again = await resolve(operators, waiting, key=key, **found)
        assert (again.status_code, again.json()) == (200, answer.json())
        events = (await shop.store.read(f"payment-{waiting}")).events
        assert len(events) == int(answer.headers["etag"].strip('"')) + 1
        assert any("activity list" in str(one.event) for one in events)

        contrary = await resolve(operators, waiting, answer="failed")
        assert (contrary.status_code, contrary.json()["code"]) == (409, "payment_state_conflict")

    async def test_what_does_not_fit_the_question_is_refused(
        self, operators: httpx.AsyncClient, waiting: str
    ) -> None:
        for body in (
            {"answer": "perhaps"},
            {"answer": "completed", "amount": "19.990"},
            {"answer": "failed", "amount": "1.00"},
            {"answer": "failed", "note": ""},
        ):
            answer = await resolve(operators, waiting, **body)
            assert answer.status_code == 422, (body, answer.text)

    async def test_a_payment_of_another_tenant_is_not_there(
        self, operators: httpx.AsyncClient, waiting: str
    ) -> None:
        answer = await resolve(operators, waiting, answer="failed", tenantId="other")
        assert (answer.status_code, answer.json()["code"]) == (404, "payment_not_found")


class TestDeadLetters:
    async def test_an_operator_of_one_tenant_sees_none(self, shop: Shop) -> None:
        url = shop.installation.url
        async with client(url, headers=shop.installation.authorization("admin")) as admin:
            body = {"tenantId": "acme", "roles": ["operator"], "name": "one tenant"}
            key = (await admin.post("/api/v1/apikeys", json=body)).json()["key"]
            listed = await admin.get(
                "/api/v1/deadletters", headers={"Authorization": f"Bearer {key}"}
            )
        assert (listed.status_code, listed.json()["code"]) == (403, "needs_all_tenants")

    async def test_what_is_not_parked_is_not_found(self, operators: httpx.AsyncClient) -> None:
        for letter in ("nothing_g1.0:1", "webhook-paypal.WH-none"):
            path = f"/api/v1/deadletters/{letter}"
            for answer in (
                await operators.get(path),
                await operators.post(f"{path}/replay", json={"dryRun": True}),
                await operators.post(f"{path}/discard", json={"reason": "none"}),
            ):
                assert (answer.status_code, answer.json()["code"]) == (
                    404,
                    "dead_letter_not_found",
                ), answer.text
