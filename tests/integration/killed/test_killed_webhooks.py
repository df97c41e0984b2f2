"""The API dies by SIGKILL while it takes a notification: sent again, it is stored once and applied once."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

import httpx
import pytest

from tests.integration.killed.day import PRICE, Day, becomes
from tests.integration.killed.processes import Host
from tests.integration.rest.installation import CLIENT_SECRET, WSK, api_process
from tests.integration.rest.shop import Shop
from tests.integration.rest.test_splits import MIXED, opened_part, started, until

# All points between a notification and its answer, of which the first test makes sure.
POINTS: Final = ["verify", "append SubjectKeyCreated", "append WebhookReceived"]
PROVIDERS: Final = ("PAYPAL", "PAGADITO")

# Each test starts processes and waits until they are ready, however busy the machine is.
pytestmark = pytest.mark.timeout(600)


@dataclass(frozen=True)
class Notifier:
    """A provider whose notifications of acme wait to be sent."""

    shop: Shop
    provider: str

    @property
    def http(self) -> httpx.AsyncClient:
        return self.shop.paypal if self.provider == "PAYPAL" else self.shop.pagadito

    async def hold(self, api_url: str) -> None:
        """Send what happens from now on to an API, but nothing by itself."""
        back = f"{self.shop.installation.url}/checkout/return/pagadito"
        accounts: dict[str, dict[str, str]] = {
            "PAYPAL": {"clientId": "acme", "clientSecret": CLIENT_SECRET, "webhookId": "WH-acme"},
            "PAGADITO": {
                "uid": "acme",
                "wsk": WSK,
                "returnUrlTemplate": f"{back}?token={{value}}&ern={{ern_value}}",
            },
        }
        url = f"{api_url}/api/v1/webhooks/{self.provider.lower()}/acme"
        merchant = {**accounts[self.provider], "webhookUrl": url}
        (await self.http.post("/_control/merchants", json=merchant)).raise_for_status()
        (await self.http.post("/_control/webhooks", json={"mode": "hold"})).raise_for_status()

    async def approved(self, checkout_url: str) -> dict[str, Any]:
        """Have the payer approve; return the notification of it, which was not sent."""
        if self.provider == "PAYPAL":
            await self.shop.approve(checkout_url)
        else:
            await self.shop.pay_at_pagadito(checkout_url)
        order_id = httpx.URL(checkout_url).params["token"]
        listed = (await self.http.get("/_control/webhooks")).json()["webhooks"]
        return dict([one for one in listed if one["paymentId"] == order_id][-1])

    async def deliver(self, notification: dict[str, Any]) -> int | None:
        """Send it; return how it was answered, ``None`` where it was not."""
        path = f"/_control/webhooks/{notification['id']}/deliver"
        answer = await self.http.post(path, json={})
        assert answer.is_success, answer.text
        status: int | None = answer.json()["attempts"][-1]["status"]
        return status

    async def stored(self, notification: dict[str, Any]) -> list[str]:
        """Return what is recorded of a notification."""
        stream = f"webhook-{self.provider.lower()}.{notification['id']}"
        return [event.type for event in (await self.shop.store.read(stream)).events]


async def taken_in_the_end(
    notifier: Notifier, host: Host, checkout_url: str, point: str
) -> dict[str, Any]:
    """Send a notification to an API that dies of it, and again to the one after that, until it says 200."""
    async with host.api(point) as doomed:
        assert doomed.url is not None
        await notifier.hold(doomed.url)
        notification = await notifier.approved(checkout_url)
        assert await notifier.deliver(notification) is None
        await doomed.dies()
    already = ["WebhookReceived"] if point == POINTS[-1] else []
    assert await notifier.stored(notification) == already
    with api_process(notifier.shop.installation, url=doomed.url):
        assert [await notifier.deliver(notification) for _ in range(2)] == [200, 200]
    assert await notifier.stored(notification) == ["WebhookReceived"]
    return notification


async def applied(notifier: Notifier, notification: dict[str, Any]) -> None:
    async def is_applied() -> bool:
        return await notifier.stored(notification) == ["WebhookReceived", "WebhookApplied"]

    await becomes(is_applied, lambda: notifier.stored(notification))


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_these_are_all_points(shop: Shop, host: Host, provider: str) -> None:
    notifier, day = Notifier(shop, provider), Day(shop, provider)
    async with host.api() as api:
        assert api.url is not None
        await notifier.hold(api.url)
        notification = await notifier.approved((await day.initiate()).json()["checkoutUrl"])
        assert await notifier.deliver(notification) == 200
        assert api.points() == POINTS


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_notification_is_applied_once(
    shop: Shop, host: Host, provider: str, point: str
) -> None:
    notifier, day = Notifier(shop, provider), Day(shop, provider)
    checkout_url = (await day.initiate()).json()["checkoutUrl"]
    notification = await taken_in_the_end(notifier, host, checkout_url, point)

    async with host.reactors():
        await applied(notifier, notification)
        await day.has_outcomes()

    assert Counter(await day.history())["PaymentCompleted"] == 1
    assert await day.moved() == ([PRICE], [])


async def test_an_order_in_parts_goes_on(shop: Shop, host: Host) -> None:
    split = await started(shop, MIXED)
    last, first = split["parts"]
    notifier = Notifier(shop, "PAYPAL")
    notification = await taken_in_the_end(notifier, host, first["checkoutUrl"], POINTS[-1])

    async with host.reactors():
        await applied(notifier, notification)
        await shop.pay_at_pagadito(await opened_part(shop, split, 0))
        completed = await shop.complete(last["paymentId"], "PAGADITO")
        assert completed.json()["status"] == "COMPLETED", completed.text
        await until(shop, split, "COMPLETED")

    captures = await shop.books("captures", first["paymentId"])
    assert [one["amount"] for one in captures] == ["12.00"]
    for part in (first, last):
        assert Counter(await shop.history(part["paymentId"]))["PaymentCompleted"] == 1
    assert await notifier.stored(notification) == ["WebhookReceived", "WebhookApplied"]
