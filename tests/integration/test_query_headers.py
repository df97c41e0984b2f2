"""What queries say beside their answers: which state they show, and whether it is the one known already."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from projections.audit_log import MODEL as AUDIT_LOG
from projections.daily_stats import MODEL as DAILY_STATS
from projections.event_feed import MODEL as EVENT_FEED
from projections.order_payments import MODEL as ORDER_PAYMENTS
from projections.payment_details import MODEL as PAYMENT_DETAILS
from projections.payment_list import MODEL as PAYMENT_LIST
from projections.provider_health import MODEL as PROVIDER_HEALTH
from projections.read_model import ReadModel
from tests.integration.query_gateway import (
    PAYPAL_ID,
    Gateway,
    first_generation,
    gateway,
    initiated,
    paid,
)
from tests.mongodb_fixture import mongodb_uri

__all__ = ["gateway", "mongodb_uri"]

# Every query over a read model, and which one.
OVER: dict[str, ReadModel] = {
    f"/payments/{PAYPAL_ID}": PAYMENT_DETAILS,
    "/payments": PAYMENT_LIST,
    "/orders/order-1/payments": ORDER_PAYMENTS,
    "/stats/daily": DAILY_STATS,
    "/events": EVENT_FEED,
    "/providers/health": PROVIDER_HEALTH,
    "/audit": AUDIT_LOG,
    f"/payments/{PAYPAL_ID}/audit": AUDIT_LOG,
}
ALL = [*OVER, f"/payments/{PAYPAL_ID}/events"]


async def reached(gateway: Gateway, model: ReadModel, position: int) -> None:
    await gateway.database["checkpoints"].update_one(
        {"_id": first_generation(model).subscription(0)},
        {"$set": {"position": position}},
        upsert=True,
    )


class TestConsistency:
    @pytest.mark.parametrize("path", OVER)
    async def test_a_query_waits_until_it_shows_what_the_caller_was_told(
        self, gateway: Gateway, path: str
    ) -> None:
        await gateway.record(initiated(PAYPAL_ID))
        await reached(gateway, OVER[path], 6)
        asking = asyncio.create_task(gateway.get(path, headers={"Consistency-Token": "7"}))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(asking), 0.2)

        await reached(gateway, OVER[path], 7)

        answer = await asking
        assert (answer.status_code, answer.headers["consistency-token"]) == (200, "7")
        assert "preference-applied" not in answer.headers

    @pytest.mark.parametrize("path", OVER)
    async def test_who_waits_is_told_that_the_wait_was_applied(
        self, gateway: Gateway, path: str
    ) -> None:
        await gateway.record(initiated(PAYPAL_ID))
        await reached(gateway, OVER[path], 9)
        headers = {"Consistency-Token": "7", "Prefer": "wait=77"}
        answer = await gateway.get(path, headers=headers)
        assert answer.headers["preference-applied"] == "wait=30", "the longest there is"
        assert answer.headers["consistency-token"] == "9"

    @pytest.mark.parametrize("path", OVER)
    async def test_after_the_time_that_the_caller_waits_it_says_not_yet(
        self, gateway: Gateway, path: str
    ) -> None:
        for prefer in ("respond-async, wait=0", "wait=1"):
            headers = {"Consistency-Token": "7", "Prefer": prefer}
            answer = await gateway.get(path, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (503, "not_yet")

    @pytest.mark.parametrize("path", ALL)
    async def test_a_text_that_is_no_token_is_refused(self, gateway: Gateway, path: str) -> None:
        answer = await gateway.get(path, headers={"Consistency-Token": "nonsense"})
        assert answer.status_code == 422

    async def test_the_token_of_a_history_is_that_of_its_last_event(self, gateway: Gateway) -> None:
        await gateway.record(initiated(PAYPAL_ID), *paid(PAYPAL_ID))
        last = (await gateway.store.read(f"payment-{PAYPAL_ID}")).events[-1].position
        for path in (f"/payments/{PAYPAL_ID}/events", f"/payments/{PAYPAL_ID}?as_of=2026-03-01"):
            answer = await gateway.get(path)
            assert answer.headers["consistency-token"] == str(last)

    async def test_however_many_wait_each_is_answered_when_its_own_state_shows(
        self, gateway: Gateway
    ) -> None:
        await gateway.record(initiated(PAYPAL_ID))
        asking = [
            asyncio.create_task(
                gateway.get("/payments", headers={"Consistency-Token": str(position)})
            )
            for position in range(1, 101)
        ]
        await reached(gateway, PAYMENT_LIST, 50)
        answers = await asyncio.gather(*asking[:50])
        assert {answer.status_code for answer in answers} == {200}
        assert not any(one.done() and one.result().status_code == 200 for one in asking[50:])
        await reached(gateway, PAYMENT_LIST, 100)
        answers = await asyncio.gather(*asking[50:])
        assert {answer.headers["consistency-token"] for answer in answers} == {"100"}


class TestWhatIsKnownAlready:
    @pytest.mark.parametrize("path", ALL)
    async def test_is_not_sent_again(self, gateway: Gateway, path: str) -> None:
        await gateway.record(initiated(PAYPAL_ID), *paid(PAYPAL_ID))
        first = await gateway.get(path)
        tag = first.headers["etag"]
        assert "no-cache" in first.headers["cache-control"]

        again = await gateway.get(path, headers={"If-None-Match": f'"other", {tag}'})

        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == tag
        assert again.headers["consistency-token"]
        for name in ("content-type", "content-length"):
            assert name not in again.headers

    @pytest.mark.parametrize("path", ALL)
    async def test_is_sent_again_once_it_has_changed(self, gateway: Gateway, path: str) -> None:
        await gateway.record(initiated(PAYPAL_ID))
        tag = (await gateway.get(path)).headers["etag"]
        await gateway.record(*paid(PAYPAL_ID))

        again = await gateway.get(path, headers={"If-None-Match": tag})

        assert again.status_code == 200
        assert again.headers["etag"] != tag

    async def test_a_payments_tag_is_its_revision_as_commands_know_it(
        self, gateway: Gateway
    ) -> None:
        await gateway.record(initiated(PAYPAL_ID), *paid(PAYPAL_ID))
        assert (await gateway.get(f"/payments/{PAYPAL_ID}")).headers["etag"] == '"5"'
        then = await gateway.get(f"/payments/{PAYPAL_ID}?as_of=2026-02-03T04:05:06.789Z")
        assert then.status_code == 404, "nothing yet; a refusal has no tag"
        assert "etag" not in then.headers

    async def test_what_was_erased_is_not_left_with_who_had_it(self, gateway: Gateway) -> None:
        payment_id = await gateway.record(replace(initiated(), personal="erased"))
        again = await gateway.get(f"/payments/{payment_id}", headers={"If-None-Match": '"0"'})
        assert again.status_code == 200
        assert again.json()["customer"] is None

    async def test_another_tenants_tag_opens_nothing(self, gateway: Gateway) -> None:
        await gateway.record(initiated(PAYPAL_ID))
        headers = {"If-None-Match": "*"}
        answer = await gateway.get(f"/payments/{PAYPAL_ID}", tenant_id="other", headers=headers)
        assert answer.status_code == 404
