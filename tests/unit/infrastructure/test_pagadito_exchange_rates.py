"""Pagadito's rates: exactly as they are named, or none."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payment_gateway.application.ports import ProviderUnavailable
from payment_gateway.domain.errors import InvalidValue
from payment_gateway.infrastructure.providers.answer import Answer
from payment_gateway.infrastructure.providers.pagadito.exchange_rates import (
    DECIMALS_MAX,
    RATE_MAX,
    exchange_rate,
)
from payment_gateway.infrastructure.providers.unavailable import AccountNotAccepted
from tests.unit.infrastructure.test_pagadito_provider import Pagadito, result

RATES = st.decimals(
    min_value=Decimal("0.000000000001"), max_value=RATE_MAX, places=DECIMALS_MAX
).filter(lambda rate: rate > 0)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.decimals() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)


@given(RATES)
def test_a_rate_is_the_same_as_a_number_and_as_a_text(rate: Decimal) -> None:
    assert exchange_rate(rate) == exchange_rate(f"{rate:f}") == rate


def test_a_number_of_json_is_never_a_float() -> None:
    answer = Answer(status=200, body=b'{"value": 7.7000000000000001}').document()
    assert answer is not None
    # Sixteen decimals: more than a rate has, so it is refused rather than rounded.
    assert exchange_rate(answer["value"]) is None
    short = Answer(status=200, body=b'{"value": 24.10}').document()
    assert short is not None
    assert str(exchange_rate(short["value"])) == "24.10"


@pytest.mark.parametrize(
    "value",
    [0, -1, True, None, "", "7,70", " 7.70", "7.", "1e3", "NaN", "\u0667", [7], Decimal("1E+13")],
)
def test_what_is_no_rate_is_none(value: object) -> None:
    assert exchange_rate(value) is None


@given(ANY_JSON)
def test_whatever_comes_is_a_positive_number_or_none(value: Any) -> None:
    rate = exchange_rate(value)
    assert rate is None or (rate.is_finite() and 0 < rate <= RATE_MAX)


async def test_a_rate_is_asked_for_in_a_session_of_its_own() -> None:
    pagadito = Pagadito(get_exchange_rate=[result("PG1004", "7.70")])

    assert await pagadito.provider.exchange_rate("GTQ") == Decimal("7.70")

    assert pagadito.calls[1:] == [("get_exchange_rate", {"token": "session1", "currency": "GTQ"})]
    assert pagadito.currencies == ["GTQ"]


async def test_a_session_that_went_stale_is_opened_again_once() -> None:
    stale = result("PG3007")
    again = Pagadito(get_exchange_rate=[stale, result("PG1004", 24)])
    assert await again.provider.exchange_rate("HNL") == Decimal(24)

    with pytest.raises(ProviderUnavailable, match="PG3007"):
        await Pagadito(get_exchange_rate=[stale, stale]).provider.exchange_rate("HNL")


async def test_a_currency_without_a_rate_is_refused() -> None:
    with pytest.raises(InvalidValue) as refused:
        await Pagadito(get_exchange_rate=[result("PG3008")]).provider.exchange_rate("CRC")
    assert refused.value.param == "currency"


@pytest.mark.parametrize(
    "answer", [result("PG3002"), result("PG1004", "soon"), result("PG1003", 1)]
)
async def test_no_rate_means_that_nothing_happened(answer: Any) -> None:
    with pytest.raises(ProviderUnavailable, match="get_exchange_rate"):
        await Pagadito(get_exchange_rate=[answer]).provider.exchange_rate("USD")


async def test_an_account_that_is_switched_off_is_told_as_such() -> None:
    with pytest.raises(AccountNotAccepted):
        await Pagadito(connect=[result("PG3005")]).provider.exchange_rate("USD")
