"""The query API over a real MongoDB: what is shown, to whom, and from which index."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI, Request

from payment_gateway.bootstrap import utc_now
from payment_gateway.domain.value_objects.payment_status import PaymentStatusVO
from payment_gateway.infrastructure.persistence.mongodb import (
    Document,
)
from projections import payment_details, payment_list
from projections.payment_list_queries import After, PaymentFilter, criteria
from projections.query_api import create_query_router
from tests.integration.query_gateway import (
    PAYPAL_ID,
    START,
    Gateway,
    first_generation,
    gateway,
    initiated,
    mongodb_uri,
    paid,
)

__all__ = ["gateway", "mongodb_uri"]

GENERATION = first_generation(payment_details.MODEL)
COLLECTION = GENERATION.collection("")
LIST = first_generation(payment_list.MODEL).collection("")


class TestOnePayment:
    async def test_is_shown_whole_with_amounts_as_decimals(self, gateway: Gateway) -> None:
        payment_id = await gateway.record(initiated(PAYPAL_ID), *paid(PAYPAL_ID))

        response = await gateway.get(f"/payments/{payment_id}")

        assert response.status_code == 200
        assert response.json() == {
            "paymentId": PAYPAL_ID,
            "tenantId": "acme",
            "externalReferenceNumber": f"ERN-{UUID(PAYPAL_ID).int % 10**30}",
            "orderId": "order-1",
            "status": "PARTIALLY_REFUNDED",
            "providerType": "PAYPAL",
            "fallbackProviders": [],
            "allowPendingPayments": False,
            "amount": "19.99",
            "currency": "USD",
            "details": [
                {
                    "quantity": 1,
                    "description": "Ticket",
                    "price": "19.99",
                    "urlProduct": "https://s.example",
                }
            ],
            "checkoutUrl": "https://paypal.example/pay",
            "expiresAt": "2026-02-03T07:05:06.789000Z",
            "providerReference": "capture-1",
            "captured": "19.99",
            "refundedTotal": "5.00",
            "disputes": [],
            "questions": [],
            "refunds": [
                {
                    "refundId": "r1",
                    "amount": "5.00",
                    "status": "COMPLETED",
                    "reason": "late",
                    "failureReason": None,
                    "providerReference": "re-1",
                }
            ],
            "attempts": [
                {
                    "attempt": 1,
                    "providerType": "PAYPAL",
                    "referenceNumber": "ERN-1",
                    "providerOrderId": "order-at-paypal",
                    "failureReason": None,
                }
            ],
            "failureReason": None,
            "lateFacts": 0,
            "createdAt": "2026-02-03T04:05:06.789000Z",
            "updatedAt": "2026-02-03T04:05:06.789000Z",
            "revision": 5,
            "customParams": {"seat": "12B"},
            "customer": {"reference": "c-1"},
        }

    async def test_in_a_currency_without_cents_has_none(self, gateway: Gateway) -> None:
        payment_id = await gateway.record(initiated(amount_minor=500, currency="JPY"))

        shown = (await gateway.get(f"/payments/{payment_id}")).json()

        assert (shown["amount"], shown["refundedTotal"], shown["captured"]) == ("500", "0", None)

    async def test_whose_personal_data_was_erased_is_shown_without_it(
        self, gateway: Gateway
    ) -> None:
        payment_id = await gateway.record(replace(initiated(), personal="erased"))

        shown = (await gateway.get(f"/payments/{payment_id}")).json()

        assert (shown["customParams"], shown["customer"]) == (None, None)

    @pytest.mark.parametrize("path", ["/payments/{}", "/payments/{}/events"])
    async def test_of_another_tenant_does_not_exist_word_for_word(
        self, gateway: Gateway, path: str
    ) -> None:
        payment_id = await gateway.record(initiated())
        missing_id = str(uuid4())

        others = await gateway.get(path.format(payment_id), tenant_id="other")
        missing = await gateway.get(path.format(missing_id), tenant_id="other")

        assert others.status_code == missing.status_code == 404
        assert others.text.replace(payment_id, missing_id) == missing.text

    @pytest.mark.parametrize("payment_id", ["x", "%00", "..", "a" * 255, "%F0%9F%92%B6"])
    async def test_of_an_impossible_id_does_not_exist(
        self, gateway: Gateway, payment_id: str
    ) -> None:
        assert (await gateway.get(f"/payments/{payment_id}")).status_code == 404


class TestAsOf:
    @pytest.mark.parametrize(
        ("moment", "status", "total"),
        [
            ("2026-02-03T04:05:06.789123Z", "CREATED", "0.00"),
            ("2026-02-03T04:05:07.789122Z", "CREATED", "0.00"),
            ("2026-02-03T04:05:07.789123Z", "PARTIALLY_REFUNDED", "5.00"),
            ("2026-02-04", "PARTIALLY_REFUNDED", "5.00"),
        ],
    )
    async def test_a_payment_is_shown_as_it_was_then(
        self, gateway: Gateway, moment: str, status: str, total: str
    ) -> None:
        await gateway.record(initiated(PAYPAL_ID))
        await gateway.record(*paid(PAYPAL_ID), at=START + timedelta(seconds=1))

        shown = (await gateway.get(f"/payments/{PAYPAL_ID}?as_of={moment}")).json()

        assert (shown["status"], shown["refundedTotal"]) == (status, total)
        assert shown["customParams"] == {"seat": "12B"}

    @pytest.mark.parametrize(
        ("tenant_id", "moment"), [("acme", "2026-02-03"), ("other", "2026-02-04")]
    )
    async def test_a_payment_that_was_not_there_or_is_another_tenants_does_not_exist(
        self, gateway: Gateway, tenant_id: str, moment: str
    ) -> None:
        await gateway.record(initiated(PAYPAL_ID))

        response = await gateway.get(f"/payments/{PAYPAL_ID}?as_of={moment}", tenant_id=tenant_id)

        assert response.status_code == 404

    async def test_what_is_no_time_is_refused(self, gateway: Gateway) -> None:
        assert (await gateway.get(f"/payments/{PAYPAL_ID}?as_of=now")).status_code == 422


class TestHistory:
    async def test_shows_each_event_with_who_and_why_and_nothing_sealed_or_internal(
        self, gateway: Gateway
    ) -> None:
        payment_id = await gateway.record(initiated(PAYPAL_ID), *paid(PAYPAL_ID))

        response = await gateway.get(f"/payments/{payment_id}/events")

        page = response.json()
        assert page["nextCursor"] is None
        assert [event["type"] for event in page["data"]] == [
            "PaymentInitiated",
            "ProviderAttemptStarted",
            "CheckoutCreated",
            "PaymentCompleted",
            "RefundRequested",
            "RefundCompleted",
        ]
        assert [event["revision"] for event in page["data"]] == list(range(6))
        refund = page["data"][4]
        assert UUID(refund.pop("id")).version == 7
        assert refund == {
            "type": "RefundRequested",
            "paymentId": PAYPAL_ID,
            "revision": 4,
            "recordedAt": "2026-02-03T04:05:06.789123Z",
            "actor": "key-1",
            "reason": "late",
            "data": {"refundId": "r1", "amount": "5.00", "currency": "USD", "reason": "late"},
        }
        assert page["data"][5]["data"]["currency"] == "USD"
        assert page["data"][0]["data"]["items"][0]["price"] == "19.99"
        for secret in ("sealed-text", "subject", "internal-fingerprint", "secret-handle"):
            assert secret not in response.text

    async def test_comes_in_pages_that_follow_each_other(self, gateway: Gateway) -> None:
        payment_id = await gateway.record(initiated(PAYPAL_ID), *paid(PAYPAL_ID))
        seen: list[int] = []
        page: Document = {"nextCursor": ""}

        while page["nextCursor"] is not None:
            cursor = {"cursor": page["nextCursor"]} if page["nextCursor"] else {}
            page = await gateway.page(f"/payments/{payment_id}/events", limit="4", **cursor)
            seen += [event["revision"] for event in page["data"]]

        assert seen == [0, 1, 2, 3, 4, 5]


class TestLists:
    async def test_newest_first_page_by_page_each_payment_once(self, gateway: Gateway) -> None:
        """Several payments of the same millisecond are no trouble."""
        expected = []
        for number in range(11):
            at = START + timedelta(seconds=number // 4)
            expected.append((at, await gateway.record(initiated(), at=at)))
        expected.sort(reverse=True)

        seen: list[str] = []
        page = await gateway.page("/payments", limit="3")
        seen += [payment["paymentId"] for payment in page["data"]]
        for _ in range(3):
            page = await gateway.page("/payments", limit="3", cursor=page["nextCursor"])
            seen += [payment["paymentId"] for payment in page["data"]]

        assert page["nextCursor"] is None
        assert seen == [payment_id for _, payment_id in expected]

    async def test_the_last_page_that_is_full_says_that_it_is_the_last(
        self, gateway: Gateway
    ) -> None:
        for _ in range(2):
            await gateway.record(initiated())

        assert (await gateway.page("/payments", limit="2"))["nextCursor"] is None

    @pytest.mark.parametrize(
        ("params", "found"),
        [
            ({"status": "CREATED"}, {"old", "pagadito"}),
            ({"status": "PARTIALLY_REFUNDED"}, {"paid"}),
            ({"provider": "PAGADITO"}, {"pagadito"}),
            ({"orderId": "order-2"}, {"pagadito"}),
            ({"orderId": "order-3"}, set()),
            ({"status": "CREATED", "provider": "PAYPAL"}, {"old"}),
            ({"from": "2026-02-03"}, {"paid", "pagadito"}),
            ({"to": "2026-02-02"}, {"old"}),
            ({"to": "2026-02-03"}, {"old", "paid", "pagadito"}),
            ({"from": "2026-02-03T04:05:06.789Z"}, {"paid", "pagadito"}),
            ({"from": "2026-02-03T04:05:06.790Z"}, set()),
            ({"to": "2026-02-03T04:05:06.789Z"}, {"old", "paid", "pagadito"}),
            ({"to": "2026-02-03T04:05:06.788-00:00"}, {"old"}),
            ({"from": "2026-02-02T22:05:06.789-06:00"}, {"paid", "pagadito"}),
        ],
    )
    async def test_shows_what_was_asked_for(
        self, gateway: Gateway, params: dict[str, str], found: set[str]
    ) -> None:
        names = {
            await gateway.record(initiated(), at=START - timedelta(days=2)): "old",
            await gateway.record(initiated(PAYPAL_ID), *paid(PAYPAL_ID)): "paid",
            await gateway.record(initiated(provider="PAGADITO", order_id="order-2")): "pagadito",
        }
        await gateway.record(initiated(tenant_id="other"), tenant_id="other")

        page = await gateway.page("/payments", **params)

        assert {names[payment["paymentId"]] for payment in page["data"]} == found

    async def test_the_payments_of_an_order_are_those_of_the_tenant(self, gateway: Gateway) -> None:
        payment_id = await gateway.record(initiated(order_id="order 7/ä"))
        await gateway.record(initiated(order_id="order-8"))

        mine = await gateway.get("/orders/order%207%2F%C3%A4/payments")
        others = await gateway.get("/orders/order-8/payments", tenant_id="other")

        assert [payment["paymentId"] for payment in mine.json()["data"]] == [payment_id]
        assert others.json() == {"data": [], "nextCursor": None}

    @pytest.mark.parametrize("limit", ["0", "-1", "101", "x"])
    async def test_a_page_has_one_to_a_hundred_payments(self, gateway: Gateway, limit: str) -> None:
        assert (await gateway.get(f"/payments?limit={limit}")).status_code == 422

    @pytest.mark.parametrize(
        "query",
        [
            "status=NONSENSE",
            "from=yesterday",
            "from=2026-02-30",
            "from=2026-02-03T04:05:06",
            "to=9999-12-31",
            "to=0001-01-01T00:00:00%2B14:00",
            "cursor=nonsense",
            "cursor=%F0%9F%92%B6",
            "cursor=" + "A" * 600,
            "cursor=WyJwIiwiYWNtZSIsMV0",
        ],
    )
    async def test_what_makes_no_sense_is_refused(self, gateway: Gateway, query: str) -> None:
        assert (await gateway.get(f"/payments?{query}")).status_code == 422

    async def test_a_cursor_of_another_tenant_is_refused(self, gateway: Gateway) -> None:
        for _ in range(2):
            await gateway.record(initiated())
        cursor = (await gateway.page("/payments", limit="1"))["nextCursor"]

        response = await gateway.get(f"/payments?cursor={cursor}", tenant_id="other")

        assert response.status_code == 422


class TestIndexes:
    @pytest.mark.parametrize("after", [None, After(START, PAYPAL_ID)])
    @pytest.mark.parametrize(
        "wanted",
        [
            PaymentFilter(tenant_id="acme"),
            PaymentFilter(tenant_id="acme", status=PaymentStatusVO.CREATED),
            PaymentFilter(tenant_id="acme", provider="PAYPAL"),
            PaymentFilter(tenant_id="acme", order_id="order-1"),
            PaymentFilter(tenant_id="acme", created_from=START, created_before=START),
            PaymentFilter(tenant_id="acme", provider="PAYPAL", created_from=START),
        ],
    )
    async def test_every_list_is_read_from_an_index_in_its_order(
        self, gateway: Gateway, wanted: PaymentFilter, after: After | None
    ) -> None:
        for _ in range(5):
            await gateway.record(initiated())
        found = (
            gateway.database[LIST]
            .find(criteria(wanted, after))
            .sort([("createdAt", -1), ("_id", -1)])
            .limit(25)
        )

        plan = str((await found.explain())["queryPlanner"]["winningPlan"])

        assert "IXSCAN" in plan
        assert "COLLSCAN" not in plan
        assert "'SORT'" not in plan

    async def test_one_payment_is_found_by_its_id(self, gateway: Gateway) -> None:
        query = {"_id": PAYPAL_ID, "tenantId": "acme"}

        plan = await gateway.database[COLLECTION].find(query).explain()

        assert "IDHACK" in str(plan) or "IXSCAN" in str(plan)


def test_every_route_is_described_with_examples() -> None:
    def nobody() -> None:
        return None

    async def nowhere(_: Request) -> bool:
        return False

    app = FastAPI()
    app.include_router(
        create_query_router(
            viewer=nobody,
            subscriber=nobody,
            auditor=nobody,
            operator=nobody,
            queries=nobody,
            still_allowed=nowhere,
            provider_viewer=nobody,
            now=utc_now,
        )
    )

    described = app.openapi()

    assert set(described["paths"]) == {
        "/api/v1/payments",
        "/api/v1/payments/{paymentId}",
        "/api/v1/payments/{paymentId}/events",
        "/api/v1/orders/{orderId}/payments",
        "/api/v1/events",
        "/api/v1/stats/daily",
        "/api/v1/audit",
        "/api/v1/providers/health",
        "/api/v1/payments/{paymentId}/audit",
    }
    payment = described["components"]["schemas"]["PaymentAnswer"]["properties"]
    assert payment["amount"]["examples"] == ["19.99"]
