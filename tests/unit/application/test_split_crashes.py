"""Between any two appends the process may end; the order in parts comes out right all the same."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from payment_gateway.application.commands.recover_payment import INTENT_AGE_MIN
from payment_gateway.domain.aggregates.split_state import SplitStatus
from tests.unit.application.gateway_fixture import Shop
from tests.unit.application.split_crash import check_books, crash_at_append, run, settle, tend
from tests.unit.application.split_shop import SplitShop

Work = Callable[[SplitShop], Awaitable[object]]

MIXED = ("PAYPAL", "PAGADITO", "SPARE")
# More appends than any of the stories makes.
APPENDS = range(1, 26)


@pytest.fixture
async def order(shop: Shop) -> SplitShop:
    await shop.open_account("SPARE")
    return SplitShop(shop)


async def approve_and_complete(order: SplitShop, place: int) -> None:
    await order.approve(place)
    await order.complete(place)


PAID: tuple[Work, ...] = (
    lambda order: approve_and_complete(order, 0),
    lambda order: approve_and_complete(order, 2),
    lambda order: order.look(),
    lambda order: approve_and_complete(order, 1),
    lambda order: order.look(),
)
CALLED_OFF: tuple[Work, ...] = (
    lambda order: approve_and_complete(order, 0),
    lambda order: order.cancel(2),
    lambda order: order.look(),
    lambda order: order.look(),
)


async def tell(order: SplitShop, story: tuple[Work, ...], number: int, *, after: bool) -> bool:
    """Live through a story in which one append is the last of its process; whether it started."""
    order.names = MIXED
    crash_at_append(order.shop, number, after=after)
    if await run(order, lambda: order.start(*MIXED)):
        if not await order.find():
            return False
        order.shop.later(seconds=INTENT_AGE_MIN.total_seconds() + 1)
        await tend(order)
    for work in story:
        if await run(order, lambda work=work: work(order)):  # type: ignore[misc] # bound at once
            order.shop.later(seconds=INTENT_AGE_MIN.total_seconds() + 1)
            await run(order, lambda work=work: work(order))  # type: ignore[misc] # as above
        await run(order, lambda: tend(order))
    return True


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("number", APPENDS)
class TestCrash:
    async def test_while_it_is_paid(self, order: SplitShop, number: int, after: bool) -> None:
        if not await tell(order, PAID, number, after=after):
            assert order.shop.provider.calls == order.shop.spare.calls == []
            return
        await settle(order)
        await check_books(order)
        # Pagadito's answer with the address of the page may be lost; then nobody can pay there.
        expected = {SplitStatus.COMPLETED}
        if (await order.part(1)).checkout is None:
            expected = {SplitStatus.REFUNDED}
        assert (await order.split()).status in expected

    async def test_while_it_is_given_back(self, order: SplitShop, number: int, after: bool) -> None:
        if not await tell(order, CALLED_OFF, number, after=after):
            assert order.shop.provider.calls == order.shop.spare.calls == []
            return
        await settle(order)
        await check_books(order)
        assert (await order.split()).status is SplitStatus.REFUNDED
        assert order.shop.provider.refunded_minor == 10_00
        assert order.shop.direct.orders == {}
