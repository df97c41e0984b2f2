"""Between any two appends the process may end; the recovery and a repeat finish what it began."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest

from payment_gateway.application.commands.recover_payment import (
    INTENT_AGE_MIN,
)
from payment_gateway.domain.value_objects.external_reference_number import (
    ExternalReferenceNumberVO,
)
from payment_gateway.domain.value_objects.payment_id import PaymentIdVO
from payment_gateway.domain.value_objects.payment_status import PaymentStatusVO, RefundStatusVO
from tests.unit.application.gateway_fixture import Shop
from tests.unit.application.steps import PAID, approved, complete, paid, recover, refund


class Crash(BaseException):
    """The process ends here."""


def crash_at_append(shop: Shop, number: int, *, after: bool) -> None:
    """Let the process end at its n-th append from now, before or after it is stored."""
    real: Callable[..., Awaitable[Any]] = type(shop.store).append
    left = number

    async def append(*args: Any, **kwargs: Any) -> Any:
        nonlocal left
        left -= 1
        if left == 0 and not after:
            raise Crash
        appended = await real(shop.store, *args, **kwargs)
        if left == 0:
            raise Crash
        return appended

    shop.store.append = append  # type: ignore[method-assign] # the crash is injected here


def heal(shop: Shop) -> None:
    del shop.store.append
    shop.restarted()


class TestCrash:
    """Between any two appends the process may end; the recovery and the caller's repeat finish it."""

    @pytest.mark.parametrize("provider", ["PAYPAL", "PAGADITO"])
    @pytest.mark.parametrize("after", [False, True])
    @pytest.mark.parametrize("number", [1, 2, 3])
    async def test_while_initiating(
        self, shop: Shop, provider: str, number: int, after: bool
    ) -> None:
        crash_at_append(shop, number, after=after)
        with suppress(Crash):
            await shop.initiate(provider)
        heal(shop)
        shop.later(seconds=INTENT_AGE_MIN.total_seconds() + 1)
        payment_id = PaymentIdVO.of(ExternalReferenceNumberVO("ERN-1"))
        if (await shop.store.read(f"payment-{payment_id}")).revision is not None:
            await recover(shop, payment_id)
        for order in shop.direct.orders.values():  # a page whose address was lost lapses
            order.state = "expired" if (await shop.payment(payment_id)).checkout is None else "open"
        if (await shop.store.read(f"payment-{payment_id}")).revision is not None:
            await recover(shop, payment_id)
        status = (await shop.initiate(provider)).state.status
        assert status in {PaymentStatusVO.AWAITING_PAYER, PaymentStatusVO.EXPIRED}
        assert len(shop.provider.orders) + len(shop.direct.orders) == 1

    @pytest.mark.parametrize("after", [False, True])
    @pytest.mark.parametrize("number", [1, 2])
    async def test_while_completing(self, shop: Shop, number: int, after: bool) -> None:
        payment_id = await approved(shop)
        crash_at_append(shop, number, after=after)
        with pytest.raises(Crash):
            await complete(shop, payment_id)
        heal(shop)
        shop.later(hours=4)
        await recover(shop, payment_id)
        assert (await shop.payment(payment_id)).status is PaymentStatusVO.COMPLETED
        assert await shop.history(payment_id) in (PAID, [*PAID[:4], "OutcomeUnknown", PAID[4]])
        assert shop.provider.captured_minor == 19_99

    @pytest.mark.parametrize("after", [False, True])
    @pytest.mark.parametrize("number", [1, 2])
    async def test_while_refunding(self, shop: Shop, number: int, after: bool) -> None:
        payment_id = await paid(shop)
        crash_at_append(shop, number, after=after)
        with pytest.raises(Crash):
            await refund(shop, payment_id)
        heal(shop)
        shop.later(seconds=INTENT_AGE_MIN.total_seconds() + 1)
        await recover(shop, payment_id)
        await refund(shop, payment_id)
        payment = await shop.payment(payment_id)
        assert payment.refunds["r1"].status is RefundStatusVO.COMPLETED
        assert shop.provider.refunded_minor == payment.refunded.amount_minor == 5_00
