"""The rules of a payment."""

from __future__ import annotations

from dataclasses import replace

import pytest

from payment_gateway.domain.aggregates.payment_commands import (
    CancelPayment,
    PaymentCommand,
    RecordAttemptFailure,
    RecordCancellation,
    RecordCaptureDecline,
    RecordCheckout,
    RecordCompletion,
    RecordExpiry,
    RecordFailure,
    RecordPending,
    RecordRefund,
    RecordRefundFailure,
    RecordUnknownOutcome,
    RequestCapture,
    StartProviderAttempt,
)
from payment_gateway.domain.errors import (
    DomainError,
    ExternalReferenceInUse,
    PaymentCancelled,
    PaymentDeclined,
    PaymentExpired,
    PaymentNotFound,
    PaymentStateConflict,
    RefundExceedsCaptured,
    RefundIdInUse,
)
from payment_gateway.domain.events.payment import (
    CaptureDeclinedEvent,
    LateFactRecordedEvent,
    OperatorNeededEvent,
    PaymentCancelledEvent,
    PaymentEvent,
    PaymentExpiredEvent,
    PaymentFailedEvent,
    PaymentPendingEvent,
    ProviderAttemptFailedEvent,
    RefundFailedEvent,
)
from payment_gateway.domain.value_objects.payment_amount import PaymentAmountVO
from payment_gateway.domain.value_objects.payment_status import PaymentStatusVO, RefundStatusVO
from payment_gateway.domain.value_objects.provider_type import ProviderTypeVO
from payment_gateway.domain.value_objects.tenant_id import TenantIdVO
from tests.unit.domain.payment_examples import (
    ATTEMPT,
    AWAITING,
    CAPTURE,
    CAPTURING,
    CHECKOUT,
    COMPLETED,
    ID,
    INITIATE,
    INITIATED,
    LATER,
    PAID,
    STARTED,
    refund,
    refund_completed,
    refund_requested,
    unknown,
)
from tests.unit.domain.scenario import given

FAILED = PaymentFailedEvent(payment_id=ID.value, reason="TRANSACTION_REFUSED")
EXPIRED = PaymentExpiredEvent(payment_id=ID.value)
CANCELLED = PaymentCancelledEvent(payment_id=ID.value, reason=None)
PENDING = PaymentPendingEvent(payment_id=ID.value, provider_reference="CAP1", reason="ECHECK")
NOT_SENT = ProviderAttemptFailedEvent(
    payment_id=ID.value, attempt_id=ATTEMPT, provider="PAYPAL", proof="not_sent", reason="refused"
)
START = StartProviderAttempt(
    payment_id=ID, attempt_id=ATTEMPT, provider=ProviderTypeVO("PAYPAL"), handle=None
)
CAPTURE_IT = RequestCapture(payment_id=ID, capture_id=CAPTURE)
COMPLETE = RecordCompletion(payment_id=ID, provider_reference="CAP1", captured=None)
CANCEL = CancelPayment(payment_id=ID, reason=None)
FAIL = RecordFailure(payment_id=ID, reason="TRANSACTION_REFUSED")
EXPIRE = RecordExpiry(payment_id=ID)


def late(fact: str, status: str, reference: str | None, minor: int | None) -> LateFactRecordedEvent:
    return LateFactRecordedEvent(
        payment_id=ID.value,
        fact=fact,
        status=status,
        provider_reference=reference,
        amount_minor=minor,
    )


class TestInitiate:
    def test_stores_the_intent_before_anything_is_sent(self) -> None:
        given().when(INITIATE).then(INITIATED)

    def test_the_same_request_again_is_the_same_payment(self) -> None:
        given(*PAID).when(INITIATE).then_nothing()

    def test_another_request_with_the_number_is_refused(self) -> None:
        given(INITIATED).when(replace(INITIATE, fingerprint="f2")).then_refuses(
            ExternalReferenceInUse
        )

    def test_the_number_of_another_tenant_is_refused_in_the_same_words(self) -> None:
        theirs = replace(INITIATE, tenant_id=TenantIdVO("other"))
        given(INITIATED).when(theirs).then_refuses(ExternalReferenceInUse)

    def test_nothing_can_be_told_to_an_unknown_payment(self) -> None:
        given().when(CAPTURE_IT).then_refuses(PaymentNotFound)


class TestCheckout:
    def test_an_attempt_is_stored_before_it_is_made(self) -> None:
        given(INITIATED).when(START).then(STARTED)

    def test_no_second_attempt_while_the_first_has_no_outcome(self) -> None:
        second = replace(START, attempt_id=ID.derive("attempt:2"))
        given(INITIATED, STARTED).when(second).then_refuses(PaymentStateConflict)

    def test_a_second_attempt_has_a_number_of_its_own(self) -> None:
        second = ID.derive("attempt:2")
        given(INITIATED, STARTED, NOT_SENT).when(replace(START, attempt_id=second)).then(
            replace(
                STARTED,
                attempt_id=second,
                attempt=2,
                provider_reference_number=f"{INITIATED.external_reference}-2",
            )
        )

    @pytest.mark.parametrize("doubt", [(), (unknown("checkout", ATTEMPT),)])
    def test_the_provider_made_a_page(self, doubt: tuple[PaymentEvent, ...]) -> None:
        given(INITIATED, STARTED, *doubt).when(
            RecordCheckout(
                payment_id=ID,
                attempt_id=ATTEMPT,
                provider_order_id="ORDER1",
                checkout_url=CHECKOUT.checkout_url,
                expires_at=LATER,
            )
        ).then(CHECKOUT)

    def test_a_page_that_comes_after_the_attempt_was_closed_is_kept_but_not_used(self) -> None:
        given(INITIATED, STARTED, NOT_SENT).when(
            RecordCheckout(
                payment_id=ID,
                attempt_id=ATTEMPT,
                provider_order_id="ORDER1",
                checkout_url=CHECKOUT.checkout_url,
                expires_at=LATER,
            )
        ).then(late("checkout", "CREATED", "ORDER1", None))

    def test_an_attempt_that_never_left_leaves_the_payment_open(self) -> None:
        failure = RecordAttemptFailure(
            payment_id=ID, attempt_id=ATTEMPT, proof="not_sent", reason="refused"
        )
        given(INITIATED, STARTED).when(failure).then(NOT_SENT)
        assert given(INITIATED, STARTED, NOT_SENT).payment.status is PaymentStatusVO.CREATED

    def test_an_unclear_answer_is_a_state_of_its_own(self) -> None:
        doubt = RecordUnknownOutcome(
            payment_id=ID, operation="checkout", intent_id=ATTEMPT, reason="timeout"
        )
        given(INITIATED, STARTED).when(doubt).then(unknown("checkout", ATTEMPT))
        in_doubt = given(INITIATED, STARTED, unknown("checkout", ATTEMPT)).payment
        assert in_doubt.status is PaymentStatusVO.UNKNOWN
        assert in_doubt.has_open_attempt


class TestCapture:
    def test_the_intent_is_stored_before_the_provider_is_told(self) -> None:
        given(*AWAITING).when(CAPTURE_IT).then(CAPTURING)

    def test_before_there_is_a_page_there_is_nothing_to_capture(self) -> None:
        given(INITIATED, STARTED).when(CAPTURE_IT).then_refuses(PaymentStateConflict)

    @pytest.mark.parametrize(
        ("end", "refusal"),
        [(FAILED, PaymentDeclined), (EXPIRED, PaymentExpired), (CANCELLED, PaymentCancelled)],
    )
    def test_what_has_ended_is_not_captured(
        self, end: PaymentEvent, refusal: type[DomainError]
    ) -> None:
        given(*AWAITING, end).when(CAPTURE_IT).then_refuses(refusal)

    @pytest.mark.parametrize(
        "history",
        [
            AWAITING,
            (*AWAITING, CAPTURING),
            (*AWAITING, CAPTURING, unknown("capture", CAPTURE)),
            (*AWAITING, CAPTURING, PENDING),
        ],
    )
    def test_the_money_was_taken(self, history: tuple[PaymentEvent, ...]) -> None:
        given(*history).when(COMPLETE).then(COMPLETED)

    def test_whoever_reports_it_second_changes_nothing(self) -> None:
        given(*PAID).when(COMPLETE).then_nothing()

    def test_a_second_capture_is_recorded_for_people_to_see(self) -> None:
        given(*PAID).when(replace(COMPLETE, provider_reference="CAP2")).then(
            late("completed", "COMPLETED", "CAP2", 19_99)
        )

    @pytest.mark.parametrize("end", [FAILED, EXPIRED, CANCELLED])
    def test_money_taken_after_the_end_is_recorded_not_applied(self, end: PaymentEvent) -> None:
        status = given(*AWAITING, end).payment.status
        given(*AWAITING, end).when(COMPLETE).then(late("completed", status, "CAP1", 19_99))

    def test_another_amount_than_asked_for_needs_a_person(self) -> None:
        given(*AWAITING, CAPTURING).when(
            replace(COMPLETE, captured=PaymentAmountVO(10_00, "USD"))
        ).then(
            OperatorNeededEvent(
                payment_id=ID.value,
                question="payment",
                refund_id=None,
                reason="the provider took 10.00 USD, 19.99 USD was asked for",
                provider_reference="CAP1",
                captured_minor=10_00,
                currency="USD",
            )
        )

    def test_a_declined_means_of_payment_leaves_the_page_open_for_another(self) -> None:
        declined = CaptureDeclinedEvent(
            payment_id=ID.value, capture_id=CAPTURE, reason="INSTRUMENT_DECLINED"
        )
        given(*AWAITING, CAPTURING).when(
            RecordCaptureDecline(payment_id=ID, capture_id=CAPTURE, reason="INSTRUMENT_DECLINED")
        ).then(declined)
        payment = given(*AWAITING, CAPTURING, declined).payment
        assert payment.status is PaymentStatusVO.AWAITING_PAYER
        assert payment.next_capture_id == ID.derive("capture:2")

    def test_an_unclear_answer_is_never_a_failure(self) -> None:
        doubt = RecordUnknownOutcome(
            payment_id=ID, operation="capture", intent_id=CAPTURE, reason="timeout"
        )
        given(*AWAITING, CAPTURING).when(doubt).then(unknown("capture", CAPTURE))

    def test_the_provider_holds_the_money_back(self) -> None:
        given(*AWAITING, CAPTURING).when(
            RecordPending(payment_id=ID, provider_reference="CAP1", reason="ECHECK")
        ).then(PENDING)

    def test_a_late_word_of_holding_does_not_undo_a_completion(self) -> None:
        given(*PAID).when(
            RecordPending(payment_id=ID, provider_reference="CAP1", reason="ECHECK")
        ).then_nothing()


class TestEnding:
    @pytest.mark.parametrize(
        "history", [AWAITING, (*AWAITING, CAPTURING), (*AWAITING, CAPTURING, PENDING)]
    )
    @pytest.mark.parametrize(("report", "event"), [(FAIL, FAILED), (EXPIRE, EXPIRED)])
    def test_an_open_payment_ends(
        self, history: tuple[PaymentEvent, ...], report: PaymentCommand, event: PaymentEvent
    ) -> None:
        given(*history).when(report).then(event)

    @pytest.mark.parametrize(("report", "fact"), [(FAIL, "failed"), (EXPIRE, "expired")])
    def test_a_paid_payment_does_not_end(self, report: PaymentCommand, fact: str) -> None:
        given(*PAID).when(report).then(late(fact, "COMPLETED", None, None))

    def test_the_first_end_stands(self) -> None:
        given(*AWAITING, CANCELLED).when(EXPIRE).then_nothing()

    def test_the_order_service_calls_it_off(self) -> None:
        given(*AWAITING).when(CANCEL).then(CANCELLED)
        given(INITIATED).when(CANCEL).then(CANCELLED)

    def test_the_payer_calls_it_off(self) -> None:
        given(*AWAITING).when(RecordCancellation(payment_id=ID, reason="back")).then(
            replace(CANCELLED, reason="back")
        )

    @pytest.mark.parametrize(
        "history", [(INITIATED, STARTED), (*AWAITING, CAPTURING), PAID, (*AWAITING, EXPIRED)]
    )
    def test_too_late_to_call_off(self, history: tuple[PaymentEvent, ...]) -> None:
        given(*history).when(CANCEL).then_refuses(PaymentStateConflict)


class TestRefund:
    def test_the_amount_is_reserved_before_the_provider_is_told(self) -> None:
        given(*PAID).when(refund(5_00)).then(refund_requested(5_00))

    def test_without_an_amount_it_is_all_that_is_left(self) -> None:
        given(*PAID, refund_requested(5_00)).when(refund(None, "r2")).then(
            refund_requested(14_99, "r2")
        )

    def test_the_same_refund_again_is_the_same_refund(self) -> None:
        given(*PAID, refund_requested(5_00)).when(refund(5_00)).then_nothing()

    def test_its_id_names_no_other_refund(self) -> None:
        given(*PAID, refund_requested(5_00)).when(refund(5_01)).then_refuses(RefundIdInUse)

    def test_one_cent_more_than_is_left(self) -> None:
        given(*PAID, refund_requested(5_00)).when(refund(15_00, "r2")).then_refuses(
            RefundExceedsCaptured
        )

    def test_nothing_left_at_all(self) -> None:
        given(*PAID, refund_requested(19_99), refund_completed(19_99)).when(
            refund(1, "r2")
        ).then_refuses(RefundExceedsCaptured)

    def test_before_any_money_was_taken(self) -> None:
        given(*AWAITING).when(refund(1)).then_refuses(PaymentStateConflict)

    def test_a_refused_refund_frees_its_amount(self) -> None:
        failed = RefundFailedEvent(payment_id=ID.value, refund_id="r1", reason="REFUND_NOT_ALLOWED")
        given(*PAID, refund_requested(19_99)).when(
            RecordRefundFailure(payment_id=ID, refund_id="r1", reason="REFUND_NOT_ALLOWED")
        ).then(failed)
        given(*PAID, refund_requested(19_99), failed).when(refund(19_99, "r2")).then(
            refund_requested(19_99, "r2")
        )

    def test_a_refund_that_never_left_may_be_sent_again_under_its_id(self) -> None:
        unsent = RefundFailedEvent(payment_id=ID.value, refund_id="r1", reason="not_sent")
        given(*PAID, refund_requested(5_00), unsent).when(refund(5_00)).then(refund_requested(5_00))

    def test_an_unclear_answer_keeps_the_amount_reserved(self) -> None:
        history = (*PAID, refund_requested(15_00), unknown("refund", "r1"))
        assert given(*history).payment.refunds["r1"].status is RefundStatusVO.UNKNOWN
        given(*history).when(refund(5_00, "r2")).then_refuses(RefundExceedsCaptured)

    @pytest.mark.parametrize("doubt", [(), (unknown("refund", "r1"),)])
    def test_the_money_was_given_back(self, doubt: tuple[PaymentEvent, ...]) -> None:
        given(*PAID, refund_requested(5_00), *doubt).when(
            RecordRefund(payment_id=ID, refund_id="r1", provider_reference="REF-r1")
        ).then(refund_completed(5_00))

    def test_part_and_whole_are_told_apart(self) -> None:
        part = (*PAID, refund_requested(5_00), refund_completed(5_00))
        assert given(*part).payment.status is PaymentStatusVO.PARTIALLY_REFUNDED
        whole = (*part, refund_requested(14_99, "r2"), refund_completed(14_99, "r2"))
        assert given(*whole).payment.status is PaymentStatusVO.REFUNDED

    def test_money_given_back_after_a_refusal_is_recorded_not_applied(self) -> None:
        failed = RefundFailedEvent(payment_id=ID.value, refund_id="r1", reason="no")
        given(*PAID, refund_requested(5_00), failed).when(
            RecordRefund(payment_id=ID, refund_id="r1", provider_reference="REF-r1")
        ).then(late("refund_completed", "COMPLETED", "r1", 5_00))
