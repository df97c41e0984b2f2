"""Whatever payers, shops, providers and crashes do in any order: all the money, none of it, or a person."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from payment_gateway.domain.errors import DomainError
from tests.fake_provider import Fault
from tests.unit.application.gateway_fixture import open_shop
from tests.unit.application.split_crash import check_books, crash_at_append, run, settle, tend
from tests.unit.application.split_shop import SplitShop

places = st.integers(0, 3)
PROVIDERS = ("PAYPAL", "SPARE", "PAGADITO")
FAULTS: tuple[Fault, ...] = ("not_sent", "lost_before", "lost_after", "refused", "declined")


@dataclass(frozen=True)
class Deed:
    """Something that happens; ``place`` is counted round the parts."""

    name: str
    place: int = 0
    hours: float = 0
    operation: str = ""
    fault: Fault = "not_sent"
    after: bool = False


deeds = st.one_of(
    st.builds(
        Deed,
        name=st.sampled_from(["pay", "pay", "pay", "approve", "complete", "cancel", "refund"]),
        place=places,
    ),
    st.builds(Deed, name=st.sampled_from(["look", "tend", "lapse"])),
    st.builds(Deed, name=st.just("wait"), hours=st.sampled_from([0.05, 1, 4, 30])),
    st.builds(
        Deed,
        name=st.just("fail"),
        place=places,
        operation=st.sampled_from(["prepare", "create", "inquire", "capture", "refund"]),
        fault=st.sampled_from(FAULTS),
    ),
    st.builds(
        Deed,
        name=st.just("fail"),
        place=places,
        operation=st.just("refund"),
        fault=st.just("refused"),
    ),
    st.builds(Deed, name=st.just("money_after_all"), place=places),
    st.builds(Deed, name=st.just("race"), place=places),
    st.builds(Deed, name=st.just("crash"), place=places, after=st.booleans()),
)
parts = st.lists(st.sampled_from(PROVIDERS[:2]), min_size=1, max_size=3).flatmap(
    lambda first: (
        st.permutations([*first, "PAGADITO"])
        if len(first) == 1
        else st.one_of(st.just(first), st.permutations([*first, "PAGADITO"]))
    )
)


@settings(max_examples=150, deadline=None)
@given(parts, st.lists(deeds, max_size=12), st.lists(deeds, max_size=3), st.booleans())
def test_all_parts_hold_their_money_or_none_or_an_operator_is_needed(
    providers: list[str], story: list[Deed], before: list[Deed], keen: bool
) -> None:
    asyncio.run(live_through(providers, story, before, keen=keen))


async def live_through(
    providers: list[str], story: list[Deed], before: list[Deed], *, keen: bool
) -> None:
    """Let a story happen to an order; a keen payer pays in the end all that can be paid."""
    shop = await open_shop()
    await shop.open_account("SPARE")
    order = SplitShop(shop, names=tuple(providers))
    for deed in before:
        if deed.name in {"fail", "crash"}:
            await run(order, work_of(order, deed))
    await run(order, lambda: order.start(*providers))
    if not await order.find():
        assert all(not one.orders for one in (shop.provider, shop.direct, shop.spare))
        return
    for deed in story:
        await run(order, work_of(order, deed))
    if keen:
        await pay_all(order)
    await settle(order)
    await check_books(order)


async def race(order: SplitShop, place: int) -> None:
    """Let two reactors, the recovery and the order service be at it at the same time."""
    works = (order.look(), order.complete(place), order.look(), order.recover(place))
    for outcome in await asyncio.gather(*works, return_exceptions=True):
        if isinstance(outcome, BaseException) and not isinstance(outcome, DomainError):
            raise outcome


async def pay_all(order: SplitShop) -> None:
    for _ in range(2):  # the last part can be paid once the others are
        for place in range(len(order.names)):
            await run(order, work_of(order, Deed("pay", place)))
            await run(order, order.look)


def work_of(order: SplitShop, deed: Deed) -> Callable[[], Awaitable[object]]:
    place = deed.place % len(order.names)

    async def pay() -> None:
        await order.approve(place)
        await order.complete(place)

    async def happen() -> None:
        match deed.name:
            case "wait":
                order.shop.later(hours=deed.hours)
            case "lapse":
                order.lapse()
            case "fail":
                order.provider(place).fail(deed.operation, deed.fault)
            case "crash":
                crash_at_append(order.shop, deed.place + 1, after=deed.after)
            case _:
                raise AssertionError(deed.name)

    async def refund_while_it_is_paid() -> None:
        if (await order.split()).is_paying:
            await order.refund(place)

    works: dict[str, Callable[[], Awaitable[object]]] = {
        "pay": pay,
        "approve": lambda: order.approve(place),
        "complete": lambda: order.complete(place),
        "cancel": lambda: order.cancel(place),
        "refund": refund_while_it_is_paid,
        "money_after_all": lambda: order.money_after_all(place),
        "look": order.look,
        "tend": lambda: tend(order),
        "race": lambda: race(order, place),
    }
    return works.get(deed.name, happen)
