"""PayPal's notifications with ``GATEWAY_PAYPAL_WEBHOOK_VERIFICATION=endpoint``: PayPal itself is asked about each."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from typing import Any

import pytest

from sandbox.ports import free_port
from tests.contracts.provider_sandbox import script_fault
from tests.event_store_fixture import embedded_event_store_uri
from tests.integration.rest.installation import Installation, api_process
from tests.integration.rest.shop import Shop
from tests.integration.test_webhooks_of_providers import (
    OPENED,
    PAID,
    acme_notified_at,
    becomes,
    deliver,
    held_payment,
    installation,
    mode,
    shop,
)
from tests.mongodb_fixture import mongodb_uri

__all__ = ["embedded_event_store_uri", "installation", "mongodb_uri", "shop"]


@pytest.fixture(scope="module")
def asking_api(installation: Installation) -> Generator[str, None, None]:
    """An API that asks PayPal about each notification."""
    url = f"http://127.0.0.1:{free_port()}"
    with api_process(installation, url=url, GATEWAY_PAYPAL_WEBHOOK_VERIFICATION="endpoint"):
        yield url


@pytest.fixture
async def told(
    shop: Shop, asking_api: str
) -> AsyncGenerator[tuple[dict[str, Any], dict[str, Any]], None]:
    """An approved payment, and the notification of it that was not sent yet."""
    await mode(shop.paypal, "hold")
    async with acme_notified_at(shop, "/api/v1/webhooks/paypal/acme", url=asking_api):
        yield await held_payment(shop)
    (await shop.paypal.delete("/_control/faults")).raise_for_status()


async def is_stored(shop: Shop, notification: dict[str, Any]) -> bool:
    stored = await shop.store.read(f"webhook-paypal.{notification['id']}")
    return stored.revision is not None


async def test_what_paypal_says_it_signed_is_stored_and_applied(
    shop: Shop, told: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    payment, approved = told

    assert await deliver(shop.paypal, approved, times=2) == [200, 200]
    await becomes(shop, payment["paymentId"], *PAID)


@pytest.mark.parametrize("tamper", ["signature", "body", "cert_host"])
async def test_what_paypal_says_it_did_not_sign_is_neither_stored_nor_applied(
    shop: Shop, told: tuple[dict[str, Any], dict[str, Any]], tamper: str
) -> None:
    payment, approved = told

    assert await deliver(shop.paypal, approved, tamper=tamper) == [401]
    assert not await is_stored(shop, approved)
    assert await shop.history(payment["paymentId"]) == OPENED


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "drop_before"},
        {"kind": "drop_after"},
        {"kind": "status", "status": 503},
        {"kind": "refuse", "code": "INTERNAL_SERVER_ERROR"},
        {"kind": "empty_after"},
    ],
    ids=lambda fault: fault["kind"],
)
async def test_while_paypal_is_away_nothing_is_stored_and_it_is_to_be_sent_again(
    shop: Shop, told: tuple[dict[str, Any], dict[str, Any]], fault: dict[str, Any]
) -> None:
    payment, approved = told
    await script_fault(shop.paypal, "verify_webhook", **fault)

    assert await deliver(shop.paypal, approved) == [503]
    assert not await is_stored(shop, approved)
    assert await shop.history(payment["paymentId"]) == OPENED

    assert (await deliver(shop.paypal, approved))[-1] == 200
    await becomes(shop, payment["paymentId"], *PAID)
