"""Notifications: what is told, and how they travel when a test wants them to go astray."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.providers.paypal.rules import PayPalRules
from sandbox.providers.webhooks.loopback import is_loopback_url
from tests.unit.sandbox.pagadito_merchant import PagaditoMerchant, pagadito_merchant
from tests.unit.sandbox.paypal_merchant import PayPalMerchant, paypal_merchant
from tests.unit.sandbox.webhook_receiver import Receiver, until, webhook_receiver

IMPATIENT = PayPalRules(webhook_attempts_max=3, webhook_retry_s=0.01)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with webhook_receiver() as listening:
        yield listening


@pytest.fixture
async def paypal(tmp_path: Path, receiver: Receiver) -> AsyncIterator[PayPalMerchant]:
    async with paypal_merchant(tmp_path, IMPATIENT) as merchant:
        await merchant.register(webhookUrl=receiver.url)
        yield merchant


@pytest.fixture
async def pagadito(tmp_path: Path, receiver: Receiver) -> AsyncIterator[PagaditoMerchant]:
    async with pagadito_merchant(tmp_path) as merchant:
        await merchant.register(webhookUrl=receiver.url)
        yield merchant


async def control(shop: PayPalMerchant | PagaditoMerchant, path: str, **body: Any) -> Any:
    answer = await shop.http.post(f"/_control/{path}", json=body)
    assert answer.is_success, answer.text
    return answer.json()


async def listed(shop: PayPalMerchant | PagaditoMerchant) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = (await shop.http.get("/_control/webhooks")).json()["webhooks"]
    return entries


async def states(shop: PayPalMerchant | PagaditoMerchant) -> list[str]:
    return [entry["state"] for entry in await listed(shop)]


async def become(shop: PayPalMerchant | PagaditoMerchant, *wanted: str) -> None:
    async def there() -> bool:
        return await states(shop) == list(wanted)

    await until(there)


class TestPayPalEvents:
    async def test_a_payment_and_its_refund(
        self, paypal: PayPalMerchant, receiver: Receiver
    ) -> None:
        capture_id = await paypal.captured()
        refund = (await paypal.refund(capture_id)).json()
        received = {one.told: one.event for one in await receiver.arrived(3)}
        assert received.keys() == {
            "CHECKOUT.ORDER.APPROVED",
            "PAYMENT.CAPTURE.COMPLETED",
            "PAYMENT.CAPTURE.REFUNDED",
        }
        order = received["CHECKOUT.ORDER.APPROVED"]["resource"]
        capture = received["PAYMENT.CAPTURE.COMPLETED"]["resource"]
        assert (order["status"], capture["id"]) == ("APPROVED", capture_id)
        assert capture["supplementary_data"]["related_ids"]["order_id"] == order["id"]
        refunded = received["PAYMENT.CAPTURE.REFUNDED"]
        assert (refunded["resource_type"], refunded["resource"]["id"]) == ("refund", refund["id"])
        [up] = [link for link in refunded["resource"]["links"] if link["rel"] == "up"]
        assert up["href"].endswith(f"/v2/payments/captures/{capture_id}")

    @pytest.mark.parametrize("status", ["COMPLETED", "DECLINED"])
    async def test_a_review_and_its_end(
        self, paypal: PayPalMerchant, receiver: Receiver, status: str
    ) -> None:
        capture_id = await paypal.captured(funding="review")
        await receiver.arrived(2)
        await control(paypal, f"captures/{capture_id}/settle", status=status)
        told = [one.told for one in await receiver.arrived(3)]
        assert told[2] == f"PAYMENT.CAPTURE.{status}"
        assert "PAYMENT.CAPTURE.PENDING" in told

    @pytest.mark.parametrize(
        ("status", "told"),
        [("COMPLETED", "PAYMENT.CAPTURE.REFUNDED"), ("FAILED", "PAYMENT.REFUND.FAILED")],
    )
    async def test_a_refund_that_waits(
        self, paypal: PayPalMerchant, receiver: Receiver, status: str, told: str
    ) -> None:
        await control(paypal, "scenarios", name="refund-pending-then-failed", afterMs=3_000_000)
        refund = (await paypal.refund(await paypal.captured())).json()
        await receiver.arrived(3)
        await control(paypal, f"refunds/{refund['id']}/settle", status=status)
        all_told = [one.told for one in await receiver.arrived(4)]
        assert "PAYMENT.REFUND.PENDING" in all_told
        assert all_told[3] == told

    async def test_a_dispute_that_is_lost(self, paypal: PayPalMerchant, receiver: Receiver) -> None:
        capture_id = await paypal.captured()
        dispute = await control(paypal, f"captures/{capture_id}/dispute", reason="UNAUTHORISED")
        path = f"disputes/{dispute['id']}/resolve"
        await control(paypal, path, outcome="RESOLVED_BUYER_FAVOUR")
        received = {one.told: one.event["resource"] for one in await receiver.arrived(5)}
        opened = received["CUSTOMER.DISPUTE.CREATED"]
        assert opened["dispute_id"] == dispute["id"]
        assert opened["disputed_transactions"] == [{"seller_transaction_id": capture_id}]
        assert (opened["reason"], opened["status"]) == ("UNAUTHORISED", "OPEN")
        outcome = received["CUSTOMER.DISPUTE.RESOLVED"]["dispute_outcome"]
        assert outcome == {"outcome_code": "RESOLVED_BUYER_FAVOUR"}
        assert received["PAYMENT.CAPTURE.REVERSED"]["amount"]["value"] == "15.50"

    async def test_a_repeated_request_is_told_once(
        self, paypal: PayPalMerchant, receiver: Receiver
    ) -> None:
        order_id = await paypal.approved()
        for _ in range(3):
            await paypal.capture(order_id, key="k")
        await become(paypal, "DELIVERED", "DELIVERED")
        assert len(receiver.all()) == 2

    async def test_a_merchant_without_a_url_is_told_nothing(self, tmp_path: Path) -> None:
        async with paypal_merchant(tmp_path / "quiet") as shop:
            await shop.captured()
            assert await listed(shop) == []


class TestPagaditoEvents:
    async def test_every_status_is_told(
        self, pagadito: PagaditoMerchant, receiver: Receiver
    ) -> None:
        token, _ = await pagadito.charge(allow_pending_payments="true")
        await receiver.arrived(1)
        await pagadito.act(token, "hold")
        await receiver.arrived(2)
        await control(pagadito, f"transactions/{token}/settle", status="REVOKED")
        told = [one.told for one in await receiver.arrived(3)]
        assert told == ["REGISTERED", "VERIFYING", "REVOKED"]

    async def test_an_expiry_is_told(self, pagadito: PagaditoMerchant, receiver: Receiver) -> None:
        token, _ = await pagadito.charge()
        await receiver.arrived(1)
        await pagadito.advance_clock(600)
        told = [one.told for one in await receiver.arrived(2)]
        assert told == ["REGISTERED", "EXPIRED"]
        assert (await pagadito.status(token))["status"] == "EXPIRED"

    async def test_a_paid_charge_does_not_expire(
        self, pagadito: PagaditoMerchant, receiver: Receiver
    ) -> None:
        token, _ = await pagadito.charge()
        await pagadito.act(token, "pay")
        await receiver.arrived(2)
        await pagadito.advance_clock(601)
        later, _ = await pagadito.charge(ern="ERN-2")
        await pagadito.act(later, "return")
        told = sorted(one.told for one in await receiver.arrived(4))
        assert told == ["CANCELED", "COMPLETED", "REGISTERED", "REGISTERED"]


class TestDelivery:
    async def test_it_is_tried_again_until_it_is_taken(
        self, paypal: PayPalMerchant, receiver: Receiver
    ) -> None:
        receiver.statuses = [500, 302]
        await paypal.approved()
        await become(paypal, "DELIVERED")
        [entry] = await listed(paypal)
        assert [attempt["status"] for attempt in entry["attempts"]] == [500, 302, 200]
        assert len({one.body for one in receiver.all()}) == 1

    async def test_it_is_given_up_in_the_end(
        self, paypal: PayPalMerchant, receiver: Receiver
    ) -> None:
        receiver.statuses = [500] * 3
        await paypal.approved()
        await become(paypal, "FAILED")
        [entry] = await listed(paypal)
        again = await control(paypal, f"webhooks/{entry['id']}/deliver")
        assert [attempt["status"] for attempt in again["attempts"]] == [200]
        assert await states(paypal) == ["DELIVERED"]

    async def test_nobody_listens(self, tmp_path: Path) -> None:
        with webhook_receiver() as gone:
            url = gone.url
        async with paypal_merchant(tmp_path, IMPATIENT) as shop:
            await shop.register(webhookUrl=url)
            await shop.approved()
            await become(shop, "FAILED")
            [entry] = await listed(shop)
            assert [attempt["status"] for attempt in entry["attempts"]] == [None] * 3
            assert entry["attempts"][0]["problem"].startswith("ConnectError")

    async def test_held_back_and_delivered_in_another_order(
        self, paypal: PayPalMerchant, receiver: Receiver
    ) -> None:
        assert await control(paypal, "webhooks", mode="hold") == {"mode": "hold"}
        await paypal.captured()
        approved, captured = await listed(paypal)
        assert [approved["state"], captured["state"]] == ["WAITING", "WAITING"]
        assert captured["body"]["event_type"] == "PAYMENT.CAPTURE.COMPLETED"
        await control(paypal, f"webhooks/{captured['id']}/deliver", times=2)
        await control(paypal, f"webhooks/{approved['id']}/deliver")
        assert [one.event["id"] for one in receiver.all()] == [
            captured["id"],
            captured["id"],
            approved["id"],
        ]
        assert await states(paypal) == ["DELIVERED", "DELIVERED"]

    async def test_what_is_held_sets_out_when_it_is_let_go(
        self, paypal: PayPalMerchant, receiver: Receiver
    ) -> None:
        await control(paypal, "webhooks", mode="hold")
        await paypal.captured()
        dropped, _ = await listed(paypal)
        await control(paypal, f"webhooks/{dropped['id']}/drop")
        await control(paypal, "webhooks", mode="auto")
        await become(paypal, "DROPPED", "DELIVERED")
        assert [one.told for one in receiver.all()] == ["PAYMENT.CAPTURE.COMPLETED"]

    async def test_a_tampered_delivery_leaves_it_waiting(
        self, paypal: PayPalMerchant, receiver: Receiver
    ) -> None:
        await control(paypal, "webhooks", mode="hold")
        await paypal.approved()
        [entry] = await listed(paypal)
        await control(paypal, f"webhooks/{entry['id']}/deliver", tamper="signature")
        assert await states(paypal) == ["WAITING"]
        [attempt] = (await listed(paypal))[0]["attempts"]
        assert (attempt["status"], attempt["tamper"]) == (200, "signature")

    async def test_the_merchant_asks_for_it_again(
        self, paypal: PayPalMerchant, receiver: Receiver
    ) -> None:
        await paypal.approved()
        await become(paypal, "DELIVERED")
        [entry] = await listed(paypal)
        path = f"/v1/notifications/webhooks-events/{entry['id']}"
        assert (await paypal.get(path)).content == receiver.all()[0].body
        assert (await paypal.post(f"{path}/resend")).status_code == 202
        first, again = await receiver.arrived(2)
        assert first.body == again.body
        assert (await paypal.get(f"{path}0")).status_code == 404

    async def test_a_merchant_cannot_see_what_another_was_told(
        self, paypal: PayPalMerchant, receiver: Receiver
    ) -> None:
        await paypal.approved()
        [entry] = await listed(paypal)
        other = PayPalMerchant(paypal.http, "other")
        await other.register()
        path = f"/v1/notifications/webhooks-events/{entry['id']}"
        assert (await other.get(path)).status_code == 404
        assert (await other.post(f"{path}/resend")).status_code == 404

    async def test_an_impossible_order_is_refused(self, paypal: PayPalMerchant) -> None:
        answers = [
            await paypal.http.post("/_control/webhooks", json={"mode": "sometimes"}),
            await paypal.http.post("/_control/webhooks/WH-0/deliver", json={"times": 21}),
            await paypal.http.post("/_control/webhooks/WH-0/deliver", json={}),
            await paypal.http.post("/_control/webhooks/WH-0/drop"),
        ]
        assert [answer.status_code for answer in answers] == [422, 422, 404, 404]


class TestScenarios:
    async def test_duplicate(self, paypal: PayPalMerchant, receiver: Receiver) -> None:
        await control(paypal, "scenarios", name="webhook-duplicate")
        await paypal.approved()
        first, again = await receiver.arrived(2)
        assert first.body == again.body

    async def test_late(self, paypal: PayPalMerchant, receiver: Receiver) -> None:
        await control(paypal, "scenarios", name="webhook-late", afterMs=3_600_000)
        await paypal.approved()
        await paypal.approved()  # goes as usual, and so shows that the first has not set out
        await become(paypal, "WAITING", "DELIVERED")
        [prompt] = receiver.all()
        await paypal.advance_clock(3600)
        assert (await receiver.arrived(2))[1].event["id"] != prompt.event["id"]

    async def test_reordered(self, paypal: PayPalMerchant, receiver: Receiver) -> None:
        await control(paypal, "scenarios", name="webhook-reordered", afterMs=200)
        await paypal.captured()
        told = [one.told for one in await receiver.arrived(2)]
        assert told == ["PAYMENT.CAPTURE.COMPLETED", "CHECKOUT.ORDER.APPROVED"]

    async def test_lost(self, pagadito: PagaditoMerchant, receiver: Receiver) -> None:
        await control(pagadito, "scenarios", name="webhook-lost")
        await pagadito.charge()
        await pagadito.charge(ern="ERN-2")
        await become(pagadito, "DROPPED", "DELIVERED")
        assert len(receiver.all()) == 1


class TestAddresses:
    @pytest.mark.parametrize(
        ("url", "own"),
        [
            ("http://127.0.0.1:8080/webhooks", True),
            ("http://127.9.9.9/", True),
            ("http://localhost:1/x?y=z", True),
            ("http://[::1]:8080/", True),
            ("https://127.0.0.1/", False),
            ("http://user@127.0.0.1/", False),
            ("http://10.0.0.1/", False),
            ("http://169.254.169.254/latest", False),
            ("http://127.0.0.1.example/", False),
            ("http://localhost.example/", False),
            ("http://127.0.0.1:99999/", False),
            ("http://0.0.0.0/", False),
            ("http://[::1", False),
            ("file:///etc/passwd", False),
            ("webhooks", False),
        ],
    )
    def test_only_this_machine_is_called(self, url: str, own: bool) -> None:
        assert is_loopback_url(url) == own

    async def test_another_address_is_refused_in_words(
        self, paypal: PayPalMerchant, tmp_path: Path
    ) -> None:
        body = {"clientId": "x", "clientSecret": "y", "webhookId": "z"}
        url = {"webhookUrl": "https://shop.example/webhooks"}
        answer = await paypal.http.post("/_control/merchants", json=body | url)
        assert answer.status_code == 422
        assert "this machine only" in answer.json()["error"]
        async with pagadito_merchant(tmp_path / "pagadito") as shop:
            refused = await shop.http.post(
                "/_control/merchants", json={"uid": "u", "wsk": "w"} | url
            )
            assert refused.status_code == 422


async def test_the_ledger_shows_what_was_told(paypal: PayPalMerchant, receiver: Receiver) -> None:
    order_id = await paypal.approved()
    await become(paypal, "DELIVERED")
    [entry] = (await paypal.ledger())["webhooks"]
    assert (entry["eventType"], entry["paymentId"]) == ("CHECKOUT.ORDER.APPROVED", order_id)
    assert "body" not in entry
