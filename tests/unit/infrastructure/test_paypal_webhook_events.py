"""PayPal's notifications: what they say."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest

from payment_gateway.application.webhooks import (
    DisputeNews,
    NotANotification,
    PaymentNews,
    RefundNews,
)
from payment_gateway.domain.value_objects.external_reference_number import (
    ExternalReferenceNumberVO,
)
from payment_gateway.domain.value_objects.payment_amount import PaymentAmountVO
from payment_gateway.domain.value_objects.payment_id import PaymentIdVO
from payment_gateway.infrastructure.webhooks.paypal import CertificateCheck, PayPalWebhooks
from tests.unit.infrastructure.webhook_signer import Hosts

PAYMENT: Final = PaymentIdVO.of(ExternalReferenceNumberVO("ERN-7"))
READER: Final = PayPalWebhooks(
    transmissions=CertificateCheck(signatures=Hosts().signatures()), base_url=None
)


def notification(event_type: str, resource: object) -> bytes:
    return json.dumps({"id": "WH-1", "event_type": event_type, "resource": resource}).encode()


def news(event_type: str, resource: dict[str, Any]) -> Any:
    return READER.read(notification(event_type, resource)).news


REFUND: Final = {
    "id": "R-1",
    "status": "COMPLETED",
    "amount": {"currency_code": "USD", "value": "5.00"},
    "invoice_id": "intent",
    "custom_id": PAYMENT.value,
    "links": [
        {"rel": "self", "href": "https://x/v2/payments/refunds/R-1"},
        {"rel": "up", "href": "https://x/v2/payments/captures/C-1"},
    ],
}


class TestWhatItSays:
    def test_of_an_order(self) -> None:
        unit = {"custom_id": PAYMENT.value, "invoice_id": "ERN-7"}
        body = notification("CHECKOUT.ORDER.APPROVED", {"id": "O-1", "purchase_units": [unit]})

        read = READER.read(body)

        assert (read.delivery_id, read.payment_id) == ("WH-1", PAYMENT)
        assert read.news == PaymentNews(order_id="O-1", reference_number="ERN-7")

    def test_of_a_capture_that_only_its_reference_number_names(self) -> None:
        resource = {
            "id": "C-1",
            "invoice_id": "ERN-7-2",
            "supplementary_data": {"related_ids": {"order_id": "O-1"}},
        }
        read = READER.read(notification("PAYMENT.CAPTURE.COMPLETED", resource))

        assert read.payment_id == PAYMENT
        assert read.news == PaymentNews(order_id="O-1", reference_number="ERN-7-2")

    @pytest.mark.parametrize(
        ("event_type", "status", "outcome"),
        [
            ("PAYMENT.CAPTURE.REFUNDED", "COMPLETED", "completed"),
            ("PAYMENT.CAPTURE.REFUNDED", "PENDING", "pending"),
            ("PAYMENT.CAPTURE.REVERSED", None, "completed"),
            ("PAYMENT.REFUND.PENDING", "PENDING", "pending"),
            ("PAYMENT.REFUND.FAILED", "FAILED", "failed"),
            ("PAYMENT.REFUND.FAILED", "CANCELLED", "failed"),
        ],
    )
    def test_of_a_refund(self, event_type: str, status: str | None, outcome: str) -> None:
        told = news(event_type, {**REFUND, "status": status})

        assert isinstance(told, RefundNews)
        assert (told.reference, told.intent_id, told.outcome) == ("R-1", "intent", outcome)
        assert (told.capture_reference, told.amount) == ("C-1", PaymentAmountVO(500, "USD"))

    def test_a_status_of_a_refund_that_nobody_knows_is_nothing(self) -> None:
        assert news("PAYMENT.CAPTURE.REFUNDED", {**REFUND, "status": "NEW"}) is None

    @pytest.mark.parametrize(
        ("event_type", "more", "outcome"),
        [
            ("CUSTOMER.DISPUTE.CREATED", {"status": "OPEN"}, None),
            ("CUSTOMER.DISPUTE.UPDATED", {"status": "UNDER_REVIEW"}, None),
            ("CUSTOMER.DISPUTE.UPDATED", {"status": "RESOLVED"}, "RESOLVED"),
            (
                "CUSTOMER.DISPUTE.RESOLVED",
                {"dispute_outcome": {"outcome_code": "RESOLVED_BUYER_FAVOUR"}},
                "RESOLVED_BUYER_FAVOUR",
            ),
        ],
    )
    def test_of_a_dispute(self, event_type: str, more: dict[str, Any], outcome: str | None) -> None:
        resource = {
            "dispute_id": "PP-D-1",
            "reason": "UNAUTHORISED",
            "dispute_amount": {"currency_code": "USD", "value": "19.99"},
            "disputed_transactions": [{"seller_transaction_id": "C-1", "custom": PAYMENT.value}],
            **more,
        }
        read = READER.read(notification(event_type, resource))

        assert read.payment_id == PAYMENT
        assert read.news == DisputeNews(
            dispute_id="PP-D-1",
            capture_reference="C-1",
            amount=PaymentAmountVO(19_99, "USD"),
            reason="UNAUTHORISED",
            outcome=outcome,
        )

    @pytest.mark.parametrize("event_type", ["PAYMENT.AUTHORIZATION.CREATED", "BILLING.PLAN.NEW"])
    def test_of_what_changes_nothing_here(self, event_type: str) -> None:
        assert news(event_type, {"id": "A-1"}) is None

    @pytest.mark.parametrize(
        "resource",
        [
            {"purchase_units": [7], "id": {}},
            {"custom_id": 7, "invoice_id": ["ERN-7"]},
            {"custom_id": "not ours", "invoice_id": "INV-1"},
            {"purchase_units": {}, "links": 7},
            {},
            [],
            None,
        ],
    )
    @pytest.mark.parametrize(
        "event_type",
        ["CHECKOUT.ORDER.APPROVED", "PAYMENT.CAPTURE.REFUNDED", "CUSTOMER.DISPUTE.CREATED"],
    )
    def test_whatever_its_resource_is_it_names_no_payment(
        self, event_type: str, resource: object
    ) -> None:
        assert READER.read(notification(event_type, resource)).payment_id is None

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"\xff\xfe",
            b"null",
            b"[]",
            b"{}",
            b'{"id":"WH-1"}',
            b'{"id":"","event_type":"X"}',
            b'{"id":7,"event_type":"X"}',
            b'{"id":"WH-1","event_type":"A B"}',
            b"[" * 100_000,
        ],
    )
    def test_what_is_no_notification(self, body: bytes) -> None:
        with pytest.raises(NotANotification):
            READER.read(body)

    def test_an_id_that_could_not_name_a_stream_is_known_by_its_digest(self) -> None:
        body = json.dumps({"id": "a/b c\ud800", "event_type": "X"}).encode()

        assert len(READER.read(body).delivery_id) == 64
