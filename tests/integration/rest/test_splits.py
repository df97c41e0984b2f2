"""Orders in parts, over both providers' simulators, with real reactors that may be killed."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from tests.child_process import Child, kill, running
from tests.integration.rest.installation import Installation
from tests.integration.rest.shop import Shop

pytestmark = pytest.mark.xdist_group("rest")

WAIT_S = 30.0
UNKNOWN_ID = "00000000-0000-5000-8000-000000000000"


@contextmanager
def reactors(installation: Installation, database: str) -> Generator[Child]:
    """Run ``payment-gateway work`` with a database of its own until the block ends."""
    argv = (sys.executable, "-m", "payment_gateway", "work")
    env = {**installation.environment, "GATEWAY_MONGODB_DATABASE": database}
    with running(argv, log=installation.folder / "work.log", env=env) as process:
        yield process


def order(*parts: tuple[str, str], amount: str = "19.99", **changes: object) -> dict[str, object]:
    return {
        "tenantId": "acme",
        "orderId": "order-in-parts",
        "currency": "USD",
        "amount": amount,
        "parts": [{"providerType": provider, "amount": money} for provider, money in parts],
        **changes,
    }


MIXED = order(("PAGADITO", "7.99"), ("PAYPAL", "12.00"))
TWICE = order(("PAYPAL", "12.00"), ("PAYPAL", "7.99"))


async def started(shop: Shop, body: dict[str, object]) -> dict[str, Any]:
    answer = await shop.api.post("/api/v1/payments/split", json=body)
    assert answer.status_code == 201, answer.text
    assert answer.headers["consistency-token"]
    split: dict[str, Any] = answer.json()
    assert split["status"] == "AWAITING_PAYER"
    return split


async def shown(shop: Shop, split: dict[str, Any]) -> dict[str, Any]:
    answer = await shop.api.get(f"/api/v1/payments/split/{split['splitId']}")
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def until(shop: Shop, split: dict[str, Any], status: str) -> dict[str, Any]:
    deadline = time.monotonic() + WAIT_S
    while (now := await shown(shop, split))["status"] != status:
        assert time.monotonic() < deadline, now
        await asyncio.sleep(0.05)
    return now


async def opened_part(shop: Shop, split: dict[str, Any], place: int) -> str:
    """Return where the part is paid, once it can be."""
    deadline = time.monotonic() + WAIT_S
    while (url := (await shown(shop, split))["parts"][place]["checkoutUrl"]) is None:
        assert time.monotonic() < deadline, "the part was not opened in time"
        await asyncio.sleep(0.05)
    return str(url)


async def pay(shop: Shop, part: dict[str, Any]) -> None:
    await shop.approve(part["checkoutUrl"])
    completed = await shop.complete(part["paymentId"])
    assert completed.json()["status"] == "COMPLETED", completed.text


async def test_is_paid_by_both_providers_one_after_the_other(shop: Shop) -> None:
    split = await started(shop, MIXED)
    last, first = split["parts"]
    assert (last["status"], last["checkoutUrl"]) == ("CREATED", None)
    database = f"splits-{uuid4().hex[:12]}"

    with reactors(shop.installation, database) as doomed:
        kill(doomed)
    await pay(shop, first)
    with reactors(shop.installation, database):
        await shop.pay_at_pagadito(await opened_part(shop, split, 0))
        completed = await shop.complete(last["paymentId"], "PAGADITO")
        assert completed.json()["status"] == "COMPLETED", completed.text
        done = await until(shop, split, "COMPLETED")

    assert [part["amount"] for part in done["parts"]] == ["7.99", "12.00"]
    assert [part["checkoutUrl"] for part in done["parts"]] == [None, None]


async def test_is_given_back_where_a_part_is_not_paid(shop: Shop) -> None:
    called_off, given_up = await started(shop, TWICE), await started(shop, MIXED)
    await pay(shop, called_off["parts"][0])
    await pay(shop, given_up["parts"][1])
    await shop.command("cancel", called_off["parts"][1]["paymentId"])

    with reactors(shop.installation, f"splits-{uuid4().hex[:12]}"):
        await shop.pay_at_pagadito(await opened_part(shop, given_up, 0), action="decline")
        await shop.complete(given_up["parts"][0]["paymentId"], "PAGADITO")
        ended = [await until(shop, one, "REFUNDED") for one in (called_off, given_up)]

    statuses = [[part["status"] for part in split["parts"]] for split in ended]
    assert statuses == [["REFUNDED", "CANCELLED"], ["FAILED", "REFUNDED"]]
    for part in (called_off["parts"][0], given_up["parts"][1]):
        refunds = await shop.books("refunds", part["paymentId"])
        assert [Decimal(refund["amount"]) for refund in refunds] == [Decimal("12.00")]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (order(("PAYPAL", "12.00"), ("PAGADITO", "7.98")), "parts_do_not_add_up"),
        (order(("PAGADITO", "12.00"), ("PAGADITO", "7.99")), "split_not_refundable"),
        (order(("PAYPAL", "19.99")), "invalid_value"),
        (order(*[("PAYPAL", "1.00")] * 11, amount="11.00"), "invalid_value"),
        (order(("PAYPAL", "19.990"), ("PAYPAL", "0.00")), "invalid_amount"),
        (order(("PAYPAL", "12.00"), ("NOBODY", "7.99")), "unsupported_provider"),
        (order(("PAYPAL", "4000"), ("PAGADITO", "4000"), amount="8000"), "invalid_amount"),
        ({**TWICE, "externalReferenceNumber": "ERN-1"}, "invalid_value"),
    ],
)
async def test_what_does_not_fit_is_refused_and_leaves_no_trace(
    shop: Shop, body: dict[str, object], code: str
) -> None:
    before = await shop.traces()
    answer = await shop.api.post("/api/v1/payments/split", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert await shop.traces() == before


async def test_lines_that_do_not_add_up_are_refused(shop: Shop) -> None:
    line = {"quantity": 2, "description": "Ticket", "price": "6.01"}
    part = {"providerType": "PAYPAL", "amount": "12.00", "details": [line]}
    body = {**TWICE, "parts": [part, {"providerType": "PAYPAL", "amount": "7.99"}]}
    answer = await shop.api.post("/api/v1/payments/split", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "details_do_not_add_up")


async def test_customers_are_not_stored_in_clear(shop: Shop) -> None:
    customer = {"reference": "customer-17", "email": "planted@payer.example"}
    split = await started(shop, {**TWICE, "customer": customer})
    for part in split["parts"]:
        stored = await shop.store.read(f"payment-{part['paymentId']}")
        assert "planted" not in str(stored)


async def test_another_tenants_looks_like_a_missing_one(shop: Shop) -> None:
    split_id = (await started(shop, TWICE))["splitId"]
    answers = [
        await shop.api.get(
            f"/api/v1/payments/split/{one}", headers=shop.installation.authorization("rival")
        )
        for one in (split_id, UNKNOWN_ID, "no-id")
    ]
    for one, answer in zip((split_id, UNKNOWN_ID, "no-id"), answers, strict=True):
        assert (answer.status_code, answer.json()["code"]) == (404, "split_not_found")
        told = answer.text.replace(one, "ID").replace(answer.json()["requestId"], "REQUEST")
        assert told == answers[0].text.replace(split_id, "ID").replace(
            answers[0].json()["requestId"], "REQUEST"
        )


@pytest.mark.parametrize("key", ["viewer", "auditor", "admin", "rival"])
async def test_takes_the_role_and_the_tenant(shop: Shop, key: str) -> None:
    headers = shop.installation.authorization(key)
    answer = await shop.api.post("/api/v1/payments/split", json=TWICE, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
