"""Any commands that the world may send to one payment, in any order."""

from __future__ import annotations

from typing import get_args

from hypothesis import strategies as st

from payment_gateway.domain.aggregates.payment import decide
from payment_gateway.domain.aggregates.payment_commands import (
    Answer,
    AnswerAsOperator,
    CallOperator,
    CancelPayment,
    PaymentCommand,
    RecordAttemptFailure,
    RecordCancellation,
    RecordCaptureDecline,
    RecordCheckout,
    RecordCompletion,
    RecordDifference,
    RecordDisputeClosed,
    RecordDisputeOpened,
    RecordExpiry,
    RecordFailure,
    RecordPending,
    RecordProviderRefund,
    RecordRefund,
    RecordRefundFailure,
    RecordRefundPending,
    RecordUnknownOutcome,
    RequestCapture,
    RequestRefund,
    StartProviderAttempt,
)
from payment_gateway.domain.aggregates.payment_state import Payment, fold
from payment_gateway.domain.errors import DomainError
from payment_gateway.domain.events.payment import PaymentEvent
from payment_gateway.domain.value_objects.payment_amount import PaymentAmountVO
from payment_gateway.domain.value_objects.provider_type import ProviderTypeVO
from tests.unit.domain.payment_examples import ID, INITIATE, LATER

ATTEMPTS = [ID.derive(f"attempt:{n}") for n in (1, 2)]
CAPTURES = [ID.derive(f"capture:{n}") for n in (1, 2)]
REFUNDS = ["r1", "r2", "r3"]
REFERENCES = ["CAP1", "CAP2"]

attempt_ids = st.sampled_from(ATTEMPTS)
capture_ids = st.sampled_from(CAPTURES)
refund_ids = st.sampled_from(REFUNDS)
dispute_ids = st.sampled_from(["D1", "D2"])
references = st.sampled_from(REFERENCES)
amounts = st.integers(1, 25_00).map(lambda minor: PaymentAmountVO(minor, "USD"))


def commands() -> st.SearchStrategy[PaymentCommand]:
    """Return a strategy for one command; ids are few, so that commands meet."""
    one = st.just(ID)
    intents = st.one_of(
        st.tuples(st.just("checkout"), attempt_ids),
        st.tuples(st.just("capture"), capture_ids),
        st.tuples(st.just("refund"), refund_ids),
    )
    return st.one_of(
        st.just(INITIATE),
        st.builds(
            StartProviderAttempt,
            payment_id=one,
            attempt_id=attempt_ids,
            provider=st.just(ProviderTypeVO("PAYPAL")),
            handle=st.none(),
        ),
        st.builds(
            RecordCheckout,
            payment_id=one,
            attempt_id=attempt_ids,
            provider_order_id=st.sampled_from(["O1", "O2"]),
            checkout_url=st.just("https://paypal.example/pay"),
            expires_at=st.just(LATER),
        ),
        st.builds(
            RecordAttemptFailure,
            payment_id=one,
            attempt_id=attempt_ids,
            proof=st.sampled_from(["not_sent", "refused"]),
            reason=st.just("no"),
        ),
        st.builds(RequestCapture, payment_id=one, capture_id=capture_ids),
        st.builds(
            RecordCompletion,
            payment_id=one,
            provider_reference=references,
            captured=st.one_of(st.none(), amounts),
        ),
        st.builds(
            RecordPending, payment_id=one, provider_reference=references, reason=st.just("x")
        ),
        st.builds(
            RecordCaptureDecline, payment_id=one, capture_id=capture_ids, reason=st.just("x")
        ),
        st.builds(RecordFailure, payment_id=one, reason=st.just("x")),
        st.builds(RecordExpiry, payment_id=one),
        st.builds(RecordCancellation, payment_id=one, reason=st.just("x")),
        st.builds(CancelPayment, payment_id=one, reason=st.none()),
        st.builds(
            RequestRefund,
            payment_id=one,
            refund_id=refund_ids,
            amount=st.one_of(st.none(), amounts),
            reason=st.none(),
        ),
        st.builds(
            RecordRefund, payment_id=one, refund_id=refund_ids, provider_reference=st.just("R")
        ),
        st.builds(
            RecordRefundPending,
            payment_id=one,
            refund_id=refund_ids,
            provider_reference=st.just("R"),
        ),
        st.builds(
            RecordRefundFailure,
            payment_id=one,
            refund_id=refund_ids,
            reason=st.sampled_from(["x", "not_sent"]),
        ),
        st.builds(
            RecordProviderRefund,
            payment_id=one,
            provider_reference=st.sampled_from(["R", "PR1", "PR2"]),
            amount=amounts,
        ),
        st.builds(
            RecordDisputeOpened,
            payment_id=one,
            dispute_id=dispute_ids,
            amount=st.one_of(st.none(), amounts),
            reason=st.just("x"),
        ),
        st.builds(
            RecordDisputeClosed, payment_id=one, dispute_id=dispute_ids, outcome=st.just("x")
        ),
        st.builds(
            RecordDifference,
            payment_id=one,
            subject=st.just("status"),
            ours=st.just("a"),
            theirs=st.sampled_from(["b", "c"]),
        ),
        st.builds(
            CallOperator,
            payment_id=one,
            refund_id=st.one_of(st.none(), refund_ids),
            reason=st.just("x"),
        ),
        st.builds(
            AnswerAsOperator,
            payment_id=one,
            refund_id=st.one_of(st.none(), refund_ids),
            answer=st.sampled_from(get_args(Answer)),
            provider_reference=st.one_of(st.none(), references),
            note=st.just("seen"),
        ),
        intents.map(
            lambda pair: RecordUnknownOutcome(
                payment_id=ID,
                operation=pair[0],  # type: ignore[arg-type] # a tuple loses the literal type
                intent_id=pair[1],
                reason="x",
            )
        ),
    )


def histories() -> st.SearchStrategy[list[PaymentEvent]]:
    """Return a strategy for what any commands leave behind."""
    return st.lists(commands(), max_size=40).map(run)


def run(sent: list[PaymentCommand]) -> list[PaymentEvent]:
    """Send commands to a payment that was initiated; what is refused leaves nothing."""
    events: list[PaymentEvent] = decide(INITIATE, None)
    for command in sent:
        events += answer(command, fold(events))
    return events


def answer(command: PaymentCommand, payment: Payment | None) -> list[PaymentEvent]:
    """Return what a command causes, nothing if it is refused or speaks of an unknown refund."""
    speaks_of = getattr(command, "refund_id", None) or (
        command.intent_id
        if isinstance(command, RecordUnknownOutcome) and command.operation == "refund"
        else None
    )
    reports = not isinstance(command, RequestRefund | AnswerAsOperator)
    if reports and speaks_of and (payment is None or speaks_of not in payment.refunds):
        return []  # nobody reports on a refund that was never asked for
    try:
        return decide(command, payment)
    except DomainError:
        return []
