"""The end of a process in the middle of its work, and what the others do until nothing is open."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from payment_gateway.domain.aggregates.split_state import SplitStatus
from payment_gateway.domain.errors import DomainError
from tests.unit.application.gateway_fixture import Shop
from tests.unit.application.split_shop import SplitShop

ROUNDS_MAX: Final = 30


class Crash(BaseException):
    """The process ends here."""


def crash_at_append(shop: Shop, number: int, *, after: bool) -> None:
    """Let the process end at its n-th append from now, before or after it is stored."""
    real: Callable[..., Awaitable[Any]] = type(shop.store).append
    left = number

    async def append(*args: Any, **kwargs: Any) -> Any:
        nonlocal left
        left -= 1
        if left < 0 or (left == 0 and not after):
            raise Crash
        appended = await real(shop.store, *args, **kwargs)
        if left == 0:
            raise Crash
        return appended

    shop.store.append = append  # type: ignore[method-assign] # the crash is injected here


async def heal(shop: Shop) -> None:
    """End whatever the dead process had under way besides, and start another one."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    if "append" in vars(shop.store):
        del shop.store.append
    shop.restarted()


async def run(order: SplitShop, work: Callable[[], Awaitable[object]]) -> bool:
    """Do one thing of a process that may end in the middle or be refused; whether it ended."""
    try:
        await work()
    except Crash:
        await heal(order.shop)
        return True
    except DomainError:
        pass
    return False


async def tend(order: SplitShop) -> None:
    """Do what the recovery and the reactor do when all that is open is due."""
    for place in range(len(order.names)):
        try:
            await order.recover(place)
        except DomainError:
            continue  # a provider that cannot be asked now
    await order.look()


async def settle(order: SplitShop) -> None:
    """Let nobody pay any more, everything be reachable, and time pass until nothing changes."""
    await heal(order.shop)
    for provider in (order.shop.provider, order.shop.direct, order.shop.spare):
        for operation, faults in provider.faults.items():  # a provider's no is no outage
            provider.faults[operation] = [fault for fault in faults if fault == "refused"]
    order.lapse()
    quiet = 0
    for _ in range(ROUNDS_MAX):
        order.shop.later(hours=13)
        before = await order.shop.store.head()
        await tend(order)
        quiet = quiet + 1 if await order.shop.store.head() == before else 0
        if quiet == 3:
            return
    raise AssertionError("it never came to rest")


async def check_books(order: SplitShop) -> None:
    """Check that all parts hold their money, or none does, or that somebody was told."""
    view = await order.view()
    status, payments = view.split.status, list(view.payments.values())
    held = [
        p.captured.amount_minor - p.refunded.amount_minor if p.captured else 0 for p in payments
    ]
    match status:
        case SplitStatus.COMPLETED:
            assert all(held)
        case SplitStatus.REFUNDED:
            assert not any(held)
            assert any(p.captured for p in payments)
        case SplitStatus.FAILED:
            assert not any(p.captured for p in payments)
        case _:
            assert status is SplitStatus.NEEDS_OPERATOR, status
    for provider in (order.shop.provider, order.shop.direct, order.shop.spare):
        ours = sum(money for place, money in enumerate(held) if order.provider(place) is provider)
        late = any(p.late_facts for p in payments)
        assert late or provider.captured_minor - provider.refunded_minor == ours
