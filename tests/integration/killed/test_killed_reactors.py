"""The reactors die by SIGKILL at each point of what they finish: the next ones finish it, once."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

import pytest

from tests.integration.killed.day import GIVEN_BACK, PRICE, Day, becomes
from tests.integration.killed.processes import Host
from tests.integration.killed.test_killed_api import NO_POINT, day_that_ends_at
from tests.integration.rest.installation import CLIENT_SECRET
from tests.integration.rest.shop import Shop

# What the API left open when it died there, and all points that reactors come by while they finish it.
ABANDONED: Final[dict[str, list[str]]] = {
    "append ProviderAttemptStarted": ["append OutcomeUnknown", "send create_order", "append CheckoutCreated"],
    "append CaptureRequested": [
        "append OutcomeUnknown",
        "send get_order",
        "send capture",
        "append PaymentCompleted",
    ],
    "append RefundRequested": ["append OutcomeUnknown", "send refund", "append RefundCompleted"],
}  # fmt: skip
NOTIFIED: Final = [
    "send get_order",
    "append CaptureRequested",
    "send capture",
    "append PaymentCompleted",
    "append WebhookApplied",
]

# Each test starts processes and waits until they are ready, however busy the machine is.
pytestmark = pytest.mark.timeout(600)


async def approved_and_notified(shop: Shop, day: Day) -> dict[str, Any]:
    """Have the payer approve, and PayPal tell the gateway of it: the notification is stored."""
    account = {"clientId": "acme", "clientSecret": CLIENT_SECRET, "webhookId": "WH-acme"}
    url = f"{shop.installation.url}/api/v1/webhooks/paypal/acme"
    await shop.paypal.post("/_control/merchants", json={**account, "webhookUrl": url})
    await shop.paypal.post("/_control/webhooks", json={"mode": "hold"})
    opened = (await day.initiate()).json()
    await shop.approve(opened["checkoutUrl"])
    (order,) = await shop.books("orders", day.payment_id)
    listed = (await shop.paypal.get("/_control/webhooks")).json()["webhooks"]
    (approved,) = [one for one in listed if one["paymentId"] == order["id"]]
    sent = await shop.paypal.post(f"/_control/webhooks/{approved['id']}/deliver", json={})
    assert [one["status"] for one in sent.json()["attempts"]] == [200]
    return dict(approved)


async def is_applied(shop: Shop, notification: dict[str, Any]) -> bool:
    stored = await shop.store.read(f"webhook-paypal.{notification['id']}")
    return [event.type for event in stored.events] == ["WebhookReceived", "WebhookApplied"]


@pytest.mark.parametrize("left", list(ABANDONED))
async def test_these_are_all_points_of_the_recovery(shop: Shop, host: Host, left: str) -> None:
    day = await day_that_ends_at(left, shop, host, "PAYPAL")
    async with host.reactors() as reactors:
        await day.has_outcomes()
        await reactors.comes_by(ABANDONED[left][-1])
        reached = [point for point in reactors.points() if point not in NO_POINT]
    assert list(dict.fromkeys(reached)) == ABANDONED[left]


@pytest.mark.parametrize(
    ("left", "point"), [(left, point) for left, points in ABANDONED.items() for point in points]
)
async def test_while_they_recover(shop: Shop, host: Host, left: str, point: str) -> None:
    day = await day_that_ends_at(left, shop, host, "PAYPAL")
    async with host.reactors(point) as doomed:
        await doomed.dies()
    async with host.reactors():
        await day.has_outcomes()
    await day.whole()

    await _once(shop, day)


async def test_these_are_all_points_of_a_notification(shop: Shop, host: Host) -> None:
    day = Day(shop, "PAYPAL")
    notification = await approved_and_notified(shop, day)
    async with host.reactors() as reactors:
        await becomes(lambda: is_applied(shop, notification), day.history)
        await reactors.comes_by(NOTIFIED[-1])
        reached = [point for point in reactors.points() if point not in NO_POINT]
    assert list(dict.fromkeys(reached)) == NOTIFIED


@pytest.mark.parametrize("point", NOTIFIED)
async def test_while_they_apply_a_notification(shop: Shop, host: Host, point: str) -> None:
    day = Day(shop, "PAYPAL")
    notification = await approved_and_notified(shop, day)
    async with host.reactors(point) as doomed:
        await doomed.dies()
    async with host.reactors():
        await becomes(lambda: is_applied(shop, notification), day.history)
        await day.has_outcomes()
    await day.whole()

    await _once(shop, day)


async def _once(shop: Shop, day: Day) -> None:
    assert await day.moved() == ([PRICE], [GIVEN_BACK])
    assert len(await shop.books("orders", day.payment_id)) == 1
    happened = Counter(await day.history())
    assert (happened["PaymentCompleted"], happened["RefundCompleted"]) == (1, 1)
