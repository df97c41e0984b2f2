"""Disputes, refunds made without us, and what only a person can settle."""

from __future__ import annotations

from payment_gateway.domain.aggregates.payment_commands import (
    Answer,
    AnswerAsOperator,
    CallOperator,
    RecordDifference,
    RecordDisputeClosed,
    RecordDisputeOpened,
    RecordProviderRefund,
)
from payment_gateway.domain.errors import InvalidValue, PaymentStateConflict
from payment_gateway.domain.events.payment import (
    DisputeClosedEvent,
    DisputeOpenedEvent,
    LateFactRecordedEvent,
    OperatorAnsweredEvent,
    OperatorNeededEvent,
    PaymentFailedEvent,
    ProviderRefundRecordedEvent,
    ReconciliationDifferenceFoundEvent,
    RefundFailedEvent,
)
from payment_gateway.domain.value_objects.payment_amount import PaymentAmountVO
from payment_gateway.domain.value_objects.payment_status import PaymentStatusVO
from tests.unit.domain.payment_examples import (
    AWAITING,
    CAPTURE,
    CAPTURING,
    COMPLETED,
    ID,
    PAID,
    refund_completed,
    refund_requested,
    unknown,
)
from tests.unit.domain.scenario import given

OPENED = DisputeOpenedEvent(payment_id=ID.value, dispute_id="D1", amount_minor=None, reason="x")
CLOSED = DisputeClosedEvent(payment_id=ID.value, dispute_id="D1", outcome="ACCEPTED")
OPEN_IT = RecordDisputeOpened(payment_id=ID, dispute_id="D1", amount=None, reason="x")
CLOSE_IT = RecordDisputeClosed(payment_id=ID, dispute_id="D1", outcome="ACCEPTED")
DOUBTFUL = (*AWAITING, CAPTURING, unknown("capture", CAPTURE))
REFUND_DOUBTFUL = (*PAID, refund_requested(5_00), unknown("refund", "r1"))


def needed(refund_id: str | None = None) -> OperatorNeededEvent:
    return OperatorNeededEvent(
        payment_id=ID.value,
        question="refund" if refund_id else "payment",
        refund_id=refund_id,
        reason="asked for days",
        provider_reference=None,
        captured_minor=None,
        currency=None,
    )


def answered(answer: str, refund_id: str | None = None) -> OperatorAnsweredEvent:
    return OperatorAnsweredEvent(
        payment_id=ID.value,
        question="refund" if refund_id else "payment",
        refund_id=refund_id,
        answer=answer,
        note="seen",
    )


def call(refund_id: str | None = None) -> CallOperator:
    return CallOperator(payment_id=ID, refund_id=refund_id, reason="asked for days")


def say(
    answer: Answer, refund_id: str | None = None, reference: str | None = None
) -> AnswerAsOperator:
    return AnswerAsOperator(
        payment_id=ID,
        refund_id=refund_id,
        answer=answer,
        provider_reference=reference,
        note="seen",
    )


class TestDispute:
    def test_shows_while_it_is_open(self) -> None:
        given(*PAID).when(OPEN_IT).then(OPENED)
        assert given(*PAID, OPENED).payment.status is PaymentStatusVO.DISPUTED
        given(*PAID, OPENED).when(CLOSE_IT).then(CLOSED)
        assert given(*PAID, OPENED, CLOSED).payment.status is PaymentStatusVO.COMPLETED

    def test_that_was_closed_is_not_opened_by_a_late_word(self) -> None:
        given(*PAID, OPENED, CLOSED).when(OPEN_IT).then_nothing()

    def test_whose_end_comes_first_has_both(self) -> None:
        reason = "the report of its opening has not come"
        missed = DisputeOpenedEvent(
            payment_id=ID.value, dispute_id="D1", amount_minor=None, reason=reason
        )
        given(*PAID).when(CLOSE_IT).then(missed, CLOSED)

    def test_of_what_was_never_paid_is_recorded_not_applied(self) -> None:
        given(*AWAITING).when(OPEN_IT).then(
            LateFactRecordedEvent(
                payment_id=ID.value,
                fact="dispute_opened",
                status="AWAITING_PAYER",
                provider_reference="D1",
                amount_minor=None,
            )
        )

    def test_does_not_forget_what_was_refunded(self) -> None:
        history = (*PAID, refund_requested(5_00), refund_completed(5_00), OPENED, CLOSED)
        assert given(*history).payment.status is PaymentStatusVO.PARTIALLY_REFUNDED


class TestProviderRefund:
    def command(self, minor: int, reference: str = "X1") -> RecordProviderRefund:
        amount = PaymentAmountVO(minor, "USD")
        return RecordProviderRefund(payment_id=ID, provider_reference=reference, amount=amount)

    def test_takes_from_what_is_left(self) -> None:
        refund_id = ID.derive("provider-refund:X1")
        recorded = ProviderRefundRecordedEvent(
            payment_id=ID.value,
            refund_id=refund_id,
            provider_reference="X1",
            amount_minor=5_00,
            currency="USD",
        )
        given(*PAID).when(self.command(5_00)).then(recorded)
        assert given(*PAID, recorded).payment.refundable == PaymentAmountVO(14_99, "USD")

    def test_that_is_our_own_is_known(self) -> None:
        history = (*PAID, refund_requested(5_00), refund_completed(5_00))
        given(*history).when(self.command(5_00, "REF-r1")).then_nothing()

    def test_of_more_than_is_left_is_recorded_not_applied(self) -> None:
        given(*PAID).when(self.command(20_00)).then(
            LateFactRecordedEvent(
                payment_id=ID.value,
                fact="refund_completed",
                status="COMPLETED",
                provider_reference="X1",
                amount_minor=20_00,
            )
        )


class TestOperator:
    def test_is_called_once(self) -> None:
        given(*DOUBTFUL).when(call()).then(needed())
        assert given(*DOUBTFUL, needed()).payment.status is PaymentStatusVO.NEEDS_OPERATOR

    def test_is_not_called_for_what_is_settled(self) -> None:
        given(*PAID).when(call()).then_nothing()

    def test_found_that_the_money_was_taken(self) -> None:
        given(*DOUBTFUL, needed()).when(say("completed", reference="CAP1")).then(
            answered("completed"), COMPLETED
        )

    def test_found_that_it_was_not(self) -> None:
        given(*DOUBTFUL, needed()).when(say("failed")).then(
            answered("failed"), PaymentFailedEvent(payment_id=ID.value, reason="seen")
        )

    def test_does_not_say_that_money_moved_without_saying_where(self) -> None:
        given(*DOUBTFUL, needed()).when(say("completed")).then_refuses(InvalidValue)

    def test_has_no_say_where_nothing_is_in_doubt(self) -> None:
        given(*AWAITING).when(say("failed")).then_refuses(PaymentStateConflict)

    def test_is_called_for_a_refund_while_the_payment_stands(self) -> None:
        given(*REFUND_DOUBTFUL).when(call("r1")).then(needed("r1"))
        payment = given(*REFUND_DOUBTFUL, needed("r1")).payment
        assert payment.status is PaymentStatusVO.COMPLETED
        assert payment.questions == {"r1"}

    def test_found_that_a_refund_was_given(self) -> None:
        given(*REFUND_DOUBTFUL, needed("r1")).when(say("refund_completed", "r1", "REF-r1")).then(
            answered("refund_completed", "r1"), refund_completed(5_00)
        )

    def test_found_that_a_refund_was_not_given(self) -> None:
        given(*REFUND_DOUBTFUL, needed("r1")).when(say("refund_failed", "r1")).then(
            answered("refund_failed", "r1"),
            RefundFailedEvent(payment_id=ID.value, refund_id="r1", reason="seen"),
        )

    def test_answers_what_was_asked(self) -> None:
        given(*REFUND_DOUBTFUL, needed("r1")).when(say("failed", "r1")).then_refuses(InvalidValue)
        given(*DOUBTFUL, needed()).when(say("refund_failed")).then_refuses(InvalidValue)


def test_a_difference_is_noted_once() -> None:
    found = ReconciliationDifferenceFoundEvent(
        payment_id=ID.value, subject="status", ours="COMPLETED", theirs="ABSENT"
    )
    given(*PAID).when(
        RecordDifference(payment_id=ID, subject="status", ours="COMPLETED", theirs="ABSENT")
    ).then(found)
