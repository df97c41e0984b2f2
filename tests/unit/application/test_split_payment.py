"""An order in parts: what is opened when, and what is refused."""

from __future__ import annotations

import pytest

from payment_gateway.application.commands.split_payment import split_payment
from payment_gateway.domain.aggregates.split_state import SplitStatus
from payment_gateway.domain.errors import (
    DomainError,
    InvalidAmountError,
    InvalidValue,
    PartsDoNotAddUp,
    ProviderNotConfigured,
    SplitNotFound,
    SplitNotRefundable,
    UnsupportedProviderError,
)
from tests.unit.application.gateway_fixture import Shop
from tests.unit.application.split_shop import SplitShop, split_request


@pytest.fixture
async def order(shop: Shop) -> SplitShop:
    await shop.open_account("SPARE")
    return SplitShop(shop)


class TestStart:
    async def test_parts_that_can_be_refunded_are_opened_at_once(self, order: SplitShop) -> None:
        view = await order.start("PAYPAL", "SPARE")
        assert view.split.status is SplitStatus.AWAITING_PAYER
        assert await order.statuses() == ["AWAITING_PAYER", "AWAITING_PAYER"]

    async def test_the_part_that_cannot_waits_wherever_it_stands(self, order: SplitShop) -> None:
        view = await order.start("PAGADITO", "PAYPAL")
        assert view.split.status is SplitStatus.AWAITING_PAYER
        assert await order.statuses() == ["CREATED", "AWAITING_PAYER"]
        assert order.shop.direct.calls == []

    async def test_a_provider_that_is_not_reached_is_tried_again(self, order: SplitShop) -> None:
        order.shop.provider.fail("create", "not_sent")
        view = await order.start("PAYPAL", "SPARE")
        assert view.split.status is SplitStatus.STARTED
        assert not (await order.look()).is_stuck
        assert (await order.split()).status is SplitStatus.AWAITING_PAYER

    async def test_a_provider_that_refuses_ends_it_before_anybody_paid(
        self, order: SplitShop
    ) -> None:
        order.shop.provider.fail("create", "refused")
        view = await order.start("PAYPAL", "SPARE")
        assert view.split.status is SplitStatus.FAILED
        assert await order.statuses() == ["FAILED", "CANCELLED"]

    @pytest.mark.parametrize(
        ("providers", "total_minor", "error"),
        [
            (("PAYPAL", "PAYPAL"), 19_99, PartsDoNotAddUp),
            (("PAGADITO", "PAGADITO"), None, SplitNotRefundable),
            (("PAYPAL",), None, InvalidValue),
            (("PAYPAL",) * 11, None, InvalidValue),
            (("PAYPAL", "NOBODY"), None, UnsupportedProviderError),
            (("PAYPAL",) * 2, 1001_00, InvalidAmountError),
        ],
    )
    async def test_what_does_not_fit_is_refused_before_anything_is_stored(
        self,
        order: SplitShop,
        providers: tuple[str, ...],
        total_minor: int | None,
        error: type[DomainError],
    ) -> None:
        before = await order.shop.store.head()
        request = split_request(*providers, total_minor=total_minor)
        with pytest.raises(DomainError) as refused:
            await split_payment(request, order.shop.context, order.shop.gateway)
        assert type(refused.value) is error
        assert await order.shop.store.head() == before

    async def test_without_an_account_at_one_provider_nothing_is_stored(self, shop: Shop) -> None:
        before = await shop.store.head()
        request = split_request("PAYPAL", "SPARE")
        with pytest.raises(ProviderNotConfigured):
            await split_payment(request, shop.context, shop.gateway)
        assert await shop.store.head() == before

    async def test_another_tenants_split_is_like_none(self, order: SplitShop) -> None:
        view = await order.start("PAYPAL", "SPARE")
        with pytest.raises(SplitNotFound):
            await order.shop.gateway.splits.find(view.split.split_id, tenant_id="rival")


class TestPaying:
    async def test_all_parts_paid_complete_it(self, order: SplitShop) -> None:
        await order.start("PAYPAL", "SPARE")
        await order.pay(0)
        assert (await order.look()).view.split.status is SplitStatus.AWAITING_PAYER
        await order.pay(1)
        assert (await order.look()).view.split.status is SplitStatus.COMPLETED
        assert await order.history() == ["Started", "AwaitingPayer", "Completed"]

    async def test_the_last_part_is_opened_when_the_others_hold_their_money(
        self, order: SplitShop
    ) -> None:
        await order.start("PAYPAL", "PAGADITO", "SPARE")
        await order.pay(0)
        await order.look()
        assert await order.statuses() == ["COMPLETED", "CREATED", "AWAITING_PAYER"]
        await order.pay(2)
        await order.look()
        assert await order.statuses() == ["COMPLETED", "AWAITING_PAYER", "COMPLETED"]
        await order.pay(1)
        await order.look()
        assert await order.history() == [
            "Started",
            "AwaitingPayer",
            "LastPartReleased",
            "Completed",
        ]

    async def test_the_last_part_is_not_opened_while_another_is_in_doubt(
        self, order: SplitShop
    ) -> None:
        await order.start("PAYPAL", "PAGADITO")
        await order.approve(0)
        order.shop.provider.fail("capture", "lost_after")
        await order.complete(0)
        await order.look()
        assert await order.statuses() == ["UNKNOWN", "CREATED"]
        await order.recover(0)
        await order.look()
        assert await order.statuses() == ["COMPLETED", "AWAITING_PAYER"]

    async def test_the_last_part_is_not_opened_while_the_shop_gives_another_back(
        self, order: SplitShop
    ) -> None:
        await order.start("PAYPAL", "PAGADITO")
        await order.pay(0)
        order.shop.provider.fail("refund", "lost_after")
        await order.refund(0)
        await order.look()
        assert await order.statuses() == ["COMPLETED", "CREATED"]
        await order.recover(0)
        await order.look()
        assert await order.statuses() == ["REFUNDED", "CANCELLED"]

    async def test_a_look_without_news_changes_nothing(self, order: SplitShop) -> None:
        await order.start("PAYPAL", "SPARE")
        before = await order.shop.store.head()
        assert (await order.look()).learned == 0
        assert await order.shop.store.head() == before
