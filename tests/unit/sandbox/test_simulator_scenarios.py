"""Scenarios: how the next payments go is decided before they are made."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox.providers.faults import ConnectionDropped
from sandbox.providers.pagadito.scenarios import SCENARIOS as PAGADITO_SCENARIOS
from sandbox.providers.paypal.scenarios import SCENARIOS as PAYPAL_SCENARIOS
from tests.unit.sandbox.pagadito_merchant import PagaditoMerchant, pagadito_merchant
from tests.unit.sandbox.paypal_merchant import PayPalMerchant, issues, paypal_merchant
from tests.unit.sandbox.webhook_receiver import until

HOUR_MS = 3_600_000


@pytest.fixture
async def paypal(tmp_path: Path) -> AsyncIterator[PayPalMerchant]:
    async with paypal_merchant(tmp_path) as merchant:
        yield merchant


@pytest.fixture
async def pagadito(tmp_path: Path) -> AsyncIterator[PagaditoMerchant]:
    async with pagadito_merchant(tmp_path) as merchant:
        yield merchant


async def apply(http: httpx.AsyncClient, name: str, **more: int) -> None:
    answer = await http.post("/_control/scenarios", json={"name": name} | more)
    assert answer.status_code == 201, answer.text


async def capture_statuses(shop: PayPalMerchant) -> list[str]:
    return [entry["status"] for entry in (await shop.ledger())["captures"]]


class TestScript:
    @pytest.mark.parametrize("name", sorted(PAYPAL_SCENARIOS))
    async def test_each_of_paypal_can_be_applied(self, paypal: PayPalMerchant, name: str) -> None:
        await apply(paypal.http, name)

    @pytest.mark.parametrize("name", sorted(PAGADITO_SCENARIOS))
    async def test_each_of_pagadito_can_be_applied(
        self, pagadito: PagaditoMerchant, name: str
    ) -> None:
        await apply(pagadito.http, name)

    async def test_they_are_listed_and_forgotten(self, paypal: PayPalMerchant) -> None:
        await apply(paypal.http, "pending", payments=2)
        shown = (await paypal.http.get("/_control/scenarios")).json()
        assert shown["scenarios"].keys() == PAYPAL_SCENARIOS.keys()
        assert all(shown["scenarios"].values())
        assert shown["waiting"] == ["pending", "pending"]
        await paypal.http.delete("/_control/scenarios")
        await paypal.captured()
        assert await capture_statuses(paypal) == ["COMPLETED"]

    async def test_they_meet_payments_in_order(self, paypal: PayPalMerchant) -> None:
        await apply(paypal.http, "pending", payments=2)
        for _ in range(3):
            await paypal.captured()
        assert await capture_statuses(paypal) == ["PENDING", "PENDING", "COMPLETED"]

    @pytest.mark.parametrize(
        "wanted",
        [
            {"name": "no-such-thing"},
            {"name": "pending", "payments": 0},
            {"name": "pending", "afterMs": -1},
            {"name": "late-capture-answer", "afterMs": HOUR_MS},
            {"name": "pending", "colour": "red"},
        ],
    )
    async def test_an_impossible_one_is_refused(
        self, paypal: PayPalMerchant, wanted: dict[str, Any]
    ) -> None:
        answer = await paypal.http.post("/_control/scenarios", json=wanted)
        assert answer.status_code == 422
        assert answer.json()["error"]


class TestPayPal:
    @pytest.mark.parametrize("status", ["COMPLETED", "DECLINED"])
    async def test_a_capture_is_pending_and_then_settled(
        self, paypal: PayPalMerchant, status: str
    ) -> None:
        await apply(paypal.http, f"pending-then-{status.lower()}", afterMs=HOUR_MS)
        await paypal.captured()
        assert await capture_statuses(paypal) == ["PENDING"]
        await paypal.advance_clock(3600)

        async def settled() -> bool:
            return await capture_statuses(paypal) == [status]

        await until(settled)

    async def test_declined_once(self, paypal: PayPalMerchant) -> None:
        await apply(paypal.http, "declined-once")
        order_id = await paypal.approved()
        assert issues(await paypal.capture(order_id)) == ["INSTRUMENT_DECLINED"]
        assert (await paypal.capture(order_id)).status_code == 201

    async def test_a_lost_answer_to_a_capture(self, paypal: PayPalMerchant) -> None:
        await apply(paypal.http, "lost-capture-answer")
        order_id = await paypal.approved()
        with pytest.raises(ConnectionDropped):
            await paypal.capture(order_id, key="k")
        assert (await paypal.capture(order_id, key="k")).status_code == 200

    async def test_a_burst_of_429(self, paypal: PayPalMerchant) -> None:
        await apply(paypal.http, "capture-rate-limited")
        order_id = await paypal.approved()
        statuses = [(await paypal.capture(order_id)).status_code for _ in range(4)]
        assert statuses == [429, 429, 429, 201]

    async def test_expired(self, paypal: PayPalMerchant) -> None:
        await apply(paypal.http, "expired")
        order_id = await paypal.approved()
        await paypal.advance_clock(1)
        assert issues(await paypal.capture(order_id)) == ["INVALID_RESOURCE_ID"]

    async def test_a_refund_that_fails_later(self, paypal: PayPalMerchant) -> None:
        await apply(paypal.http, "refund-pending-then-failed", afterMs=1)
        await paypal.refund(await paypal.captured())

        async def failed() -> bool:
            books = await paypal.ledger()
            told = books["refunds"][0]["status"], books["captures"][0]["refunded"]
            return told == ("FAILED", "0.00")

        await until(failed)

    async def test_a_dispute_that_is_lost(self, paypal: PayPalMerchant) -> None:
        await apply(paypal.http, "dispute-opened-then-lost", afterMs=1)
        await paypal.captured()

        async def reversed_in_full() -> bool:
            return await capture_statuses(paypal) == ["REFUNDED"]

        await until(reversed_in_full)
        [dispute] = (await paypal.ledger())["disputes"]
        assert dispute["outcome"] == "RESOLVED_BUYER_FAVOUR"


class TestPagadito:
    @pytest.mark.parametrize("status", ["COMPLETED", "REVOKED"])
    async def test_a_charge_is_verified_and_then_settled(
        self, pagadito: PagaditoMerchant, status: str
    ) -> None:
        await apply(pagadito.http, f"verifying-then-{status.lower()}", afterMs=HOUR_MS)
        token, _ = await pagadito.charge(allow_pending_payments="true")
        await pagadito.act(token, "pay")
        assert (await pagadito.status(token))["status"] == "VERIFYING"
        await pagadito.advance_clock(3600)

        async def settled() -> bool:
            return bool((await pagadito.status(token))["status"] == status)

        await until(settled)

    async def test_declined(self, pagadito: PagaditoMerchant) -> None:
        await apply(pagadito.http, "declined")
        token, _ = await pagadito.charge()
        await pagadito.act(token, "pay")
        assert (await pagadito.status(token))["status"] == "FAILED"

    async def test_expired(self, pagadito: PagaditoMerchant) -> None:
        await apply(pagadito.http, "expired")
        token, _ = await pagadito.charge()
        await pagadito.advance_clock(1)
        assert (await pagadito.status(token))["status"] == "EXPIRED"

    async def test_a_lost_answer_to_a_charge(self, pagadito: PagaditoMerchant) -> None:
        await apply(pagadito.http, "lost-charge-answer")
        session = await pagadito.connect()
        with pytest.raises(ConnectionDropped):
            await pagadito.charge(token=session)
        assert (await pagadito.status(session))["status"] == "REGISTERED"
