"""What every answer says besides its body."""

from __future__ import annotations

from uuid import UUID

import pytest

from tests.integration.rest.shop import Shop, order


class TestHeaders:
    async def test_each_command_says_where_the_payment_is_now(self, shop: Shop) -> None:
        opened = await shop.initiate()
        payment_id = opened.json()["paymentId"]
        cancelled = await shop.command("cancel", payment_id)
        assert [opened.headers["etag"], cancelled.headers["etag"]] == ['"2"', '"3"']
        tokens = {opened.headers["consistency-token"], cancelled.headers["consistency-token"]}
        assert len(tokens) == 2

    async def test_a_request_keeps_the_id_that_it_comes_with(self, shop: Shop) -> None:
        headers = {"X-Request-Id": "my-request-0001"}
        answer = await shop.api.post("/api/v1/payments/cancel", json={}, headers=headers)
        assert answer.headers["x-request-id"] == "my-request-0001"
        assert answer.json()["requestId"] == "my-request-0001"

    @pytest.mark.parametrize("given", ["short", "x" * 65, "no spaces!", ""])
    async def test_an_id_that_is_none_is_replaced(self, shop: Shop, given: str) -> None:
        answer = await shop.api.get("/livez", headers={"X-Request-Id": given})
        UUID(answer.headers["x-request-id"])

    async def test_the_request_is_in_the_metadata_of_what_it_caused(self, shop: Shop) -> None:
        trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        headers = {"X-Request-Id": "my-request-0002", "traceparent": trace}
        answer = await shop.api.post("/api/v1/payments/initiate", json=order(), headers=headers)
        stored = await shop.store.read(f"payment-{answer.json()['paymentId']}")
        for recorded in stored.events:
            assert recorded.context.correlation_id == "my-request-0002"
            assert recorded.context.traceparent == trace
            assert recorded.context.actor == "apikey:acme"
