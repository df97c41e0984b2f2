"""Who may do what: no key, a wrong role, another tenant."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx
import pytest

from payment_gateway.asgi import application
from tests.integration.rest.installation import KEYS, Installation, client
from tests.integration.rest.shop import Shop, order, send

UNKNOWN_ID = str(uuid4())
CREDENTIALS = {"clientId": "c", "clientSecret": "s", "webhookId": "w", "sandbox": True}
COMMANDS: dict[str, dict[str, object]] = {
    "initiate": order(),
    "complete": {"tenantId": "acme", "providerType": "PAYPAL", "paymentId": UNKNOWN_ID},
    "refund": {"tenantId": "acme", "paymentId": UNKNOWN_ID},
    "cancel": {"tenantId": "acme", "paymentId": UNKNOWN_ID},
}


def guarded_routes(installation: Installation) -> list[tuple[str, str]]:
    """Return method and address of every route below /api/ but those that take what is signed."""
    paths = application(installation.settings).openapi()["paths"]
    return [
        (method.upper(), path.replace("{", "").replace("}", ""))
        for path, operations in paths.items()
        if path.startswith("/api/") and not path.startswith("/api/v1/webhooks/")
        for method in operations
    ]


def without_ids(answer: httpx.Response) -> dict[str, Any]:
    """Return a problem without what differs from request to request."""
    return {name: value for name, value in answer.json().items() if name != "requestId"}


class TestWithoutAKey:
    async def test_nothing_below_api_is_reached(self, shop: Shop) -> None:
        routes = guarded_routes(shop.installation)
        assert len(routes) > 8
        async with client(shop.installation.url) as anonymous:
            for method, path in [*routes, ("GET", "/api/v1/nothing"), ("POST", "/api/")]:
                answer = await anonymous.request(method, path, json={})
                assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized"), path
                assert answer.headers["www-authenticate"] == "Bearer"
                assert answer.headers["x-request-id"] == answer.json()["requestId"]

    @pytest.mark.parametrize(
        "given",
        [
            "",
            "Bearer",
            "Basic {key}",
            "{key}",
            "Bearer {key}x",
            "Bearer x{key}",
            "Bearer {key} {key}",
            "Bearer gw_test_0000",
            "Bearer " + "k" * 10_000,
            "Bearer \xe9\xff",
        ],
    )
    async def test_what_is_no_key_of_ours(self, shop: Shop, given: str) -> None:
        value = given.replace("{key}", shop.installation.keys["acme"]).encode("latin-1")
        async with client(shop.installation.url) as anonymous:
            headers = httpx.Headers([(b"Authorization", value)])
            answer = await anonymous.get("/api/v1/payments", headers=headers)
        assert answer.status_code == 401
        assert shop.installation.keys["acme"] not in answer.text

    async def test_the_scheme_is_spelled_any_way(self, shop: Shop) -> None:
        headers = {"Authorization": f"bearer  {shop.installation.keys['acme']}"}
        async with client(shop.installation.url, headers=headers) as shouting:
            answer = await shouting.post("/api/v1/payments/cancel", json=COMMANDS["cancel"])
        assert answer.status_code == 404


class TestWithoutTheRole:
    @pytest.mark.parametrize("key", sorted(KEYS.keys() - {"acme", "rival", "bare", "mover"}))
    @pytest.mark.parametrize("name", sorted(COMMANDS))
    async def test_payment_commands(self, shop: Shop, key: str, name: str) -> None:
        answer = await send(shop, f"/api/v1/payments/{name}", key, COMMANDS[name])
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")

    @pytest.mark.parametrize("key", sorted(KEYS.keys() - {"admin"}))
    async def test_administration(self, shop: Shop, key: str) -> None:
        stored = {"tenantId": "acme", "providerType": "PAYPAL", "credentials": CREDENTIALS}
        for path, body in (
            ("/api/v1/providers/credentials", stored),
            ("/api/v1/tenants", {"tenantId": "newcomer"}),
        ):
            answer = await send(shop, path, key, body)
            assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), path

    async def test_queries(self, shop: Shop) -> None:
        headers = shop.installation.authorization("admin")
        for path in ("/api/v1/payments", f"/api/v1/payments/{UNKNOWN_ID}"):
            assert (await shop.api.get(path, headers=headers)).status_code == 403


class TestAnotherTenant:
    @pytest.mark.parametrize("name", sorted(COMMANDS))
    async def test_cannot_be_spoken_for(self, shop: Shop, name: str) -> None:
        before = await shop.traces()
        answer = await send(shop, f"/api/v1/payments/{name}", "rival", COMMANDS[name])
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
        unknown = {**COMMANDS[name], "tenantId": "no-such-tenant"}
        missing = await send(shop, f"/api/v1/payments/{name}", "rival", unknown)
        assert without_ids(missing) == without_ids(answer)
        assert await shop.traces() == before

    @pytest.mark.parametrize("name", ["complete", "refund", "cancel"])
    async def test_has_payments_that_look_like_missing_ones(self, shop: Shop, name: str) -> None:
        payment_id = (await shop.opened_payment())["paymentId"]
        body = {**COMMANDS[name], "tenantId": "rival"}
        answers = [
            await send(shop, f"/api/v1/payments/{name}", "rival", {**body, "paymentId": one})
            for one in (payment_id, UNKNOWN_ID)
        ]
        theirs, missing = answers
        assert theirs.status_code == 404
        assert theirs.text.replace(payment_id, UNKNOWN_ID).replace(
            theirs.json()["requestId"], missing.json()["requestId"]
        ) == (missing.text)
        assert set(theirs.headers) == set(missing.headers)

    @pytest.mark.usefixtures("projections")
    async def test_has_histories_that_look_like_missing_ones(self, shop: Shop) -> None:
        payment_id = (await shop.opened_payment())["paymentId"]
        headers = shop.installation.authorization("rival")
        for path in ("/api/v1/payments/{id}/events", "/api/v1/payments/{id}"):
            theirs, missing = [
                await shop.api.get(path.replace("{id}", one), headers=headers)
                for one in (payment_id, UNKNOWN_ID)
            ]
            assert theirs.status_code == missing.status_code == 404
            assert str(without_ids(theirs)).replace(payment_id, UNKNOWN_ID) == str(
                without_ids(missing)
            )

    async def test_a_token_of_one_tenant_is_none_of_another(self, shop: Shop) -> None:
        token = (await shop.initiate()).headers["consistency-token"]
        headers = shop.installation.authorization("rival")
        answer = await shop.api.get(
            "/api/v1/payments", headers={**headers, "Consistency-Token": token}
        )
        assert (answer.status_code, answer.json()["param"]) == (422, "Consistency-Token")

    async def test_without_an_account_at_the_provider(self, shop: Shop) -> None:
        answer = await send(shop, "/api/v1/payments/initiate", "bare", order(tenantId="bare"))
        assert (answer.status_code, answer.json()["code"]) == (422, "provider_not_configured")
