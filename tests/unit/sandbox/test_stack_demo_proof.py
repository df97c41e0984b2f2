"""The demo says so when what was stored is not what was done."""

from typing import Any

import pytest

from sandbox.demo.order import new_orders
from sandbox.demo.proof import prove_document, prove_history, prove_payment
from sandbox.demo.steps import StepFailed

PAYPAL, PAGADITO = new_orders()


def events() -> list[dict[str, Any]]:
    completed = {"provider": "PAYPAL", "providerReference": "3C6", "currency": "USD"}
    data: dict[str, dict[str, str]] = {
        "PaymentInitiated": {"amount": "29.99", "orderId": PAYPAL.order_id},
        "PaymentCompleted": {"captured": "29.99", **completed},
        "RefundCompleted": {"amount": "10.00"},
    }
    return [
        {"type": type_, "revision": revision, "paymentId": "p1", "data": data.get(type_, {})}
        for revision, type_ in enumerate(PAYPAL.history)
    ]


def answer(**changed: str | None) -> dict[str, Any]:
    right = {
        "status": "COMPLETED",
        "amount": "29.99",
        "currency": "USD",
        "providerReference": "3C679366HH908993F",
    }
    return {**right, **changed}


def test_orders_add_up_to_what_is_asked_for() -> None:
    body = PAGADITO.initiate_body("demo", "http://shop/thank-you")

    assert body["amount"] == "21.75"
    assert [(line["quantity"], line["price"]) for line in body["details"]] == [
        (1, "15.00"),
        (3, "2.25"),
    ]


class TestPayment:
    def test_the_right_answer(self) -> None:
        prove_payment("step", answer(), PAYPAL, status="COMPLETED")

    @pytest.mark.parametrize(
        ("changed", "complaint"),
        [
            ({"status": "PENDING"}, "status is 'PENDING', not 'COMPLETED'"),
            ({"amount": "29.98"}, "amount is '29.98', not '29.99'"),
            ({"currency": "EUR"}, "currency is 'EUR', not 'USD'"),
            ({"providerReference": None}, "whether there is a providerReference"),
        ],
    )
    def test_a_wrong_answer(self, changed: dict[str, str | None], complaint: str) -> None:
        with pytest.raises(StepFailed, match=complaint):
            prove_payment("step", answer(**changed), PAYPAL, status="COMPLETED")


class TestHistory:
    def test_the_right_history(self) -> None:
        prove_history("step", events(), PAYPAL, "p1")

    def test_an_event_is_missing(self) -> None:
        with pytest.raises(StepFailed, match="order of events"):
            prove_history("step", events()[:-1], PAYPAL, "p1")

    def test_another_amount_was_captured(self) -> None:
        history = events()
        history[4]["data"] = {"captured": "29.98"}

        with pytest.raises(StepFailed, match=r"captured is '29\.98', not '29\.99'"):
            prove_history("step", history, PAYPAL, "p1")

    def test_an_event_of_another_payment(self) -> None:
        history = events()
        history[2]["paymentId"] = "p2"

        with pytest.raises(StepFailed, match="paymentId"):
            prove_history("step", history, PAYPAL, "p1")


DOCUMENT = {
    "_id": "p1",
    "orderId": PAYPAL.order_id,
    "providerType": "PAYPAL",
    "providerReference": "3C6",
    "currency": "USD",
    "amountMinor": 29_99,
    "capturedMinor": 29_99,
    "refundedMinor": 10_00,
    "status": "PARTIALLY_REFUNDED",
    "revision": 6,
}


class TestDocument:
    def test_the_right_document(self) -> None:
        prove_document({**DOCUMENT, "lateFacts": 0}, PAYPAL, events(), "p1")

    @pytest.mark.parametrize(
        "wrong", [{"status": "COMPLETED"}, {"capturedMinor": 29_98}, {"refundedMinor": 0}]
    )
    def test_a_document_that_says_something_else_than_the_events(
        self, wrong: dict[str, object]
    ) -> None:
        with pytest.raises(StepFailed, match="read model's document"):
            prove_document({**DOCUMENT, **wrong}, PAYPAL, events(), "p1")
