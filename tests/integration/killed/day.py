"""What a shop does with one payment, step by step, so that it can go on where a process died."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

import httpx

from payment_gateway.domain.value_objects.external_reference_number import (
    ExternalReferenceNumberVO,
)
from payment_gateway.domain.value_objects.payment_id import PaymentIdVO
from tests.integration.killed.processes import LOOK_EVERY_S, WITHIN_S
from tests.integration.rest.shop import Shop, new_number

# After one of these nobody is waited for: the provider has given its answer, or was not asked yet.
_OUTCOMES: Final = {
    "PaymentInitiated",
    "CheckoutCreated",
    "PaymentCompleted",
    "PaymentExpired",
    "PaymentFailed",
    "ProviderAttemptFailed",
    "RefundCompleted",
}
PRICE: Final = Decimal("19.99")
GIVEN_BACK: Final = Decimal("5.00")


@dataclass
class Day:
    """One payment of a shop."""

    shop: Shop
    provider: str
    number: str = field(default_factory=new_number)

    @property
    def payment_id(self) -> str:
        return PaymentIdVO.of(ExternalReferenceNumberVO(self.number)).value

    async def history(self) -> list[str]:
        return await self.shop.history(self.payment_id)

    async def initiate(self) -> httpx.Response:
        return await self.shop.initiate(
            externalReferenceNumber=self.number, providerType=self.provider
        )

    async def whole(self) -> None:
        """Initiate, have the payer pay, complete, and give some of it back where that can be done.

        What was done before, is not done again: each step may be repeated.

        Raises:
            httpx.TransportError: The process died meanwhile.
        """
        opened = (await self.initiate()).json()
        if opened.get("checkoutUrl") and (await self.history())[-1] == "CheckoutCreated":
            await self._pay(opened["checkoutUrl"])
        await self.shop.complete(self.payment_id, self.provider)
        if self.provider == "PAYPAL":
            await self.refund()

    async def refund(self) -> httpx.Response:
        return await self.shop.command(
            "refund", self.payment_id, refundId="r1", amount=f"{GIVEN_BACK}"
        )

    async def until_death(self, work: Callable[[], Awaitable[Any]]) -> None:
        """Do something in the middle of which the process dies."""
        try:
            await work()
        except httpx.TransportError:
            return

    async def has_outcomes(self) -> None:
        """Wait until nothing is in doubt."""
        await becomes(self._has_outcomes, self.history)

    async def _has_outcomes(self) -> bool:
        history = await self.history()
        return not history or history[-1] in _OUTCOMES

    async def _pay(self, checkout_url: str) -> None:
        if self.provider == "PAGADITO":
            await self.shop.pay_at_pagadito(checkout_url)
            return
        (order,) = await self.shop.books("orders", self.payment_id)
        if order["status"] not in {"APPROVED", "COMPLETED"}:
            await self.shop.approve(checkout_url)

    async def moved(self) -> tuple[list[Decimal], list[Decimal]]:
        """Return what the provider's books say it took of the payer, and gave back."""
        if self.provider == "PAYPAL":
            captures = await self.shop.books("captures", self.payment_id)
            refunds = await self.shop.books("refunds", self.payment_id)
            return _amounts(captures), _amounts(refunds)
        ledger = (await self.shop.pagadito.get("/_control/ledger")).json()["transactions"]
        taken = [
            one
            for one in ledger
            if one["status"] == "COMPLETED"
            and (one["ern"] == self.number or one["ern"].startswith(f"{self.number}-"))
        ]
        return _amounts(taken), []


def _amounts(entries: list[dict[str, Any]]) -> list[Decimal]:
    return [Decimal(one["amount"]) for one in entries]


async def becomes(
    condition: Callable[[], Awaitable[bool]], state: Callable[[], Awaitable[object]]
) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + WITHIN_S
    while not await condition():
        assert time.monotonic() < deadline, await state()
        await asyncio.sleep(LOOK_EVERY_S)
