"""The simulated PayPal under repetition, concurrency and scripted faults."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.providers.faults import ConnectionDropped
from sandbox.providers.paypal.rules import PayPalRules
from tests.unit.sandbox.paypal_merchant import (
    ORIGIN,
    PayPalMerchant,
    issues,
    order,
    paypal_merchant,
    unit,
)


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[PayPalMerchant]:
    async with paypal_merchant(tmp_path) as merchant:
        yield merchant


class TestRequestId:
    async def test_the_same_call_again_is_answered_with_200(self, shop: PayPalMerchant) -> None:
        first, again = [await shop.create(key="k") for _ in range(2)]
        assert (first.status_code, again.status_code) == (201, 200)
        assert first.json()["id"] == again.json()["id"]
        order_id = first.json()["id"]
        await shop.approve(order_id)
        assert (await shop.create(key="k")).json()["status"] == "APPROVED"
        captures = [await shop.capture(order_id, key="c") for _ in range(2)]
        assert [answer.status_code for answer in captures] == [201, 200]
        assert captures[0].json() == captures[1].json()

    async def test_another_operation_may_not_use_it(self, shop: PayPalMerchant) -> None:
        order_id = await shop.approved()
        assert (await shop.create(key="k")).status_code == 201
        answer = await shop.capture(order_id, key="k")
        assert (answer.status_code, issues(answer)) == (400, ["DUPLICATE_REQUEST_ID"])

    async def test_a_refused_call_does_not_use_it_up(self, shop: PayPalMerchant) -> None:
        order_id = (await shop.create()).json()["id"]
        assert (await shop.capture(order_id, key="k")).status_code == 422
        await shop.approve(order_id)
        assert (await shop.capture(order_id, key="k")).status_code == 201

    async def test_it_is_forgotten_after_six_hours(self, shop: PayPalMerchant) -> None:
        first = await shop.create(key="k")
        await shop.advance_clock(6 * 3600)
        again = await shop.create(key="k")
        assert again.status_code == 201
        assert again.json()["id"] != first.json()["id"]

    async def test_of_two_at_once_one_does_the_work(self, shop: PayPalMerchant) -> None:
        order_id = await shop.approved()
        answers = await asyncio.gather(*(shop.capture(order_id, key="k") for _ in range(2)))
        done, refused = sorted(answers, key=lambda answer: answer.status_code)
        assert (done.status_code, refused.status_code) == (201, 409)
        assert issues(refused) == ["PREVIOUS_REQUEST_IN_PROGRESS"]
        assert (await shop.capture(order_id, key="k")).status_code == 200
        assert len((await shop.ledger())["captures"]) == 1

    async def test_of_many_ids_at_once_one_captures(self, shop: PayPalMerchant) -> None:
        order_id = await shop.approved()
        answers = await asyncio.gather(*(shop.capture(order_id, key=f"k{n}") for n in range(8)))
        assert sorted(answer.status_code for answer in answers) == [201, *[422] * 7]

    async def test_too_long(self, shop: PayPalMerchant) -> None:
        assert issues(await shop.create(key="k" * 109)) == ["INVALID_STRING_LENGTH"]

    async def test_another_body_where_bodies_are_compared(self, tmp_path: Path) -> None:
        rules = PayPalRules(
            request_bodies_compared=True, reused_request_id="PAYPAL_REQUEST_ID_PREVIOUSLY_USED"
        )
        async with paypal_merchant(tmp_path, rules) as shop:
            await shop.create(key="k")
            answer = await shop.create(order(unit("1.00")), key="k")
            assert (answer.status_code, issues(answer)) == (
                422,
                ["PAYPAL_REQUEST_ID_PREVIOUSLY_USED"],
            )


class TestFaults:
    async def test_a_mocked_issue(self, shop: PayPalMerchant) -> None:
        order_id = await shop.approved()
        mock = {"PayPal_Mock_Response": '{"mock_application_codes":"PAYER_CANNOT_PAY"}'}
        answer = await shop.post(f"/v2/checkout/orders/{order_id}/capture", **mock)
        assert (answer.status_code, issues(answer)) == (422, ["PAYER_CANNOT_PAY"])
        assert (await shop.capture(order_id)).status_code == 201

    @pytest.mark.parametrize(
        ("kind", "captured"), [("status", 0), ("status_after", 1), ("drop_before", 0), ("drop_after", 1)]
    )  # fmt: skip
    async def test_the_outcome_is_hidden(
        self, shop: PayPalMerchant, kind: str, captured: int
    ) -> None:
        order_id = await shop.approved()
        await self.script(shop, operation="capture", kind=kind, status=503)
        if kind.startswith("drop"):
            with pytest.raises(ConnectionDropped):
                await shop.capture(order_id, key="k")
        else:
            answer = await shop.capture(order_id, key="k")
            assert answer.status_code == 503
            assert answer.headers["content-type"].startswith("text/html")
        assert len((await shop.ledger())["captures"]) == captured
        assert (await shop.capture(order_id, key="k")).status_code == (200 if captured else 201)

    async def test_as_often_as_asked(self, shop: PayPalMerchant) -> None:
        await self.script(
            shop, operation="create_order", kind="refuse", code="RATE_LIMIT_REACHED", times=2
        )
        statuses = [(await shop.create()).status_code for _ in range(3)]
        assert statuses == [429, 429, 201]

    async def test_a_scripted_decline_sends_the_payer_back(self, shop: PayPalMerchant) -> None:
        order_id = await shop.approved()
        await self.script(shop, operation="capture", kind="refuse", code="INSTRUMENT_DECLINED")
        links = (await shop.capture(order_id)).json()["links"]
        assert {
            "href": f"{ORIGIN}/checkoutnow?token={order_id}",
            "rel": "redirect",
        }.items() <= links[1].items()
        assert (await shop.capture(order_id)).status_code == 201

    async def test_can_be_forgotten(self, shop: PayPalMerchant) -> None:
        await self.script(shop, operation="token", kind="status")
        assert len((await shop.http.get("/_control/faults")).json()["faults"]) == 1
        await shop.http.delete("/_control/faults")
        await shop.log_in()

    @pytest.mark.parametrize(
        "script",
        [
            {"operation": "sell", "kind": "status"},
            {"operation": "refund", "kind": "explode"},
            {"operation": "refund", "kind": "status", "status": 200},
            {"operation": "refund", "kind": "refuse", "code": "NO_SUCH_ISSUE"},
            {"operation": "refund", "kind": "status", "times": 0},
        ],
    )
    async def test_an_impossible_script_is_refused(
        self, shop: PayPalMerchant, script: dict[str, Any]
    ) -> None:
        answer = await shop.http.post("/_control/faults", json=script)
        assert answer.status_code == 422
        assert answer.json()["error"]

    async def script(self, shop: PayPalMerchant, **fault: Any) -> None:
        assert (await shop.http.post("/_control/faults", json=fault)).status_code == 201


class TestControl:
    async def test_the_ledger_comes_in_pages(self, shop: PayPalMerchant) -> None:
        made = [(await shop.create()).json()["id"] for _ in range(3)]
        seen: list[str] = []
        cursor: int | None = 0
        for _ in range(4):
            query = {"cursor": str(cursor), "limit": "2"}
            page = (await shop.http.get("/_control/ledger", params=query)).json()
            seen += [entry["id"] for entry in page["orders"]]
            cursor = page["nextCursor"]
            if cursor is None:
                break
        assert seen == made

    async def test_a_wrong_control_request_is_refused(self, shop: PayPalMerchant) -> None:
        backwards = await shop.http.post("/_control/clock", json={"advanceSeconds": -1})
        unnamed = await shop.http.post("/_control/merchants", json={"clientId": "x"})
        endless = await shop.http.get("/_control/ledger", params={"limit": "many"})
        assert [answer.status_code for answer in (backwards, unnamed, endless)] == [422] * 3

    async def test_a_body_of_more_than_a_megabyte_is_refused(self, shop: PayPalMerchant) -> None:
        answer = await shop.http.post("/_control/merchants", content=b" " * (1024 * 1024 + 1))
        assert answer.status_code == 413
