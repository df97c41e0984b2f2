"""An order that is paid in parts at the shop's providers, its payers, and the saga a look at a time."""

from __future__ import annotations

from dataclasses import dataclass, replace

from payment_gateway.application.commands.cancel_payment import cancel_payment
from payment_gateway.application.commands.complete_payment import complete_payment
from payment_gateway.application.commands.recover_payment import recover_payment
from payment_gateway.application.commands.refund_payment import refund_payment
from payment_gateway.application.commands.show_split import SplitView, show_split
from payment_gateway.application.commands.split_payment import (
    PartRequest,
    SplitRequest,
    split_payment,
)
from payment_gateway.application.commands.split_payment_steps import Advanced, advance_split
from payment_gateway.application.ports import CommandContext
from payment_gateway.domain.aggregates.payment_commands import RecordCompletion
from payment_gateway.domain.aggregates.payment_state import Payment
from payment_gateway.domain.aggregates.split_state import Split
from payment_gateway.domain.value_objects.payment_amount import PaymentAmountVO
from payment_gateway.domain.value_objects.payment_details import PaymentDetailsVO
from payment_gateway.domain.value_objects.payment_id import PaymentIdVO
from payment_gateway.domain.value_objects.provider_type import ProviderTypeVO
from payment_gateway.domain.value_objects.split_id import SplitIdVO
from payment_gateway.domain.value_objects.tenant_id import TenantIdVO
from tests.fake_provider import FakeProvider
from tests.unit.application.gateway_fixture import Shop

PART = PaymentAmountVO(10_00, "USD")


def split_request(*providers: str, total_minor: int | None = None) -> SplitRequest:
    """Return an order of 10.00 USD for each of the providers."""
    minor = PART.amount_minor * len(providers) if total_minor is None else total_minor
    return SplitRequest(
        tenant_id=TenantIdVO("demo"),
        order_id="order-1",
        amount=PaymentAmountVO(minor, "USD"),
        parts=tuple(
            PartRequest(provider=ProviderTypeVO(one), details=PaymentDetailsVO.whole(PART, "Part"))
            for one in providers
        ),
        customer=None,
    )


@dataclass
class SplitShop:
    """A shop with one order in parts."""

    shop: Shop
    split_id: SplitIdVO | None = None
    names: tuple[str, ...] = ()

    @property
    def context(self) -> CommandContext:
        return replace(self.shop.context, actor="split")

    async def start(self, *providers: str) -> SplitView:
        self.names = providers
        view = await split_payment(split_request(*providers), self.shop.context, self.shop.gateway)
        self.split_id = view.split.split_id
        return view

    async def find(self) -> bool:
        """Find the split whose start was cut off; whether it was stored."""
        stored = [s.stream for s in self.shop.store._log if s.type == "SplitStarted"]
        if stored:
            self.split_id = SplitIdVO(stored[0].removeprefix("saga-"))
        return bool(stored)

    async def view(self) -> SplitView:
        assert self.split_id is not None
        return await show_split(self.split_id, tenant_id="demo", gateway=self.shop.gateway)

    async def split(self) -> Split:
        return (await self.view()).split

    async def part(self, place: int) -> Payment:
        return list((await self.view()).payments.values())[place]

    async def statuses(self) -> list[str]:
        return [payment.status.value for payment in (await self.view()).payments.values()]

    async def history(self) -> list[str]:
        recorded = (await self.shop.store.read(f"saga-{self.split_id}")).events
        return [event.type.removeprefix("Split") for event in recorded]

    async def look(self) -> Advanced:
        """Do what a reactor does when the split is due."""
        assert self.split_id is not None
        return await advance_split(self.split_id, self.context, self.shop.gateway)

    async def recover(self, place: int) -> None:
        """Do what the recovery does when a part is due."""
        payment_id = (await self.part(place)).payment_id
        last = (await self.shop.store.read(f"payment-{payment_id}")).events[-1].context.at
        await recover_payment(payment_id, last, self.shop.context, self.shop.gateway)

    def provider(self, place: int) -> FakeProvider:
        known = {
            "PAYPAL": self.shop.provider,
            "PAGADITO": self.shop.direct,
            "SPARE": self.shop.spare,
        }
        return known[self.names[place]]

    async def approve(self, place: int) -> bool:
        """Let the payer approve a part, if its page is there and still open."""
        checkout = (await self.part(place)).checkout
        if checkout is None:
            return False
        order = self.provider(place).orders[checkout.provider_order_id]
        if order.state != "open":
            return False
        self.provider(place).approve(checkout.provider_order_id)
        return True

    async def complete(self, place: int) -> None:
        payment_id = (await self.part(place)).payment_id
        provider = ProviderTypeVO(self.names[place])
        await complete_payment(payment_id, provider, self.shop.context, self.shop.gateway)

    async def pay(self, place: int) -> None:
        assert await self.approve(place)
        await self.complete(place)

    async def cancel(self, place: int) -> None:
        payment_id = (await self.part(place)).payment_id
        await cancel_payment(payment_id, None, self.shop.context, self.shop.gateway)

    async def refund(self, place: int, amount: str | None = None, refund_id: str = "shop") -> None:
        await refund_payment(
            PaymentIdVO((await self.part(place)).payment_id.value),
            refund_id=refund_id,
            amount=amount,
            reason=None,
            context=self.shop.context,
            gateway=self.shop.gateway,
        )

    async def money_after_all(self, place: int) -> None:
        """Let the provider of a part that has ended report that it took the money."""
        part = await self.part(place)
        if part.status.is_closed_unpaid:
            report = RecordCompletion(
                payment_id=part.payment_id, provider_reference="LATE", captured=None
            )
            await self.shop.gateway.payments.execute(
                part.payment_id, report, context=self.shop.context
            )

    def lapse(self) -> None:
        """Let every page that nobody paid on run out at its provider."""
        for provider in (self.shop.provider, self.shop.direct, self.shop.spare):
            for order in provider.orders.values():
                order.state = "expired" if order.state == "open" else order.state
