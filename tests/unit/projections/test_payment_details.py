"""The document of a payment is what its events say, whichever way they come."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from payment_gateway.domain.aggregates import payment_state
from payment_gateway.domain.events.payment import (
    CheckoutCreatedEvent,
    LateFactRecordedEvent,
    PaymentCompletedEvent,
    PaymentEvent,
    PaymentFailedEvent,
    PaymentInitiatedEvent,
    PaymentItem,
    ProviderAttemptFailedEvent,
    ProviderAttemptStartedEvent,
    RefundCompletedEvent,
    RefundFailedEvent,
    RefundRequestedEvent,
)
from payment_gateway.domain.events.tenant import TenantCreatedEvent
from payment_gateway.infrastructure.persistence.event_log import RecordedEvent
from payment_gateway.infrastructure.persistence.mongodb import Document
from projections.payment_details import MODEL
from projections.read_model import Key, apply, fold
from tests.unit.projections.payment_histories import START, histories, record_all, recorded

INITIATED = PaymentInitiatedEvent(
    payment_id="p",
    tenant_id="acme",
    external_reference="ERN-1",
    order_id="order-1",
    amount_minor=100_00,
    currency="USD",
    provider="PAYPAL",
    fallback_providers=("PAGADITO",),
    items=(PaymentItem(quantity=2, description="Ticket", price_minor=50_00, url_product=None),),
    allow_pending=False,
    return_url="https://shop.example/thanks",
    cancel_url=None,
    subject_id="subject",
    personal="sealed",
    fingerprint="f",
)
STARTED = ProviderAttemptStartedEvent(
    payment_id="p",
    attempt_id="a1",
    attempt=1,
    provider="PAYPAL",
    provider_reference_number="ERN-1",
    handle="secret-handle",
)
CHECKOUT = CheckoutCreatedEvent(
    payment_id="p",
    attempt_id="a1",
    provider="PAYPAL",
    provider_order_id="order-at-paypal",
    checkout_url="https://paypal.example/pay",
    expires_at=START + timedelta(hours=3),
)
COMPLETED = PaymentCompletedEvent(
    payment_id="p",
    provider="PAYPAL",
    provider_reference="capture-1",
    captured_minor=100_00,
    currency="USD",
)


def refund_requested(refund_id: str, amount_minor: int) -> RefundRequestedEvent:
    return RefundRequestedEvent(
        payment_id="p",
        refund_id=refund_id,
        amount_minor=amount_minor,
        currency="USD",
        reason="damaged",
    )


def refund_completed(refund_id: str, amount_minor: int) -> RefundCompletedEvent:
    return RefundCompletedEvent(
        payment_id="p",
        refund_id=refund_id,
        provider_reference=f"at-paypal-{refund_id}",
        amount_minor=amount_minor,
    )


def given_(*events: PaymentEvent) -> Document:
    return document_of(record_all(events))


def document_of(events: list[RecordedEvent]) -> Document:
    (document,) = fold(MODEL, events).values()
    return document


class TestDocument:
    def test_of_a_new_payment_holds_what_was_asked_for_and_what_is_sealed_as_it_is(self) -> None:
        document = given_(INITIATED)

        assert document == {
            "_id": "p",
            "tenantId": "acme",
            "externalReferenceNumber": "ERN-1",
            "orderId": "order-1",
            "status": "CREATED",
            "providerType": "PAYPAL",
            "fallbackProviders": ["PAGADITO"],
            "allowPendingPayments": False,
            "amountMinor": 100_00,
            "currency": "USD",
            "items": [
                {
                    "quantity": 2,
                    "description": "Ticket",
                    "priceMinor": 50_00,
                    "urlProduct": None,
                }
            ],
            "checkoutUrl": None,
            "expiresAt": None,
            "providerReference": None,
            "capturedMinor": None,
            "refundedMinor": 0,
            "refunds": [],
            "attempts": [],
            "failureReason": None,
            "disputes": [],
            "questions": [],
            "differences": [],
            "lateFacts": 0,
            "subjectId": "subject",
            "personal": "sealed",
            "createdAt": START,
            "updatedAt": START,
            "revision": 0,
            "position": 1,
        }

    def test_shows_the_checkout_and_the_attempt_that_led_to_it(self) -> None:
        document = given_(INITIATED, STARTED, CHECKOUT)

        assert document["status"] == "AWAITING_PAYER"
        assert document["checkoutUrl"] == "https://paypal.example/pay"
        assert document["attempts"] == [
            {
                "attemptId": "a1",
                "attempt": 1,
                "providerType": "PAYPAL",
                "referenceNumber": "ERN-1",
                "providerOrderId": "order-at-paypal",
                "failureReason": None,
            }
        ]

    def test_keeps_no_handle_that_a_provider_would_answer_to(self) -> None:
        assert "secret-handle" not in str(given_(INITIATED, STARTED, CHECKOUT))

    def test_names_the_provider_that_is_being_tried_after_another_failed(self) -> None:
        failed = ProviderAttemptFailedEvent(
            payment_id="p", attempt_id="a1", provider="PAYPAL", proof="not_sent", reason="NO"
        )
        second = replace(STARTED, attempt_id="a2", attempt=2, provider="PAGADITO")

        document = given_(INITIATED, STARTED, failed, second)

        assert document["status"] == "CREATED"
        assert document["providerType"] == "PAGADITO"
        assert [attempt["failureReason"] for attempt in document["attempts"]] == ["NO", None]

    def test_adds_up_what_was_given_back_and_leaves_out_what_was_not(self) -> None:
        document = given_(
            INITIATED,
            COMPLETED,
            refund_requested("r1", 30_00),
            refund_completed("r1", 30_00),
            refund_requested("r2", 20_00),
            RefundFailedEvent(payment_id="p", refund_id="r2", reason="REFUSED"),
        )

        assert document["status"] == "PARTIALLY_REFUNDED"
        assert document["refundedMinor"] == 30_00
        assert document["refunds"] == [
            {
                "refundId": "r1",
                "amountMinor": 30_00,
                "status": "COMPLETED",
                "reason": "damaged",
                "failureReason": None,
                "providerReference": "at-paypal-r1",
            },
            {
                "refundId": "r2",
                "amountMinor": 20_00,
                "status": "FAILED",
                "reason": "damaged",
                "failureReason": "REFUSED",
                "providerReference": None,
            },
        ]

    def test_is_refunded_once_all_that_was_taken_is_given_back(self) -> None:
        document = given_(
            INITIATED, COMPLETED, refund_requested("r1", 100_00), refund_completed("r1", 100_00)
        )

        assert document["status"] == "REFUNDED"

    def test_counts_late_facts_and_applies_none(self) -> None:
        late = LateFactRecordedEvent(
            payment_id="p",
            fact="completed",
            status="FAILED",
            provider_reference="capture-9",
            amount_minor=1,
        )

        document = given_(INITIATED, PaymentFailedEvent(payment_id="p", reason="NO"), late)

        assert document["status"] == "FAILED"
        assert document["lateFacts"] == 1
        assert document["capturedMinor"] is None

    def test_carries_the_times_and_the_place_of_its_last_event(self) -> None:
        document = given_(INITIATED, STARTED, CHECKOUT)

        assert document["createdAt"] == START
        assert document["updatedAt"] == START + timedelta(seconds=2)
        assert document["revision"] == 2
        assert document["position"] == 3


class TestDelivery:
    def test_what_was_seen_before_changes_nothing(self) -> None:
        document = given_(
            INITIATED, COMPLETED, refund_requested("r1", 1), refund_completed("r1", 1)
        )

        for event in record_all([INITIATED, COMPLETED, refund_requested("r1", 1)]):
            assert apply(MODEL, {Key("p"): document}, event) == {}

    def test_events_of_other_things_belong_to_no_document(self) -> None:
        event = TenantCreatedEvent(tenant_id="acme", name=None, return_origins=())

        other = replace(recorded(INITIATED, 0), event=event, type="TenantCreated")

        assert apply(MODEL, {}, other) == {}


class TestAnyHistory:
    @given(histories())
    def test_the_document_says_what_the_aggregate_says(self, events: list[PaymentEvent]) -> None:
        payment = payment_state.fold(events)
        assert payment is not None

        document = document_of(record_all(events))

        assert document["status"] == payment.status.value
        assert document["providerType"] == payment.provider
        assert document["providerReference"] == payment.provider_reference
        assert document["failureReason"] == payment.failure
        assert document["refundedMinor"] == payment.refunded.amount_minor
        captured = payment.captured.amount_minor if payment.captured else None
        assert document["capturedMinor"] == captured
        url = payment.checkout.url if payment.checkout else None
        assert document["checkoutUrl"] == url
        assert len(document["attempts"]) == payment.attempts
        assert document["lateFacts"] >= len(payment.late_facts)
        assert [
            (r["refundId"], r["amountMinor"], r["status"], r["reason"], r["failureReason"])
            for r in document["refunds"]
        ] == [
            (r.refund_id, r.amount.amount_minor, r.status.value, r.reason, r.failure)
            for r in payment.refunds.values()
        ]

    @given(histories(), st.data())
    def test_repeated_delivery_ends_in_the_same_document(
        self, events: list[PaymentEvent], data: st.DataObject
    ) -> None:
        """After each crash delivery goes on from a checkpoint that may lie further back."""
        history = record_all(events)
        documents: dict[Key, Document] = {}
        reached = 0
        while reached < len(history):
            back = data.draw(st.integers(0, reached))
            end = data.draw(st.integers(reached + 1, len(history)))
            for event in history[back:end]:
                documents.update(apply(MODEL, documents, event))
            reached = end

        assert documents == fold(MODEL, history)
