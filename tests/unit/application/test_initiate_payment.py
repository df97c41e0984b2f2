"""The intent is stored before a provider is asked; what is refused leaves nothing."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from payment_gateway.application.commands.initiate_payment import initiate_payment
from payment_gateway.domain.errors import (
    DomainError,
    ExternalReferenceInUse,
    InvalidAmountError,
    InvalidValue,
    PaymentFailedError,
    ProviderNotConfigured,
    ProviderUnavailableError,
    ReturnUrlNotAllowed,
    TenantNotFound,
    UnsupportedProviderError,
)
from payment_gateway.domain.value_objects.external_reference_number import (
    ExternalReferenceNumberVO,
)
from payment_gateway.domain.value_objects.payment_amount import PaymentAmountVO
from payment_gateway.domain.value_objects.payment_details import PaymentDetailsVO
from payment_gateway.domain.value_objects.payment_id import PaymentIdVO
from payment_gateway.domain.value_objects.payment_status import PaymentStatusVO
from payment_gateway.domain.value_objects.provider_type import ProviderTypeVO
from payment_gateway.domain.value_objects.tenant_id import TenantIdVO
from tests.unit.application.gateway_fixture import Shop, request
from tests.unit.application.steps import OPENED


class TestInitiate:
    async def test_opens_a_checkout(self, shop: Shop) -> None:
        executed = await shop.initiate()
        assert executed.state.status is PaymentStatusVO.AWAITING_PAYER
        assert await shop.history(executed.state.payment_id) == OPENED

    async def test_the_same_request_again_is_the_same_payment(self, shop: Shop) -> None:
        first = await shop.initiate()
        second = await shop.initiate()
        assert second.state == first.state
        assert shop.provider.calls == ["create"]

    @pytest.mark.parametrize("provider", ["PAYPAL", "PAGADITO"])
    async def test_many_at_once_make_one_checkout(self, shop: Shop, provider: str) -> None:
        await asyncio.gather(*(shop.initiate(provider) for _ in range(20)))
        assert len(shop.provider.orders) + len(shop.direct.orders) == 1

    async def test_the_number_names_one_payment_only(self, shop: Shop) -> None:
        await shop.initiate()
        with pytest.raises(ExternalReferenceInUse):
            await initiate_payment(
                replace(request(), order_id="another"), shop.context, shop.gateway
            )

    async def test_numbers_are_given_out_where_the_caller_has_none(self, shop: Shop) -> None:
        ids = {
            (
                await initiate_payment(request(number=None), shop.context, shop.gateway)
            ).state.payment_id
            for _ in range(5)
        }
        assert len(ids) == 5

    @pytest.mark.parametrize(
        ("change", "refusal"),
        [
            ({"provider": ProviderTypeVO("STRIPE")}, UnsupportedProviderError),
            ({"fallback_providers": (ProviderTypeVO("STRIPE"),)}, UnsupportedProviderError),
            ({"tenant_id": TenantIdVO("nobody")}, TenantNotFound),
            ({"return_url": "https://evil.example/"}, ReturnUrlNotAllowed),
            ({"return_url": "https://shop.example.evil.example/"}, ReturnUrlNotAllowed),
            ({"cancel_url": "javascript:alert(1)"}, InvalidValue),
            ({"order_id": ""}, InvalidValue),
            ({"custom_params": {"x": "y" * 5000}}, InvalidValue),
            (
                {"details": PaymentDetailsVO.whole(PaymentAmountVO(1000_01, "USD"), "x")},
                InvalidAmountError,
            ),
            (
                {"details": PaymentDetailsVO.whole(PaymentAmountVO(5_00, "EUR"), "x")},
                InvalidValue,
            ),
        ],
    )
    async def test_what_is_refused_leaves_nothing(
        self, shop: Shop, change: dict[str, Any], refusal: type[DomainError]
    ) -> None:
        with pytest.raises(refusal):
            await initiate_payment(replace(request(), **change), shop.context, shop.gateway)
        assert shop.provider.calls == []
        payment_id = PaymentIdVO.of(ExternalReferenceNumberVO("ERN-1"))
        assert (await shop.store.read(f"payment-{payment_id}")).revision is None

    async def test_a_tenant_without_an_account_is_told_so(self, shop: Shop) -> None:
        other = TenantIdVO("other")
        await shop.gateway.tenants.create(
            other,
            name=None,
            return_urls=("https://shop.example",),
            context=replace(shop.context, tenant_id="other"),
        )
        with pytest.raises(ProviderNotConfigured):
            await initiate_payment(
                replace(request(), tenant_id=other),
                replace(shop.context, tenant_id="other"),
                shop.gateway,
            )

    async def test_a_provider_that_is_not_reached_can_be_tried_again(self, shop: Shop) -> None:
        shop.provider.fail("create", "not_sent")
        with pytest.raises(ProviderUnavailableError):
            await shop.initiate()
        executed = await shop.initiate()
        assert executed.state.status is PaymentStatusVO.AWAITING_PAYER
        assert executed.state.attempts == 2

    async def test_a_provider_that_refuses_ends_the_payment(self, shop: Shop) -> None:
        shop.provider.fail("create", "refused")
        for _ in range(2):
            with pytest.raises(PaymentFailedError):
                await shop.initiate()
        assert shop.provider.calls == ["create"]

    async def test_a_lost_answer_is_unknown_and_not_asked_for_again(self, shop: Shop) -> None:
        shop.provider.fail("create", "lost_after")
        assert (await shop.initiate()).state.status is PaymentStatusVO.UNKNOWN
        assert (await shop.initiate()).state.status is PaymentStatusVO.UNKNOWN
        assert shop.provider.calls == ["create"]

    async def test_what_belongs_to_a_person_is_sealed(self, shop: Shop) -> None:
        personal = replace(
            request(),
            customer={"reference": "c-1", "email": "planted@example.com"},
            custom_params={"note": "planted"},
        )
        executed = await initiate_payment(personal, shop.context, shop.gateway)
        stream = f"payment-{executed.state.payment_id}"
        initiated = (await shop.store.read(stream)).events[0].event
        assert "planted" not in repr(initiated)
        opened = await shop.gateway.personal_data.open(
            initiated.personal,  # type: ignore[union-attr,arg-type] # the first event of a payment
            tenant_id="demo",
            subject_id=initiated.subject_id,  # type: ignore[union-attr,arg-type] # as above
        )
        assert opened == {"customer": personal.customer, "customParams": personal.custom_params}
