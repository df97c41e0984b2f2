"""PayPal's words in ours."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from payment_gateway.application.ports import (
    Approved,
    AwaitingPayer,
    Captured,
    Declined,
    Expired,
    Held,
    ProviderOutcomeUnknown,
    Refunded,
    RefundHeld,
    RefundOutcome,
    RefundRefused,
    Standing,
)
from payment_gateway.domain.errors import InvalidAmountError, InvalidValue
from payment_gateway.domain.value_objects.payment_amount import PaymentAmountVO
from payment_gateway.infrastructure.providers.paypal.answers import (
    capture_outcome,
    order_standing,
    payment_page,
    refund_outcome,
)
from payment_gateway.infrastructure.providers.paypal.money import (
    CURRENCIES,
    check_amount,
    money,
    read_money,
)

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.decimals() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)
STATUSES = st.sampled_from(["COMPLETED", "PENDING", "DECLINED", "APPROVED", "3C6"]) | ANY_JSON
TOTAL = PaymentAmountVO(15_50, "USD")
TAKEN = Captured(reference="3C6", amount=TOTAL, refunded=PaymentAmountVO(0, "USD"))
PARTLY = replace(TAKEN, refunded=None)  # given back in part: how much, only the refunds say


def capture(status: object, capture_id: str = "3C6", **more: object) -> dict[str, object]:
    amount = {"currency_code": "USD", "value": "15.50"}
    return {"id": capture_id, "status": status, "amount": amount, **more}


def order(status: object, *captures: Mapping[str, object]) -> Mapping[str, Any]:
    payments = {"captures": list(captures)} if captures else {}
    return {"id": "5O1", "status": status, "purchase_units": [{"payments": payments}]}


@pytest.mark.parametrize(
    ("body", "standing"),
    [
        (order("CREATED"), AwaitingPayer()),
        (order("SAVED"), AwaitingPayer()),
        (order("PAYER_ACTION_REQUIRED"), AwaitingPayer()),
        (order("APPROVED"), Approved()),
        (order("VOIDED"), Expired()),
        (order("COMPLETED", capture("COMPLETED")), TAKEN),
        (order("COMPLETED", capture("PARTIALLY_REFUNDED")), PARTLY),
        (order("COMPLETED", capture("REFUNDED")), replace(TAKEN, refunded=TOTAL)),
        (order("NEW_WORD", capture("COMPLETED")), TAKEN),
        (order("COMPLETED", capture("PENDING")), Held(reference="3C6", reason="PENDING")),
        (
            order("COMPLETED", capture("PENDING", status_details={"reason": "ECHECK"})),
            Held(reference="3C6", reason="ECHECK"),
        ),
        (
            order("COMPLETED", capture("DECLINED")),
            Declined(reason="DECLINED", recoverable=False),
        ),
        (order("COMPLETED", capture("FAILED")), Declined(reason="FAILED", recoverable=False)),
        (order("COMPLETED", capture("DECLINED", "1A"), capture("COMPLETED")), TAKEN),
        (order("COMPLETED", capture("NEW_WORD", "1A"), capture("COMPLETED")), TAKEN),
        (order("APPROVED", capture("DECLINED")), Approved()),
        (order("PAYER_ACTION_REQUIRED", capture("DECLINED")), AwaitingPayer()),
    ],
)
def test_where_an_order_stands(body: Mapping[str, Any], standing: Standing) -> None:
    assert order_standing(body) == standing


def refunded(status: object, value: object, currency: str = "USD") -> dict[str, object]:
    return {"id": "9R", "status": status, "amount": {"currency_code": currency, "value": value}}


@pytest.mark.parametrize(
    ("refunds", "total_minor"),
    [
        ([refunded("COMPLETED", "5.00")], 5_00),
        ([refunded("COMPLETED", "5.00"), refunded("COMPLETED", "1.50")], 6_50),
        ([refunded("COMPLETED", "5.00"), refunded("PENDING", "1.50")], 5_00),
        ([refunded("FAILED", "5.00")], 0),
        ([refunded("COMPLETED", "5.00", "EUR")], None),
        ([refunded("COMPLETED", 5.0)], None),
        ([refunded("COMPLETED", "15.51")], None),
        (5, 0),
    ],
)
def test_how_much_an_order_says_was_given_back(refunds: object, total_minor: int | None) -> None:
    payments = {"captures": [capture("COMPLETED")], "refunds": refunds}
    body = {"status": "COMPLETED", "purchase_units": [{"payments": payments}]}
    total = None if total_minor is None else PaymentAmountVO(total_minor, "USD")
    assert order_standing(body) == replace(TAKEN, refunded=total)


@pytest.mark.parametrize(
    "body",
    [
        {},
        order(None),
        order("NEW_WORD"),
        order("COMPLETED"),
        order("COMPLETED", capture("NEW_WORD")),
        order("COMPLETED", capture(["COMPLETED"])),
        order("COMPLETED", capture("NEW_WORD"), capture("DECLINED")),
        order("COMPLETED", capture("COMPLETED", "../etc")),
        order("COMPLETED", {"id": "3C6", "status": "COMPLETED"}),
        order(
            "COMPLETED", capture("COMPLETED") | {"amount": {"value": "-1", "currency_code": "USD"}}
        ),
        order(
            "COMPLETED", capture("COMPLETED") | {"amount": {"value": 15.5, "currency_code": "USD"}}
        ),
        {"status": "COMPLETED", "purchase_units": {"payments": 5}},
        {"status": "COMPLETED", "purchase_units": [5, {"payments": {"captures": [None]}}]},
    ],
)
def test_a_word_or_a_shape_that_is_not_known_is_unknown(body: Mapping[str, Any]) -> None:
    with pytest.raises(ProviderOutcomeUnknown):
        order_standing(body)


@settings(deadline=None)  # a busy machine is no failure
@given(
    status=STATUSES,
    captures=st.lists(
        st.dictionaries(
            st.sampled_from(["id", "status", "amount", "status_details"]), STATUSES, max_size=4
        )
        | ANY_JSON,
        max_size=3,
    ),
    rest=ANY_JSON,
)
def test_whatever_is_answered_is_a_standing_or_unknown(
    status: object, captures: list[object], rest: object
) -> None:
    units = [{"payments": {"captures": captures}}, {"payments": rest}, rest]
    body: dict[str, Any] = {"id": rest, "status": status, "purchase_units": units, "links": rest}

    for read in (
        lambda: order_standing(body),
        lambda: refund_outcome(body, asked=TOTAL),
        lambda: payment_page(body | {"links": [rest, {"rel": rest, "href": rest}]}),
    ):
        with suppress(ProviderOutcomeUnknown):
            read()


def test_an_order_nobody_tried_to_take_money_from_has_no_outcome() -> None:
    assert capture_outcome(order("APPROVED")) is None


def test_the_payment_page_is_where_the_payer_acts() -> None:
    links = [
        {"rel": "self", "href": "https://api.test/1"},
        {"rel": "approve", "href": "https://paypal.test/approve"},
        {"rel": "payer-action", "href": "https://paypal.test/act"},
    ]

    assert payment_page({"links": links}) == "https://paypal.test/act"
    assert payment_page({"links": links[:2]}) == "https://paypal.test/approve"
    assert payment_page({"links": links[:1]}) is None
    assert payment_page({"links": [{"rel": "approve", "href": "javascript:1"}]}) is None
    assert payment_page({"links": [{"rel": ["approve"], "href": "https://x.test"}]}) is None


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        ({"id": "1R", "status": "COMPLETED"}, Refunded(reference="1R")),
        (capture("COMPLETED", "1R"), Refunded(reference="1R")),
        ({"id": "1R", "status": "PENDING"}, RefundHeld(reference="1R")),
        ({"id": "1R", "status": "FAILED"}, RefundRefused(reason="FAILED")),
        (
            {"id": "1R", "status": "CANCELLED", "status_details": {"reason": "ECHECK"}},
            RefundRefused(reason="ECHECK"),
        ),
    ],
)
def test_what_became_of_a_refund(body: Mapping[str, Any], outcome: RefundOutcome) -> None:
    assert refund_outcome(body, asked=TOTAL) == outcome


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"status": "COMPLETED"},
        {"id": "1R"},
        {"id": "1R", "status": "NEW_WORD"},
        {"id": "1R", "status": "COMPLETED", "amount": {"currency_code": "USD", "value": "15.51"}},
    ],
)
def test_a_refund_of_another_amount_or_word_is_unknown(body: Mapping[str, Any]) -> None:
    with pytest.raises(ProviderOutcomeUnknown):
        refund_outcome(body, asked=TOTAL)


@pytest.mark.parametrize(
    ("amount", "value"),
    [
        (PaymentAmountVO(15_50, "USD"), "15.50"),
        (PaymentAmountVO(5, "EUR"), "0.05"),
        (PaymentAmountVO(1000, "JPY"), "1000"),
        (PaymentAmountVO(1000_00, "HUF"), "1000"),
        (PaymentAmountVO(7_00, "TWD"), "7"),
        (PaymentAmountVO(999_999_999_999_999, "USD"), "9999999999999.99"),
    ],
)
def test_amounts_go_out_and_come_back_exactly(amount: PaymentAmountVO, value: str) -> None:
    check_amount(amount, param="amount")

    assert money(amount) == {"currency_code": amount.currency, "value": value}
    assert read_money(money(amount)) == amount


@pytest.mark.parametrize("amount", [PaymentAmountVO(1050, "HUF"), PaymentAmountVO(1, "TWD")])
def test_fractions_of_currencies_without_them_are_refused(amount: PaymentAmountVO) -> None:
    with pytest.raises(InvalidAmountError) as refused:
        check_amount(amount, param="details")

    assert refused.value.param == "details"


@pytest.mark.parametrize("currency", ["GTQ", "HNL", "KWD", "CLF", "RUB"])
def test_currencies_it_does_not_take_are_refused(currency: str) -> None:
    assert currency not in CURRENCIES
    with pytest.raises(InvalidValue) as refused:
        check_amount(PaymentAmountVO(100, currency), param="amount")

    assert refused.value.param == "currency"
