"""Whether and for what a tenant uses a provider, and what that means for new payments."""

from __future__ import annotations

from decimal import Decimal

import pytest

from payment_gateway.application.services.provider_service import (
    CACHE_S,
    FALLBACK_PROVIDERS_MAX,
    Bounds,
    ProviderService,
)
from payment_gateway.domain.errors import (
    CredentialRevoked,
    InvalidAmountError,
    InvalidValue,
    ProviderDisabled,
    UnsupportedProviderError,
)
from payment_gateway.domain.value_objects.payment_amount import PaymentAmountVO
from tests.unit.application.gateway_fixture import Shop

ANY: Bounds = (None, None)
USD_10 = PaymentAmountVO(10_00, "USD")


async def test_a_disabled_provider_takes_no_new_payment(shop: Shop) -> None:
    begun = await shop.initiate(number="ERN-1")
    await shop.gateway.providers.disable("PAYPAL", shop.context, reason="contract ended")
    with pytest.raises(ProviderDisabled):
        await shop.initiate(number="ERN-2")
    assert (await shop.payment(begun.state.payment_id)).checkout is not None
    await shop.gateway.providers.enable("PAYPAL", shop.context)
    await shop.initiate(number="ERN-3")


async def test_an_amount_out_of_bounds_is_refused_before_anything_is_stored(shop: Shop) -> None:
    bounds: dict[str, Bounds] = {"USD": (None, Decimal("19.98"))}
    await shop.gateway.providers.configure(
        "PAYPAL", shop.context, currencies=bounds, fallback_providers=None
    )
    head = await shop.store.head()
    with pytest.raises(InvalidAmountError, match=r"at most 19\.98 USD"):
        await shop.initiate()
    assert await shop.store.head() == head


async def test_a_payment_that_names_no_fallbacks_has_the_tenants(shop: Shop) -> None:
    await shop.gateway.providers.configure(
        "PAYPAL", shop.context, currencies=None, fallback_providers=("PAGADITO",)
    )
    executed = await shop.initiate()
    assert executed.state.fallback_providers == ("PAGADITO",)
    named = await shop.initiate("PAYPAL", "SPARE", number="ERN-2")
    assert named.state.fallback_providers == ("SPARE",)


async def test_the_same_request_stays_the_same_when_the_tenants_fallbacks_change(
    shop: Shop,
) -> None:
    first = await shop.initiate()
    await shop.gateway.providers.configure(
        "PAYPAL", shop.context, currencies=None, fallback_providers=("PAGADITO",)
    )
    assert (await shop.initiate()).state.payment_id == first.state.payment_id


async def test_revoked_credentials_take_no_new_payment(shop: Shop) -> None:
    await shop.gateway.credentials.revoke("PAYPAL", shop.context, reason=None)
    with pytest.raises(CredentialRevoked):
        await shop.initiate()


@pytest.mark.parametrize(
    ("currencies", "fallbacks", "refusal"),
    [
        ({"XYZ": ANY}, None, InvalidValue),
        ({"USD": (Decimal(2), Decimal(1))}, None, InvalidValue),
        ({"USD": (Decimal("0.001"), None)}, None, InvalidAmountError),
        (None, ("NONE",), UnsupportedProviderError),
        (None, ("PAYPAL",), InvalidValue),
        (None, ("PAGADITO", "PAGADITO"), InvalidValue),
        (None, ("PAGADITO",) * (FALLBACK_PROVIDERS_MAX + 1), InvalidValue),
    ],
    ids=["currency", "bounds", "digits", "unknown", "itself", "twice", "many"],
)
async def test_what_makes_no_sense_is_refused(
    shop: Shop,
    currencies: dict[str, Bounds] | None,
    fallbacks: tuple[str, ...] | None,
    refusal: type[Exception],
) -> None:
    with pytest.raises(refusal):
        await shop.gateway.providers.configure(
            "PAYPAL", shop.context, currencies=currencies, fallback_providers=fallbacks
        )
    found = await shop.gateway.providers.find("PAYPAL", tenant_id="demo")
    assert (found.currencies, found.fallback_providers) == ((), ())


async def test_an_unknown_provider_cannot_be_disabled(shop: Shop) -> None:
    with pytest.raises(UnsupportedProviderError):
        await shop.gateway.providers.disable("NONE", shop.context, reason=None)


async def test_enabling_what_was_never_disabled_changes_nothing(shop: Shop) -> None:
    head = await shop.store.head()
    assert (await shop.gateway.providers.enable("PAYPAL", shop.context)).enabled
    assert await shop.store.head() == head


async def test_is_read_once_in_a_while(shop: Shop) -> None:
    seconds = 0.0
    service = ProviderService(
        store=shop.store, factory=shop.gateway.provider_factory, monotonic=lambda: seconds
    )
    await service.check("PAYPAL", USD_10, tenant_id="demo")
    await shop.gateway.providers.disable("PAYPAL", shop.context, reason=None)
    await service.check("PAYPAL", USD_10, tenant_id="demo")
    seconds += CACHE_S
    with pytest.raises(ProviderDisabled):
        await service.check("PAYPAL", USD_10, tenant_id="demo")


async def test_another_tenants_provider_is_another(shop: Shop) -> None:
    await shop.gateway.providers.disable("PAYPAL", shop.context, reason=None)
    await shop.gateway.providers.check("PAYPAL", USD_10, tenant_id="other")
