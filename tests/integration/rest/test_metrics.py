"""What a process counts of what it does, as Prometheus reads it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from uuid import uuid4

from prometheus_client.parser import text_string_to_metric_families

from payment_gateway.presentation.rest.openapi_operations import OPERATION_IDS
from tests.integration.rest.shop import Shop, order

COMMANDS: Final = "gateway_commands_total"
ROUTE: Final = "/api/v1/payments/initiate"

Samples = Mapping[tuple[str, frozenset[tuple[str, str]]], float]


async def scraped(shop: Shop) -> Samples:
    answer = await shop.api.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def grown(before: Samples, after: Samples, name: str, **labels: str) -> float:
    key = (name, frozenset(labels.items()))
    return after.get(key, 0.0) - before.get(key, 0.0)


class TestMetrics:
    async def test_a_payment_is_counted_wherever_it_went(self, shop: Shop) -> None:
        before = await scraped(shop)
        await shop.opened_payment()
        after = await scraped(shop)

        request = {"method": "POST", "route": ROUTE}
        assert grown(before, after, "gateway_http_requests_total", **request, status="201") == 1
        assert grown(before, after, "gateway_http_request_duration_seconds_count", **request) == 1
        for event in ("PaymentInitiated", "ProviderAttemptStarted", "CheckoutCreated"):
            assert grown(before, after, "gateway_events_appended_total", type=event) == 1
        call = {"provider": "PAYPAL", "operation": "create_checkout"}
        assert grown(before, after, "gateway_provider_calls_total", **call, outcome="answered") == 1
        assert grown(before, after, "gateway_provider_call_duration_seconds_count", **call) == 1
        appends = grown(
            before, after, "gateway_event_store_call_duration_seconds_count", call="append"
        )
        assert appends >= 2

    async def test_commands_are_counted_by_their_names_and_how_they_ended(self, shop: Shop) -> None:
        before = await scraped(shop)
        body = order()
        key = {"Idempotency-Key": "counted-once"}
        for _ in range(2):
            answer = await shop.api.post(ROUTE, json=body, headers=key)
            assert answer.status_code == 201, answer.text
        refund = {"tenantId": "acme", "paymentId": str(uuid4()), "amount": "1.00"}
        refused = await shop.api.post("/api/v1/payments/refund", json=refund)
        after = await scraped(shop)

        def ended(command: str, outcome: str) -> float:
            labels = {"command": command, "outcome": outcome}
            return grown(before, after, "gateway_commands_total", **labels)

        assert refused.status_code == 404
        assert ended("initiatePayment", "done") == 1
        assert ended("initiatePayment", "replayed") == 1
        assert ended("refundPayment", "refused") == 1
        names = {dict(labels)["command"] for name, labels in after if name == COMMANDS}
        assert names <= set(OPERATION_IDS.values())

    async def test_reads_of_a_read_model_are_timed(self, shop: Shop) -> None:
        before = await scraped(shop)
        await shop.api.get("/readyz")
        after = await scraped(shop)

        pinged = {"command": "ping"}
        assert grown(before, after, "gateway_mongodb_command_duration_seconds_count", **pinged) >= 1

    async def test_what_anybody_asks_for_becomes_no_label(self, shop: Shop) -> None:
        await shop.api.get("/nobody/asked/for-this-5f2b")
        payment_id = (await shop.opened_payment())["paymentId"]
        await shop.api.get(f"/api/v1/payments/{payment_id}")
        await shop.api.request("PROPFIND", "/coffee")
        after = await scraped(shop)

        labels = {value for _, pairs in after for _, value in pairs}
        assert not any("5f2b" in value or payment_id in value for value in labels)
        assert {"none", "other", "/api/v1/payments/{paymentId}"} <= labels
        assert "acme" not in labels
        assert "PROPFIND" not in labels

    async def test_the_process_itself_is_measured(self, shop: Shop) -> None:
        names = {name for name, _ in await scraped(shop)}

        assert {"process_resident_memory_bytes", "process_open_fds", "python_info"} <= names
