"""The rules of a tenant's use of a provider."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import pytest

from payment_gateway.domain.aggregates.provider import (
    ConfigureProvider,
    DisableProvider,
    EnableProvider,
    Provider,
    ProviderCommand,
    decide,
    evolve,
)
from payment_gateway.domain.errors import InvalidAmountError, ProviderDisabled
from payment_gateway.domain.events.provider import (
    ProviderConfiguredEvent,
    ProviderCurrency,
    ProviderDisabledEvent,
    ProviderEnabledEvent,
    ProviderEvent,
)
from payment_gateway.domain.value_objects.payment_amount import PaymentAmountVO
from payment_gateway.domain.value_objects.provider_type import ProviderTypeVO

UNSET = Provider(tenant_id="demo", provider="PAYPAL")
ENABLED = ProviderEnabledEvent(tenant_id="demo", provider="PAYPAL")
DISABLED = ProviderDisabledEvent(tenant_id="demo", provider="PAYPAL", reason="contract ended")
DISABLE = DisableProvider(reason="contract ended")
DOLLARS = ProviderCurrency(currency="USD", amount_min_minor=1_00, amount_max_minor=500_00)
EUROS = ProviderCurrency(currency="EUR", amount_min_minor=None, amount_max_minor=None)
PAGADITO = ProviderTypeVO("PAGADITO")


def configured(
    currencies: tuple[ProviderCurrency, ...] = (), fallbacks: tuple[str, ...] = ()
) -> ProviderConfiguredEvent:
    return ProviderConfiguredEvent(
        tenant_id="demo", provider="PAYPAL", currencies=currencies, fallback_providers=fallbacks
    )


def configure(
    currencies: tuple[ProviderCurrency, ...] | None = None,
    fallbacks: tuple[ProviderTypeVO, ...] | None = None,
) -> ConfigureProvider:
    return ConfigureProvider(currencies=currencies, fallback_providers=fallbacks)


def state(*history: ProviderEvent) -> Provider:
    return reduce(evolve, history, UNSET)


@pytest.mark.parametrize(
    ("history", "command", "expected"),
    [
        ([], EnableProvider(), []),
        ([], DISABLE, [DISABLED]),
        ([DISABLED], DISABLE, []),
        ([DISABLED], EnableProvider(), [ENABLED]),
        ([], configure((DOLLARS,)), [configured((DOLLARS,))]),
        ([configured((DOLLARS,))], configure((DOLLARS,)), []),
        (
            [configured((DOLLARS,))],
            configure(fallbacks=(PAGADITO,)),
            [configured((DOLLARS,), ("PAGADITO",))],
        ),
        ([configured((DOLLARS,), ("PAGADITO",))], configure(()), [configured((), ("PAGADITO",))]),
    ],
    ids=[
        "is enabled from the start",
        "is disabled",
        "is disabled once",
        "is enabled again",
        "is given currencies",
        "is given the same again",
        "is given fallbacks and keeps its currencies",
        "is given back all currencies and keeps its fallbacks",
    ],
)
def test_a_provider(
    history: Sequence[ProviderEvent], command: ProviderCommand, expected: Sequence[ProviderEvent]
) -> None:
    before = state(*history)
    assert decide(command, before) == list(expected)
    assert decide(command, reduce(evolve, expected, before)) == []


def test_what_was_configured_outlives_being_disabled() -> None:
    provider = state(configured((DOLLARS,), ("PAGADITO",)), DISABLED, ENABLED)
    assert (provider.enabled, provider.currencies) == (True, (DOLLARS,))
    assert provider.fallback_providers == ("PAGADITO",)
    assert evolve(None, DISABLED).enabled is False


def test_takes_any_amount_where_nothing_was_configured() -> None:
    UNSET.check(PaymentAmountVO(1, "USD"))


@pytest.mark.parametrize("minor", [1_00, 500_00])
def test_takes_amounts_up_to_its_bounds(minor: int) -> None:
    state(configured((EUROS, DOLLARS))).check(PaymentAmountVO(minor, "USD"))
    state(configured((EUROS, DOLLARS))).check(PaymentAmountVO(minor * 1000, "EUR"))


@pytest.mark.parametrize(
    ("minor", "currency", "told"),
    [
        (99, "USD", "at least 1.00 USD"),
        (500_01, "USD", "at most 500.00 USD"),
        (5_00, "EUR", "used for USD only"),
    ],
)
def test_refuses_what_is_out_of_bounds(minor: int, currency: str, told: str) -> None:
    with pytest.raises(InvalidAmountError, match=told):
        state(configured((DOLLARS,))).check(PaymentAmountVO(minor, currency))


def test_refuses_everything_while_it_is_disabled() -> None:
    with pytest.raises(ProviderDisabled, match="PAYPAL is disabled"):
        state(DISABLED).check(PaymentAmountVO(5_00, "USD"))
