"""The API dies by SIGKILL at each point between an intent and its outcome: what it began is finished, once."""

from __future__ import annotations

from collections import Counter
from typing import Final

import pytest

from tests.integration.killed.day import GIVEN_BACK, PRICE, Day
from tests.integration.killed.processes import Host
from tests.integration.rest.shop import Shop, open_shop

# All points of a whole day, in order, of which the first test makes sure.
PAYPAL: Final = [
    "append ProviderAttemptStarted",
    "send create_order",
    "append CheckoutCreated",
    "send get_order",
    "append CaptureRequested",
    "send capture",
    "append PaymentCompleted",
    "append RefundRequested",
    "send refund",
    "append RefundCompleted",
]
PAGADITO: Final = [
    "append PaymentInitiated",
    "send connect",
    "append ProviderAttemptStarted",
    "send exec_trans",
    "append CheckoutCreated",
    "send get_status",
    "append PaymentCompleted",
]
# Fetching a token changes nothing anywhere.
NO_POINT: Final = {"send token"}

# Each test starts processes and waits until they are ready, however busy the machine is.
pytestmark = pytest.mark.timeout(600)


@pytest.mark.parametrize(("provider", "points"), [("PAYPAL", PAYPAL), ("PAGADITO", PAGADITO)])
async def test_these_are_all_points(
    shop: Shop, host: Host, provider: str, points: list[str]
) -> None:
    async with host.api() as api, open_shop(shop.installation, url=api.url) as at_api:
        await Day(at_api, provider).whole()
        reached = [point for point in api.points() if point not in NO_POINT]
    assert list(dict.fromkeys(reached)) == points


@pytest.mark.parametrize("point", PAYPAL)
async def test_paypal(shop: Shop, host: Host, point: str) -> None:
    day = await day_that_ends_at(point, shop, host, "PAYPAL")
    async with host.reactors():
        await day.has_outcomes()
    await day.whole()

    assert await day.moved() == ([PRICE], [GIVEN_BACK])
    assert len(await shop.books("orders", day.payment_id)) == 1
    happened = Counter(await day.history())
    assert (happened["PaymentCompleted"], happened["RefundCompleted"]) == (1, 1)


@pytest.mark.parametrize("point", PAGADITO)
async def test_pagadito(shop: Shop, host: Host, point: str) -> None:
    day = await day_that_ends_at(point, shop, host, "PAGADITO")
    # A page whose address was lost with the process is paid by nobody, and lapses.
    (await shop.pagadito.post("/_control/clock", json={"advanceSeconds": 3600})).raise_for_status()
    async with host.reactors():
        await day.has_outcomes()
    await day.whole()

    taken, _ = await day.moved()
    happened = Counter(await day.history())
    assert happened["PaymentCompleted"] + happened["PaymentExpired"] == 1
    assert taken == [PRICE] * happened["PaymentCompleted"]


async def day_that_ends_at(point: str, shop: Shop, host: Host, provider: str) -> Day:
    """Return the day, as the shop's other API sees it, after the process that served it has died."""
    async with host.api(point) as api, open_shop(shop.installation, url=api.url) as doomed:
        day = Day(doomed, provider)
        await day.until_death(day.whole)
        await api.dies()
    return Day(shop, provider, day.number)
