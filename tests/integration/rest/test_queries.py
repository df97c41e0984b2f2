"""What was commanded is seen by the next query that says what it has seen."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.rest.installation import client
from tests.integration.rest.shop import Shop


@pytest.mark.usefixtures("projections")
async def test_a_command_is_seen_by_who_sends_its_token(shop: Shop) -> None:
    custom = {
        "rate": 1.50,
        "many": [1, None, True, "\u00e9\U0001f600"],
        "big": 12345678901234567890,
    }
    opened = await shop.initiate(customParams=custom, customer={"reference": "c-1", "name": "Ana"})
    payment_id = opened.json()["paymentId"]
    seen = {"Consistency-Token": opened.headers["consistency-token"], "Prefer": "wait=20"}
    answer = await shop.api.get(f"/api/v1/payments/{payment_id}", headers=seen)
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()
    assert shown["customParams"] == custom
    assert shown["customer"] == {"reference": "c-1", "name": "Ana"}
    for field in opened.json():
        if field != "expiresAt":
            assert shown[field] == opened.json()[field], field
    cancelled = await shop.command("cancel", payment_id)
    seen["Consistency-Token"] = cancelled.headers["consistency-token"]
    answer = await shop.api.get(f"/api/v1/payments/{payment_id}", headers=seen)
    assert (answer.json()["status"], answer.json()["revision"]) == ("CANCELLED", 3)


@pytest.mark.usefixtures("projections")
async def test_who_speaks_for_all_tenants_asks_about_one_with_any_token_of_theirs(
    shop: Shop,
) -> None:
    url, keys = shop.installation.url, shop.installation.authorization
    async with client(url, headers=keys("admin")) as admin:
        of_all = (await admin.get("/api/v1/tenants")).headers["consistency-token"]
        renamed = await admin.patch("/api/v1/tenants/rival", json={"name": "The rival"})
    for token in (of_all, renamed.headers["consistency-token"]):
        told = {"Consistency-Token": token, "Prefer": "wait=20"}
        async with client(url, headers=keys("auditor")) as auditor:
            shown = await auditor.get("/api/v1/audit", params={"tenantId": "acme"}, headers=told)
        assert shown.status_code == 200, shown.text
        foreign = await shop.api.get("/api/v1/payments", headers=told)
        assert (foreign.status_code, foreign.json()["param"]) == (422, "Consistency-Token")


async def test_what_is_not_seen_yet_is_not_hidden_by_an_old_answer(shop: Shop) -> None:
    opened = await shop.initiate()
    headers = {"Consistency-Token": opened.headers["consistency-token"], "Prefer": "wait=0"}
    answer = await shop.api.get("/api/v1/payments", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (503, "not_yet")
    assert answer.json()["retryable"] is True
    assert int(answer.headers["retry-after"]) >= 1


@pytest.mark.parametrize("token", ["x", "A" * 32, "A" * 5000, "=", "\u00e9"])
async def test_a_token_that_is_none_is_refused(shop: Shop, token: str) -> None:
    headers = [(b"Consistency-Token", token.encode("latin-1"))]
    answer = await shop.api.get("/api/v1/payments", headers=headers)
    assert (answer.status_code, answer.json()["param"]) == (422, "Consistency-Token")


async def test_addresses_and_methods_that_are_none(shop: Shop) -> None:
    missing = await shop.api.get("/api/v1/nothing")
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")
    slash = await shop.api.post("/api/v1/payments/cancel/", json={})
    assert (slash.status_code, slash.json()["code"]) == (404, "not_found")
    wrong = await shop.api.delete("/api/v1/payments/initiate")
    assert (wrong.status_code, wrong.json()["code"]) == (405, "method_not_allowed")
    assert wrong.headers["allow"] == "POST"


async def test_the_page_of_error_codes_leads_on_from_each_problem(shop: Shop) -> None:
    problem = (await shop.initiate(amount="0")).json()
    page = await shop.api.get(problem["type"].partition("#")[0])
    assert page.status_code == 200
    assert f"id={problem['code']}" in page.text
