"""Tenants and their accounts at providers, as an admin keeps them."""

from __future__ import annotations

from uuid import uuid4

import pytest

from tests.integration.rest.shop import Shop, nothing_happens, refusal, send

CREDENTIALS = {"clientId": "c", "clientSecret": "s", "webhookId": "w", "sandbox": True}


class TestTenants:
    async def test_are_created_by_an_admin_once(self, shop: Shop) -> None:
        tenant = {"tenantId": f"t-{uuid4().hex[:8]}", "returnUrls": ["https://Shop.example/x"]}
        created = await send(shop, "/api/v1/tenants", "admin", tenant)
        again = await send(shop, "/api/v1/tenants", "admin", tenant)
        assert (created.status_code, again.status_code) == (201, 201)
        shown = await shop.api.get(
            f"/api/v1/tenants/{tenant['tenantId']}",
            headers=shop.installation.authorization("admin"),
        )
        assert shown.json() == created.json() == again.json()
        assert shown.json()["returnUrls"] == ["https://shop.example:443"]
        other = await send(shop, "/api/v1/tenants", "admin", {**tenant, "name": "Other"})
        assert (other.status_code, other.json()["code"]) == (409, "tenant_exists")

    @pytest.mark.parametrize("tenant_id", ["", "Acme", "-a", "a b", "a" * 64, "\u00e4", "*"])
    async def test_with_an_id_of_another_form_are_refused(self, shop: Shop, tenant_id: str) -> None:
        answer = await send(shop, "/api/v1/tenants", "admin", {"tenantId": tenant_id})
        assert (answer.status_code, answer.json()["param"]) == (422, "tenantId")

    async def test_that_are_not_there(self, shop: Shop) -> None:
        admin = shop.installation.authorization("admin")
        answer = await shop.api.get("/api/v1/tenants/nobody", headers=admin)
        assert (answer.status_code, answer.json()["code"]) == (404, "tenant_not_found")
        stored = {"tenantId": "nobody", "providerType": "PAYPAL", "credentials": CREDENTIALS}
        answer = await send(shop, "/api/v1/providers/credentials", "admin", stored)
        assert (answer.status_code, answer.json()["code"]) == (404, "tenant_not_found")


class TestCredentials:
    async def test_the_same_set_again_is_the_same_version(self, shop: Shop) -> None:
        tenant = {"tenantId": f"t-{uuid4().hex[:8]}"}
        await send(shop, "/api/v1/tenants", "admin", tenant)
        stored = {**tenant, "providerType": "PAGADITO"}
        path = "/api/v1/providers/credentials"
        answers = []
        for wsk in ("wsk-1", "wsk-1", "wsk-2"):
            account = {"uid": "u", "wsk": wsk, "sandbox": True}
            answer = await send(shop, path, "admin", {**stored, "credentials": account})
            assert (answer.status_code, wsk in answer.text) == (200, False)
            answers.append(answer.json())
        first, again, replaced = answers
        assert first == again
        assert [first["version"], replaced["version"]] == [1, 2]
        assert first["fingerprint"] != replaced["fingerprint"]
        assert {key: first[key] for key in (*stored, "sandbox")} == {**stored, "sandbox": True}

    @pytest.mark.parametrize(
        "changes",
        [
            {"clientSecret": None},
            {"clientSecret": 5},
            {"clientSecret": ""},
            {"clientSecret": "a\nb-planted"},
            {"clientSecret": "x" * 5000},
            {"sandbox": "true"},
            {"planted": "planted"},
            {"clientSecret": {"planted": "planted"}},
        ],
        ids=lambda changes: str(changes)[:40],
    )
    async def test_that_are_none_are_refused_and_not_repeated(
        self, shop: Shop, changes: dict[str, object]
    ) -> None:
        account = {"clientId": "c", "clientSecret": "s-planted", "webhookId": "w", "sandbox": True}
        changed = {name: value for name, value in {**account, **changes}.items() if value != ""}
        body = {"tenantId": "acme", "providerType": "PAYPAL", "credentials": changed}
        admin = shop.installation.authorization("admin")
        async with nothing_happens(shop):
            answer = await shop.api.post("/api/v1/providers/credentials", json=body, headers=admin)
            assert refusal(answer) == (422, "invalid_value", "credentials")
            assert "planted" not in answer.text
