"""GraphQL on the running server: the same commands, queries and refusals as REST."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from payment_gateway.application.ports import CommandContext
from payment_gateway.domain.events.payment import PaymentCancelledEvent
from payment_gateway.infrastructure.security.consistency_token import ConsistencyTokens
from payment_gateway.infrastructure.security.key_source import open_key_source
from tests.contracts.provider_sandbox import script_fault
from tests.integration.query_gateway import initiated
from tests.integration.rest.installation import Installation, client
from tests.integration.rest.shop import Shop, new_number

PAGE_MAX = 100
INITIATE = """
mutation($amount: Float!, $number: String, $details: [PaymentDetailInput!], $params: String) {
  initiatePayment(tenantId: "acme", providerType: "PAYPAL", amount: $amount, currency: "USD", orderId: "g-1",
    details: $details, customParams: $params, externalReferenceNumber: $number)
}"""
COMPLETE = """
mutation($id: String!) { completePayment(tenantId: "acme", providerType: "PAYPAL", paymentId: $id) }"""

pytestmark = pytest.mark.usefixtures("projections")


async def asked(
    shop: Shop, query: str, *, headers: dict[str, str] | None = None, **variables: Any
) -> dict[str, Any]:
    answer = await shop.api.post(
        "/graphql", json={"query": query, "variables": variables}, headers=headers
    )
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def code(answer: dict[str, Any]) -> str:
    (error,) = answer["errors"]
    return str(error["extensions"]["code"])


async def payment_of(shop: Shop, number: str) -> dict[str, Any]:
    """Return a payment that was initiated with a number, by initiating it again."""
    answer = await shop.initiate(
        externalReferenceNumber=number,
        orderId="g-1",
        details=[{"quantity": 1, "description": "Book", "price": "19.99"}],
        customParams={"seat": "12B"},
    )
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def tenant_with_payments(shop: Shop, number: int) -> dict[str, str]:
    """Make a tenant with so many payments that were called off; return how a viewer asks who sees them all."""
    tenant = f"t{uuid4().hex[:10]}"
    admin = shop.installation.authorization("admin")
    await shop.api.post("/api/v1/tenants", json={"tenantId": tenant}, headers=admin)
    viewer = {"tenantId": tenant, "roles": ["viewer"]}
    made = await shop.api.post("/api/v1/apikeys", json=viewer, headers=admin)
    context = CommandContext(
        tenant_id=tenant, actor="test", correlation_id=tenant, at=datetime.now(UTC)
    )
    position = 0
    for _ in range(number):
        begun = initiated(tenant_id=tenant)
        ended = PaymentCancelledEvent(payment_id=begun.payment_id, reason="a test")
        appended = await shop.store.append(
            f"payment-{begun.payment_id}", [begun, ended], expected=None, context=context
        )
        position = appended.position
    with open_key_source(shop.installation.settings) as keys:
        token = ConsistencyTokens(keys.master).encode(tenant, position)
    key = made.json()["key"]
    return {
        "Authorization": f"Bearer {key}",
        "Consistency-Token": token,
        "Prefer": "wait=30",
    }


class TestMutations:
    async def test_initiate_answers_the_checkout_url_of_the_payment_that_rest_knows(
        self, shop: Shop
    ) -> None:
        number = new_number()
        details = [{"quantity": 1, "description": "Book", "price": 19.99}]
        answer = await asked(
            shop, INITIATE, amount=19.99, number=number, details=details, params='{"seat": "12B"}'
        )
        payment = await payment_of(shop, number)
        assert answer == {"data": {"initiatePayment": payment["checkoutUrl"]}}
        assert payment["amount"] == "19.99"

    async def test_complete_answers_the_status(self, shop: Shop) -> None:
        opened = await shop.opened_payment()
        assert code(await asked(shop, COMPLETE, id=opened["paymentId"])) == "payment_not_approved"
        await shop.approve(opened["checkoutUrl"])
        answer = await asked(shop, COMPLETE, id=opened["paymentId"])
        assert answer == {"data": {"completePayment": "COMPLETED"}}

    async def test_an_outcome_that_is_not_known_is_an_error_that_names_the_payment(
        self, shop: Shop
    ) -> None:
        number = new_number()
        await script_fault(shop.paypal, "create_order", "drop_after")
        answer = await asked(shop, INITIATE, amount=19.99, number=number)
        (error,) = answer["errors"]
        assert (answer["data"], error["extensions"]["code"]) == (None, "outcome_unknown")
        payment = await shop.initiate(externalReferenceNumber=number, orderId="g-1")
        assert payment.status_code == 202
        assert error["extensions"]["paymentId"] == payment.json()["paymentId"]

        opened = await shop.opened_payment()
        await shop.approve(opened["checkoutUrl"])
        await script_fault(shop.paypal, "capture", "drop_after")
        answer = await asked(shop, COMPLETE, id=opened["paymentId"])
        (error,) = answer["errors"]
        told = {"code": "outcome_unknown", "paymentId": opened["paymentId"]}
        assert error["extensions"].items() >= told.items()

    async def test_an_idempotency_key_makes_a_repeat_the_same_payment(self, shop: Shop) -> None:
        headers = {"Idempotency-Key": str(uuid4())}
        first, second = [
            await asked(shop, INITIATE, headers=headers, amount=5.25) for _ in range(2)
        ]
        assert first == second
        other = await asked(shop, INITIATE, headers=headers, amount=5.26)
        assert code(other) == "idempotency_key_reused"

    async def test_credentials_are_stored_by_an_administrator_alone(
        self, installation: Installation, shop: Shop
    ) -> None:
        keys = json.dumps(
            {"clientId": "g", "clientSecret": "planted-graphql", "webhookId": "w", "sandbox": True}
        )
        query = """mutation($keys: String!) {
          saveOrUpdateProviderKeys(tenantId: "mover", providerType: "PAYPAL", credentials: $keys) }"""
        assert code(await asked(shop, query, keys=keys)) == "forbidden"
        admin = installation.authorization("admin")
        answer = await asked(shop, query, headers=admin, keys=keys)
        assert answer == {"data": {"saveOrUpdateProviderKeys": True}}
        refused = await asked(shop, query, headers=admin, keys="planted-graphql")
        assert code(refused) == "invalid_value"
        assert "planted" not in json.dumps(refused)

    @pytest.mark.parametrize(
        ("amount", "expected"),
        [("19.999", "invalid_amount"), ("-1", "invalid_amount"), ("0", "invalid_amount")],
    )
    async def test_an_amount_that_is_none_is_refused(
        self, shop: Shop, amount: str, expected: str
    ) -> None:
        query = f"""mutation {{ initiatePayment(tenantId: "acme", providerType: "PAYPAL",
            amount: {amount}, currency: "USD", orderId: "g-2") }}"""
        assert code(await asked(shop, query)) == expected

    @pytest.mark.parametrize(
        "params",
        ["[]", "{", '{"a": NaN}', '{"a": 1, "a": 2}', '{"a": "\\ud800"}', '{"a":' * 20_000],
    )
    async def test_an_object_in_a_text_is_read_as_strictly_as_a_body(
        self, shop: Shop, params: str
    ) -> None:
        answer = await asked(shop, INITIATE, amount=1, params=params)
        assert code(answer) == "invalid_value"
        assert answer["errors"][0]["extensions"]["param"] == "customParams"

    async def test_an_object_in_a_text_is_no_longer_than_4_kib(self, shop: Shop) -> None:
        answer = await asked(shop, INITIATE, amount=1, params=json.dumps({"a": "x" * 4096}))
        assert code(answer) == "invalid_value"

    async def test_a_command_for_a_revision_that_is_no_longer_so_is_refused(
        self, shop: Shop
    ) -> None:
        opened = await shop.opened_payment()
        answer = await asked(shop, COMPLETE, headers={"If-Match": '"99"'}, id=opened["paymentId"])
        assert code(answer) == "precondition_failed"

    async def test_a_number_that_a_float_would_change_is_refused(self, shop: Shop) -> None:
        query = """mutation { initiatePayment(tenantId: "acme", providerType: "PAYPAL",
            amount: 0.1000000000000000055, currency: "USD", orderId: "g-3") }"""
        assert code(await asked(shop, query)) == "invalid_amount"
        body = (
            f'{{"query": {json.dumps(INITIATE)}, "variables": {{"amount": 0.1000000000000000055}}}}'
        )
        answer = await shop.api.post(
            "/graphql", content=body, headers={"Content-Type": "application/json"}
        )
        assert answer.status_code == 400
        assert answer.json()["code"] == "not_json"


class TestQueries:
    async def test_a_payment_shows_what_rest_shows(self, shop: Shop) -> None:
        payment_id, seen = await self._opened(shop)
        query = """query($id: String!) { payment(paymentId: $id) {
            paymentId status amount currency createdAt refunds { refundId } attempts { providerType } } }"""
        answer = await asked(shop, query, headers=seen, id=payment_id)
        rest = (await shop.api.get(f"/api/v1/payments/{payment_id}")).json()
        payment = answer["data"]["payment"]
        for field in ("paymentId", "status", "amount", "currency"):
            assert payment[field] == rest[field]
        assert payment["attempts"] == [{"providerType": "PAYPAL"}]

    async def test_a_payment_of_another_tenant_is_none(
        self, installation: Installation, shop: Shop
    ) -> None:
        opened = await shop.opened_payment()
        query = "query($id: String!) { payment(paymentId: $id) { status } }"
        rival = installation.authorization("rival")
        answer = await asked(shop, query, headers=rival, id=opened["paymentId"])
        assert answer == {"data": {"payment": None}}

    async def test_a_connection_is_walked_by_its_cursors_each_payment_once(
        self, shop: Shop
    ) -> None:
        order = f"walk-{uuid4().hex[:8]}"
        made = [await self._opened(shop, orderId=order) for _ in range(5)]
        seen = made[-1][1]
        query = """query($order: String!, $after: String) {
          payments(first: 2, after: $after, orderId: $order) {
            edges { cursor node { paymentId } } pageInfo { hasNextPage endCursor } } }"""
        found: list[str] = []
        after = None
        for _ in range(len(made)):
            answer = await asked(shop, query, headers=seen, order=order, after=after)
            page = answer["data"]["payments"]
            found += [edge["node"]["paymentId"] for edge in page["edges"]]
            after = page["pageInfo"]["endCursor"]
            assert after == page["edges"][-1]["cursor"]
            if not page["pageInfo"]["hasNextPage"]:
                break
        assert found == [payment_id for payment_id, _ in reversed(made)]

    async def test_a_connection_is_of_the_payments_that_are_asked_for(self, shop: Shop) -> None:
        order = f"filters-{uuid4().hex[:8]}"
        kept, _ = await self._opened(shop, orderId=order)
        other, _ = await self._opened(shop, orderId=order, providerType="PAGADITO")
        gone, _ = await self._opened(shop, orderId=order)
        cancelled = await shop.command("cancel", gone)
        seen = {"Consistency-Token": cancelled.headers["consistency-token"], "Prefer": "wait=30"}
        at = (await shop.api.get(f"/api/v1/payments/{other}", headers=seen)).json()["createdAt"]
        for filtered, expected in (
            ("", [gone, other, kept]),
            (', status: "CANCELLED"', [gone]),
            (', provider: "PAGADITO"', [other]),
            (f', from: "{at}"', [gone, other]),
            (f', to: "{at}"', [other, kept]),
            (', to: "2020-01-01"', []),
        ):
            query = f'{{ payments(orderId: "{order}"{filtered}) {{ edges {{ node {{ paymentId }} }} }} }}'
            found = (await asked(shop, query, headers=seen))["data"]["payments"]["edges"]
            assert [edge["node"]["paymentId"] for edge in found] == expected, filtered

    async def test_statistics_and_a_history_are_those_of_rest(self, shop: Shop) -> None:
        payment_id, seen = await self._opened(shop)
        answer = await asked(
            shop,
            """query($id: String!) { dailyStats { day providerType currency payments initiated }
            paymentHistory(paymentId: $id) { id type revision actor data } }""",
            headers=seen,
            id=payment_id,
        )
        stats = (await shop.api.get("/api/v1/stats/daily", headers=seen)).json()["data"]
        for one, same in zip(answer["data"]["dailyStats"], stats, strict=True):
            assert {name: same.get(name) for name in one} == one
        assert stats
        path = f"/api/v1/payments/{payment_id}/events"
        history = (await shop.api.get(path)).json()["data"]
        assert answer["data"]["paymentHistory"] == [
            {name: one[name] for name in ("id", "type", "revision", "actor", "data")}
            for one in history
        ]

    async def test_a_payment_is_shown_as_it_was(self, shop: Shop) -> None:
        payment_id, _ = await self._opened(shop)
        await shop.command("cancel", payment_id)
        query = """query($id: String!, $at: DateTime!) { payment(paymentId: $id, asOf: $at) { status } }"""
        history = (await shop.api.get(f"/api/v1/payments/{payment_id}/events")).json()["data"]
        for event, status in ((history[0], "CREATED"), (history[-1], "CANCELLED")):
            answer = await asked(shop, query, id=payment_id, at=event["recordedAt"])
            assert answer == {"data": {"payment": {"status": status}}}

    async def test_a_page_of_a_hundred_is_as_many_reads_as_a_page_of_one(self, shop: Shop) -> None:
        headers = await tenant_with_payments(shop, PAGE_MAX + 1)
        query = """query($first: Int!) { payments(first: $first) {
            edges { cursor node { paymentId tenantId externalReferenceNumber orderId status
              providerType amount currency refundedTotal providerReference failureReason createdAt
              updatedAt revision } }
            pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }"""
        # The process reads now and then for itself: the least of several counts.
        counts: dict[int, list[float]] = {1: [], PAGE_MAX: []}
        for first, reads in [*counts.items()] * 5:
            before = await self._reads(shop)
            answer = await asked(shop, query, headers=headers, first=first)
            reads.append(await self._reads(shop) - before)
            page = answer["data"]["payments"]
            assert len({edge["node"]["paymentId"] for edge in page["edges"]}) == first
            assert page["pageInfo"]["hasNextPage"]
        assert min(counts[PAGE_MAX]) == min(counts[1]) > 0

    async def test_a_payment_of_many_parts_is_as_many_reads_as_one_of_few(self, shop: Shop) -> None:
        query = """query($id: String!) { payment(paymentId: $id) { paymentId
            details { description price } refunds { refundId amount } attempts { providerType }
            disputes { disputeId } } }"""
        plain, plain_seen = await self._opened(shop)
        details = [{"quantity": 1, "description": f"Part {n}", "price": "1.00"} for n in range(50)]
        paid = await shop.paid_payment(amount="50.00", details=details)
        for _ in range(5):
            refunded = await shop.command("refund", paid, amount="1.00")
            assert refunded.status_code == 200, refunded.text
        seen = {**plain_seen, "Consistency-Token": refunded.headers["consistency-token"]}
        counts: dict[str, list[float]] = {plain: [], paid: []}
        for payment_id, reads in [*counts.items()] * 5:
            before = await self._reads(shop)
            answer = await asked(shop, query, headers=seen, id=payment_id)
            reads.append(await self._reads(shop) - before)
            many = payment_id == paid
            payment = answer["data"]["payment"]
            assert len(payment["details"]) == (50 if many else 1)
            assert len(payment["refunds"]) == (5 if many else 0)
        assert min(counts[paid]) == min(counts[plain]) > 0

    async def test_providers_are_shown_as_they_stand(self, shop: Shop) -> None:
        answer = await asked(shop, "{ providers { providerType configured enabled circuit } }")
        shown = {one["providerType"]: one for one in answer["data"]["providers"]}
        assert shown["PAYPAL"]["enabled"]

    @staticmethod
    async def _opened(shop: Shop, **changes: object) -> tuple[str, dict[str, str]]:
        """Return a new payment's id, and the headers of a query that must show it."""
        answer = await shop.initiate(**changes)
        assert answer.status_code == 201, answer.text
        seen = {
            "Consistency-Token": answer.headers["consistency-token"],
            "Prefer": "wait=30",
        }
        return answer.json()["paymentId"], seen

    @staticmethod
    async def _reads(shop: Shop) -> float:
        text = (await shop.api.get("/metrics")).text
        return sum(
            float(line.rpartition(" ")[2])
            for line in text.splitlines()
            if line.startswith("gateway_mongodb_command_duration_seconds_count")
        )


class TestLimits:
    async def test_nobody_without_a_key_asks_anything(self, installation: Installation) -> None:
        async with client(installation.url) as anybody:
            answer = await anybody.post("/graphql", json={"query": "{ providers { enabled } }"})
        assert answer.status_code == 401
        assert answer.json()["code"] == "unauthorized"

    @pytest.mark.parametrize(
        "query",
        [
            "{ nonsense }",
            "{ payments(first: 1) { edges { node { nonsense } } } }",
            "{ providers { " + " ".join(f"p{n}: enabled" for n in range(16)) + " } }",
            "{ providers { " + "enabled " * 2_100 + "} }",
            "mutation { completePayment(tenantId: 1) }",
        ],
    )
    async def test_a_query_that_is_none_or_too_much_is_refused_with_a_code(
        self, shop: Shop, query: str
    ) -> None:
        answer = await asked(shop, query)
        assert answer.get("data") is None
        assert {one["extensions"]["code"] for one in answer["errors"]} == {"invalid_query"}

    async def test_more_than_ten_things_at_once_cost_too_much_also_by_fragments(
        self, shop: Shop
    ) -> None:
        eleven = " ".join(f"p{n}: providers {{ enabled }}" for n in range(11))
        assert code(await asked(shop, f"{{ {eleven} }}")) == "query_too_costly"
        hidden = f"fragment F on Query {{ {eleven} }} query {{ ...F }}"
        assert code(await asked(shop, hidden)) == "query_too_costly"

    async def test_a_page_has_a_limit(self, shop: Shop) -> None:
        answer = await asked(shop, "{ payments(first: 101) { edges { cursor } } }")
        assert code(answer) == "invalid_value"
