"""While a server is away: what needs it says so and may be sent again, the rest goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import uuid4

import httpx
import pytest
from pydantic import SecretStr

from payment_gateway.asgi import application
from payment_gateway.domain.events.payment import ProviderAttemptFailedEvent
from payment_gateway.domain.value_objects.external_reference_number import (
    ExternalReferenceNumberVO,
)
from payment_gateway.domain.value_objects.payment_id import PaymentIdVO
from payment_gateway.infrastructure.security.key_file import read_or_create_key_file
from sandbox.ports import free_port
from tests.contracts.provider_sandbox import script_fault
from tests.integration.rest.installation import CLIENT_SECRET, WSK
from tests.integration.rest.recovery import books_agree, recover
from tests.integration.rest.shop import Shop, new_number, order

WRONG = "wrong-planted-secret"
RIGHT: dict[str, object] = {
    "clientId": "acme",
    "clientSecret": CLIENT_SECRET,
    "webhookId": "WH-acme",
}
RIGHT_ACCOUNTS: dict[str, dict[str, object]] = {
    "PAYPAL": RIGHT,
    "PAGADITO": {"uid": "acme", "wsk": WSK},
}
LAPSED = timedelta(hours=4)  # past the time in which PayPal's payer can pay


@asynccontextmanager
async def without(
    shop: Shop, *, key: str = "acme", **changes: object
) -> AsyncGenerator[httpx.AsyncClient, None]:
    """Yield a client of an API of which some servers are not there."""
    app = application(shop.installation.settings.model_copy(update=changes))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    headers = shop.installation.authorization(key)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://api", headers=headers) as api,
    ):
        yield api


async def store(shop: Shop, provider: str, account: dict[str, object]) -> None:
    """Give the tenant that changes accounts another one."""
    body = {"tenantId": "mover", "providerType": provider}
    credentials = {**account, "sandbox": True}
    answer = await shop.api.post(
        "/api/v1/providers/credentials",
        json={**body, "credentials": credentials},
        headers=shop.installation.authorization("admin"),
    )
    assert answer.status_code == 200, answer.text


async def test_commands_go_on_without_the_read_models(shop: Shop) -> None:
    uri = SecretStr(f"mongodb://127.0.0.1:{free_port()}/?replicaSet=none")
    async with without(shop, mongodb_uri=uri) as api:
        payment = await api.post("/api/v1/payments/initiate", json=order())
        assert payment.status_code == 201
        history = await api.get(f"/api/v1/payments/{payment.json()['paymentId']}/events")
        assert history.status_code == 200
        query, ready = await asyncio.gather(api.get("/api/v1/payments"), api.get("/readyz"))
        assert (query.status_code, query.json()["code"]) == (503, "read_models_unavailable")
        assert query.json()["retryable"] is True
        assert ready.status_code == 503
        assert ready.json()["checks"] == {
            "eventstore": "ok",
            "mongodb": "unavailable",
            "projections": "unavailable",
        }
        assert (await api.get("/livez")).status_code == 200


@pytest.mark.usefixtures("projections")
async def test_without_the_event_store_commands_may_be_sent_again(shop: Shop) -> None:
    uri = SecretStr(f"esdb://127.0.0.1:{free_port()}?Tls=false")
    async with without(shop, eventstore_uri=uri, eventstore_timeout_s=1.0) as api:
        payment, ready = await asyncio.gather(
            api.post("/api/v1/payments/initiate", json=order()), api.get("/readyz")
        )
        assert (payment.status_code, payment.json()["code"]) == (503, "event_store_unavailable")
        assert payment.json()["retryable"] is True
        assert int(payment.headers["retry-after"]) >= 1
        assert ready.json()["checks"]["eventstore"] == "unavailable"
        assert (await api.get("/api/v1/payments")).status_code == 200


@pytest.mark.parametrize("provider", ["PAYPAL", "PAGADITO"])
async def test_without_the_provider_nothing_is_in_doubt(shop: Shop, provider: str) -> None:
    gone = f"http://127.0.0.1:{free_port()}"
    async with without(shop, paypal_base_url=gone, pagadito_base_url=gone) as api:
        answer = await api.post("/api/v1/payments/initiate", json=order(providerType=provider))
        assert (answer.status_code, answer.json()["code"]) == (503, "provider_unavailable")


@pytest.mark.parametrize(
    ("provider", "account", "reason"),
    [
        ("PAYPAL", {"clientId": "x", "clientSecret": WRONG, "webhookId": "w"}, "invalid_client"),
        ("PAYPAL", {"clientId": "acme", "clientSecret": WRONG, "webhookId": "w"}, "invalid_client"),
        ("PAGADITO", {"uid": "x", "wsk": WRONG}, "PG3001"),
        ("PAGADITO", {"uid": "acme", "wsk": WRONG}, "PG3001"),
    ],
)
async def test_an_account_that_the_provider_does_not_know(
    shop: Shop, provider: str, account: dict[str, object], reason: str
) -> None:
    """It has said nothing about the payment, which goes on once the account is right."""
    number = new_number()
    body = order(tenantId="mover", providerType=provider, externalReferenceNumber=number)
    await store(shop, provider, account)
    async with without(shop, key="mover") as api:  # its own process remembers no earlier account
        answer = await api.post("/api/v1/payments/initiate", json=body)
        assert (answer.status_code, answer.json()["code"]) == (503, "provider_unavailable")
        assert WRONG not in answer.text
        payment_id = PaymentIdVO.of(ExternalReferenceNumberVO(number)).value
        stored = (await shop.store.read(f"payment-{payment_id}")).events
        failed = stored[-1].event
        assert isinstance(failed, ProviderAttemptFailedEvent)
        assert (failed.proof, failed.reason.rpartition(": ")[2]) == ("not_sent", reason)

        await store(shop, provider, RIGHT_ACCOUNTS[provider])
    async with without(shop, key="mover") as api:
        again = await api.post("/api/v1/payments/initiate", json=body)
    assert (again.status_code, again.json()["paymentId"]) == (201, payment_id)


async def test_an_account_that_is_wrong_for_a_while_fails_nothing(shop: Shop) -> None:
    """A provider that does not know who asks has said nothing about the payment."""
    await store(shop, "PAYPAL", RIGHT)
    async with without(shop, key="mover") as api:
        approved, captured, refunded = [await opened(shop, api) for _ in range(3)]
        await command(api, "complete", refunded)
        await script_fault(shop.paypal, "capture", "drop_after")
        assert (await command(api, "complete", captured)).status_code == 202
        await script_fault(shop.paypal, "refund", "drop_after")
        assert (await command(api, "refund", refunded)).status_code == 202

    await store(shop, "PAYPAL", {**RIGHT, "clientSecret": WRONG})
    async with without(shop, key="mover") as api:
        refused = await command(api, "complete", approved)
    assert (refused.status_code, refused.json()["code"]) == (503, "provider_unavailable")
    histories = [await shop.history(one) for one in (approved, captured, refunded)]
    for payment_id in (approved, captured, refunded):
        await recover(shop, payment_id, after=LAPSED)
    assert [await shop.history(one) for one in (approved, captured, refunded)] == histories

    await store(shop, "PAYPAL", RIGHT)
    for payment_id in (approved, captured, refunded):
        await recover(shop, payment_id, after=LAPSED)
        await books_agree(shop, payment_id)
    last = [(await shop.history(one))[-1] for one in (approved, captured, refunded)]
    assert last == ["PaymentCompleted", "PaymentCompleted", "RefundCompleted"]


async def opened(shop: Shop, api: httpx.AsyncClient) -> str:
    """Return the id of a payment that its payer has approved."""
    answer = await api.post("/api/v1/payments/initiate", json=order(tenantId="mover"))
    await shop.approve(answer.json()["checkoutUrl"])
    return str(answer.json()["paymentId"])


async def command(api: httpx.AsyncClient, name: str, payment_id: str) -> httpx.Response:
    more = {"providerType": "PAYPAL"} if name == "complete" else {"refundId": "r1"}
    body = {"tenantId": "mover", "paymentId": payment_id, **more}
    return await api.post(f"/api/v1/payments/{name}", json=body)


async def test_with_another_master_key_nobody_gets_in(shop: Shop) -> None:
    other = shop.installation.folder / f"other-{uuid4().hex}.key"
    read_or_create_key_file(other)
    async with without(shop, encryption_key_file=other) as api:
        answer = await api.post("/api/v1/payments/initiate", json=order())
        assert answer.status_code == 401  # the keys' hashes depend on it, too


async def test_a_checkout_in_doubt_stays_so_while_the_account_is_wrong(shop: Shop) -> None:
    """That PayPal does not know who asks proves nothing about the request whose answer was lost."""
    await store(shop, "PAYPAL", RIGHT)
    async with without(shop, key="mover") as api:
        await script_fault(shop.paypal, "create_order", "drop_after")
        doubt = await api.post("/api/v1/payments/initiate", json=order(tenantId="mover"))
    assert doubt.status_code == 202
    payment_id = doubt.json()["paymentId"]

    await store(shop, "PAYPAL", {**RIGHT, "clientSecret": WRONG})
    await recover(shop, payment_id, after=timedelta(minutes=2))
    assert (await shop.history(payment_id))[-1] == "OutcomeUnknown"

    await store(shop, "PAYPAL", RIGHT)
    await recover(shop, payment_id, after=timedelta(minutes=2))
    assert (await shop.history(payment_id))[-1] == "CheckoutCreated"
    assert len(await shop.books("orders", payment_id)) == 1
