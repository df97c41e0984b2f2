"""Providers notify a running installation: each payment comes to where its provider is, once."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from typing import Any, Final

import httpx
import pytest

from sandbox.ports import free_port
from tests.child_process import running
from tests.event_store_fixture import embedded_event_store_uri
from tests.integration.rest.installation import (
    CLIENT_SECRET,
    TENANTS,
    WSK,
    Installation,
    api_process,
    client,
    running_installation,
)
from tests.integration.rest.shop import Shop, new_number, open_shop
from tests.integration.rest.test_secrets import stored_bytes
from tests.mongodb_fixture import mongodb_uri

__all__ = ["embedded_event_store_uri", "mongodb_uri"]

OPENED: Final = ["PaymentInitiated", "ProviderAttemptStarted", "CheckoutCreated"]
PAID: Final = [*OPENED, "CaptureRequested", "PaymentCompleted"]
WITHIN_S: Final = 15.0
LOOK_EVERY_S: Final = 0.05
UNSIGNED: Final = b'{"id": "WH-TEST-1", "event_type": "PAYMENT.CAPTURE.COMPLETED"}'
FORGED_HEADERS: Final[dict[str, dict[str, str]]] = {
    provider: {
        f"{provider}-{name}": value
        for name, value in {
            "transmission-id": "T-1",
            "transmission-time": "2026-06-01T12:00:00Z",
            "transmission-sig": "c2ln",
            "notification-id": "T-1",
            "notification-timestamp": "2026-06-01T12:00:00Z",
            "signature": "c2ln",
            "cert-url": "https://evil.example/cert.pem",
            "auth-algo": "SHA256withRSA",
        }.items()
    }
    for provider in ("paypal", "pagadito")
}

pytestmark = pytest.mark.xdist_group("webhooks-of-providers")


@pytest.fixture(scope="module")
def installation(
    tmp_path_factory: pytest.TempPathFactory, embedded_event_store_uri: str, mongodb_uri: str
) -> Generator[Installation, None, None]:
    folder = tmp_path_factory.mktemp("installation")
    with running_installation(folder, embedded_event_store_uri, mongodb_uri) as built:
        _ask_for_notifications(built)
        argv = (sys.executable, "-m", "payment_gateway", "work")
        with running(argv, log=folder / "work.log", env=built.environment):
            yield built


def _ask_for_notifications(installation: Installation) -> None:
    for tenant in TENANTS:
        paypal = {"clientId": tenant, "clientSecret": CLIENT_SECRET, "webhookId": f"WH-{tenant}"}
        template = f"{installation.url}/checkout/return/pagadito?token={{value}}&ern={{ern_value}}"
        pagadito = {"uid": tenant, "wsk": WSK, "returnUrlTemplate": template}
        for provider, url, account in (
            ("paypal", installation.paypal, paypal),
            ("pagadito", installation.pagadito, pagadito),
        ):
            webhook_url = f"{installation.url}/api/v1/webhooks/{provider}/{tenant}"
            httpx.post(
                f"{url}/_control/merchants", json={**account, "webhookUrl": webhook_url}
            ).raise_for_status()


@pytest.fixture
async def shop(installation: Installation) -> AsyncGenerator[Shop, None]:
    async with open_shop(installation) as opened:
        yield opened
        for provider in (opened.paypal, opened.pagadito):
            await mode(provider, "auto")


async def mode(provider: httpx.AsyncClient, name: str) -> None:
    (await provider.post("/_control/webhooks", json={"mode": name})).raise_for_status()


async def notifications(provider: httpx.AsyncClient, order_id: str) -> list[dict[str, Any]]:
    listed = (await provider.get("/_control/webhooks")).json()["webhooks"]
    return [one for one in listed if one["paymentId"] == order_id]


async def deliver(
    provider: httpx.AsyncClient, notification: dict[str, Any], **how: object
) -> list[int | None]:
    """Have a notification sent and return how it was answered."""
    answer = await provider.post(f"/_control/webhooks/{notification['id']}/deliver", json=how)
    assert answer.is_success, answer.text
    return [attempt["status"] for attempt in answer.json()["attempts"]]


async def becomes(shop: Shop, payment_id: str, *history: str) -> None:
    """Wait until exactly this has happened to a payment."""
    await stream_becomes(shop, f"payment-{payment_id}", *history)


async def stream_becomes(shop: Shop, stream: str, *history: str) -> None:
    deadline = time.monotonic() + WITHIN_S
    while True:
        stored = (await shop.store.read(stream)).events
        if [event.type for event in stored] == list(history):
            return
        assert time.monotonic() < deadline, [event.type for event in stored]
        await asyncio.sleep(LOOK_EVERY_S)


async def held_payment(shop: Shop) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return an approved PayPal payment and the notification of it, which was not sent."""
    await mode(shop.paypal, "hold")
    payment = await shop.opened_payment()
    order_id = httpx.URL(payment["checkoutUrl"]).params["token"]
    await shop.approve(payment["checkoutUrl"])
    (approved,) = await notifications(shop.paypal, order_id)
    return payment, approved


class TestPayPal:
    async def test_an_approval_completes_a_payment_whose_payer_never_comes_back(
        self, shop: Shop
    ) -> None:
        payment = await shop.opened_payment()
        await shop.approve(payment["checkoutUrl"])

        await becomes(shop, payment["paymentId"], *PAID)
        assert len(await shop.books("captures", payment["paymentId"])) == 1

    async def test_webhook_and_return_and_complete_at_once_are_one_capture(
        self, shop: Shop
    ) -> None:
        payment, approved = await held_payment(shop)
        order_id = httpx.URL(payment["checkoutUrl"]).params["token"]
        back = f"/checkout/return/paypal?token={order_id}&payment_id={payment['paymentId']}"
        await asyncio.gather(
            deliver(shop.paypal, approved, times=3),
            shop.api.get(back),
            shop.complete(payment["paymentId"]),
        )

        await becomes(shop, payment["paymentId"], *PAID)
        assert len(await shop.books("captures", payment["paymentId"])) == 1

    async def test_a_notification_is_stored_once_and_applied_once(self, shop: Shop) -> None:
        payment, approved = await held_payment(shop)

        assert await deliver(shop.paypal, approved, times=3) == [200, 200, 200]
        await becomes(shop, payment["paymentId"], *PAID)
        await stream_becomes(
            shop, f"webhook-paypal.{approved['id']}", "WebhookReceived", "WebhookApplied"
        )

    @pytest.mark.parametrize("tamper", ["signature", "body", "cert_host"])
    async def test_a_forged_notification_is_neither_stored_nor_applied(
        self, shop: Shop, tamper: str
    ) -> None:
        payment, approved = await held_payment(shop)

        assert await deliver(shop.paypal, approved, tamper=tamper) == [401]
        assert (await shop.store.read(f"webhook-paypal.{approved['id']}")).revision is None
        assert await shop.history(payment["paymentId"]) == OPENED

    async def test_notifications_in_the_wrong_order_leave_the_payment_where_it_is(
        self, shop: Shop
    ) -> None:
        payment, approved = await held_payment(shop)
        await shop.complete(payment["paymentId"])
        order_id = httpx.URL(payment["checkoutUrl"]).params["token"]
        _, captured = await notifications(shop.paypal, order_id)

        await deliver(shop.paypal, captured)
        await deliver(shop.paypal, approved)
        for one in (captured, approved):
            await stream_becomes(
                shop, f"webhook-paypal.{one['id']}", "WebhookReceived", "WebhookApplied"
            )
        assert await shop.history(payment["paymentId"]) == PAID

    async def test_a_refund_notified_and_answered_is_one_refund(self, shop: Shop) -> None:
        payment_id = await shop.paid_payment()
        await shop.command("refund", payment_id, amount="5.00", refundId="r1")
        (refund,) = await shop.books("refunds", payment_id)
        (order,) = await shop.books("orders", payment_id)
        last = (await notifications(shop.paypal, order["id"]))[-1]

        await stream_becomes(
            shop, f"webhook-paypal.{last['id']}", "WebhookReceived", "WebhookApplied"
        )
        assert await shop.history(payment_id) == [*PAID, "RefundRequested", "RefundCompleted"]
        assert refund["amount"] == "5.00"

    async def test_a_dispute_lost_takes_the_money_back_though_it_names_only_the_capture(
        self, shop: Shop
    ) -> None:
        payment_id = await shop.paid_payment()
        (capture,) = await shop.books("captures", payment_id)
        opened = await shop.paypal.post(f"/_control/captures/{capture['id']}/dispute", json={})
        await becomes(shop, payment_id, *PAID, "DisputeOpened")
        (
            await shop.paypal.post(
                f"/_control/disputes/{opened.json()['id']}/resolve",
                json={"outcome": "RESOLVED_BUYER_FAVOUR"},
            )
        ).raise_for_status()

        deadline = time.monotonic() + WITHIN_S
        ending = {"DisputeClosed", "ProviderRefundRecorded"}
        while not ending <= set(await shop.history(payment_id)):
            assert time.monotonic() < deadline, await shop.history(payment_id)
            await asyncio.sleep(LOOK_EVERY_S)

    async def test_a_notification_for_another_tenants_account_is_refused(self, shop: Shop) -> None:
        async with acme_notified_at(shop, "/api/v1/webhooks/paypal/rival"):
            _, approved = await held_payment(shop)

        assert await deliver(shop.paypal, approved) == [401]

    async def test_without_a_tenant_the_payment_that_is_named_tells_whose_it_is(
        self, shop: Shop
    ) -> None:
        async with acme_notified_at(shop, "/api/v1/webhooks/paypal"):
            payment, approved = await held_payment(shop)

        assert await deliver(shop.paypal, approved) == [200]
        await becomes(shop, payment["paymentId"], *PAID)

    async def test_a_certificate_must_be_issued_by_the_authority_that_is_given(
        self, shop: Shop
    ) -> None:
        for issuer, expected in ((shop.pagadito, 401), (shop.paypal, 200)):
            ca = shop.installation.folder / f"ca-{expected}.pem"
            ca.write_bytes((await issuer.get("/_control/ca.pem")).content)
            url = f"http://127.0.0.1:{free_port()}"
            async with acme_notified_at(shop, "/api/v1/webhooks/paypal/acme", url=url):
                _, approved = await held_payment(shop)
            with api_process(shop.installation, url=url, GATEWAY_PAYPAL_CA_FILE=str(ca)):
                assert await deliver(shop.paypal, approved) == [expected]


@asynccontextmanager
async def acme_notified_at(
    shop: Shop, path: str, *, url: str | None = None
) -> AsyncGenerator[None, None]:
    """Have PayPal notify acme of what happens in this block at another address."""
    base = url or shop.installation.url
    account = {"clientId": "acme", "clientSecret": CLIENT_SECRET, "webhookId": "WH-acme"}
    usual = f"{shop.installation.url}/api/v1/webhooks/paypal/acme"
    for webhook_url in (f"{base}{path}", usual):
        answer = await shop.paypal.post(
            "/_control/merchants", json={**account, "webhookUrl": webhook_url}
        )
        assert answer.is_success, answer.text
        if webhook_url != usual:
            yield


class TestPagadito:
    async def test_a_payment_completes_though_its_payer_never_comes_back(self, shop: Shop) -> None:
        payment = await shop.opened_payment(providerType="PAGADITO")
        await shop.pay_at_pagadito(payment["checkoutUrl"])

        await becomes(shop, payment["paymentId"], *OPENED, "PaymentCompleted")

    async def test_each_status_is_stored_and_only_news_are_applied(self, shop: Shop) -> None:
        payment = await shop.opened_payment(providerType="PAGADITO")
        await shop.pay_at_pagadito(payment["checkoutUrl"])
        await becomes(shop, payment["paymentId"], *OPENED, "PaymentCompleted")
        token = httpx.URL(payment["checkoutUrl"]).params["token"]

        for one in await notifications(shop.pagadito, token):
            assert await deliver(shop.pagadito, one, times=2) == [200, 200]
            await stream_becomes(
                shop, f"webhook-pagadito.{one['id']}", "WebhookReceived", "WebhookApplied"
            )
        assert await shop.history(payment["paymentId"]) == [*OPENED, "PaymentCompleted"]

    @pytest.mark.parametrize("tamper", ["signature", "body", "cert_host"])
    async def test_a_forged_notification_is_neither_stored_nor_applied(
        self, shop: Shop, tamper: str
    ) -> None:
        await mode(shop.pagadito, "hold")
        payment = await shop.opened_payment(providerType="PAGADITO")
        await shop.pay_at_pagadito(payment["checkoutUrl"])
        token = httpx.URL(payment["checkoutUrl"]).params["token"]
        paid = (await notifications(shop.pagadito, token))[-1]

        assert await deliver(shop.pagadito, paid, tamper=tamper) == [401]
        assert (await shop.store.read(f"webhook-pagadito.{paid['id']}")).revision is None
        assert await shop.history(payment["paymentId"]) == OPENED


class TestAnybody:
    @pytest.mark.parametrize("provider", ["paypal", "pagadito"])
    async def test_what_is_no_notification_is_told_so(self, shop: Shop, provider: str) -> None:
        async with client(shop.installation.url) as anybody:
            for body in (b"", b"no json", b"[]", b"{}", b'{"id": 7, "event_type": "X"}'):
                answer = await anybody.post(f"/api/v1/webhooks/{provider}/acme", content=body)
                assert answer.status_code == 400, body
                assert answer.json()["code"] == "not_a_notification"

    @pytest.mark.parametrize("tenant", ["nobody", "bare", "NOT A TENANT"])
    async def test_a_tenant_that_has_no_account_is_as_one_that_is_not_there(
        self, shop: Shop, tenant: str
    ) -> None:
        async with client(shop.installation.url) as anybody:
            answer = await anybody.post(f"/api/v1/webhooks/paypal/{tenant}", content=UNSIGNED)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")

    async def test_what_is_not_signed_is_refused(self, shop: Shop) -> None:
        async with client(shop.installation.url) as anybody:
            for provider in ("paypal", "pagadito"):
                answer = await anybody.post(f"/api/v1/webhooks/{provider}/acme", content=UNSIGNED)
                assert (answer.status_code, answer.json()["code"]) == (401, "signature_refused")

    @pytest.mark.parametrize("provider", ["paypal", "pagadito"])
    async def test_whether_there_is_a_payment_is_not_told_to_whoever_asks(
        self, shop: Shop, provider: str
    ) -> None:
        own = (await shop.opened_payment(providerType=provider.upper()))["externalReferenceNumber"]
        answers = []
        async with client(shop.installation.url) as anybody:
            for number in (own, new_number()):
                body = {"id": "WH-1", "event_type": "CHECKOUT.ORDER.APPROVED"}
                resource = {
                    "paypal": {"purchase_units": [{"invoice_id": number}]},
                    "pagadito": {"ern": number},
                }[provider]
                for headers in ({}, FORGED_HEADERS[provider]):
                    answer = await anybody.post(
                        f"/api/v1/webhooks/{provider}",
                        json=body | {"resource": resource},
                        headers=headers,
                    )
                    problem = answer.json()
                    problem.pop("requestId")
                    answers.append((answer.status_code, problem))
        assert answers == [answers[0]] * 4
        assert (answers[0][0], answers[0][1]["code"]) == (401, "signature_refused")

    async def test_a_body_without_end_is_not_read(self, shop: Shop) -> None:
        async with client(shop.installation.url) as anybody:
            answer = await anybody.post("/api/v1/webhooks/paypal/acme", content=b"x" * 300_000)
        assert answer.status_code == 413


async def test_nothing_secret_or_personal_of_a_notification_is_in_clear(shop: Shop) -> None:
    payment = await shop.opened_payment()
    await shop.approve(payment["checkoutUrl"])
    await becomes(shop, payment["paymentId"], *PAID)

    logs = "".join(path.read_text() for path in shop.installation.folder.glob("*.log"))
    stored = stored_bytes(shop)
    for text in (CLIENT_SECRET, WSK, "email_address"):
        assert text not in logs
        assert text.encode() not in stored
