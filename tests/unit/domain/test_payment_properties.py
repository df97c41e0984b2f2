"""What holds for a payment whatever commands arrive, in whatever order."""

from __future__ import annotations

from typing import TypeVar

from hypothesis import given
from hypothesis import strategies as st

from payment_gateway.domain.aggregates.payment_commands import PaymentCommand
from payment_gateway.domain.aggregates.payment_state import fold
from payment_gateway.domain.events.payment import (
    CaptureRequestedEvent,
    LateFactRecordedEvent,
    PaymentCompletedEvent,
    PaymentEvent,
    ProviderRefundRecordedEvent,
    ReconciliationDifferenceFoundEvent,
    RefundCompletedEvent,
    RefundRequestedEvent,
)
from payment_gateway.domain.value_objects.payment_status import PaymentStatusVO, RefundStatusVO
from tests.unit.domain.payment_commands_strategy import answer, commands, histories, run

E = TypeVar("E")


def of(kind: type[E], events: list[PaymentEvent]) -> list[E]:
    return [event for event in events if isinstance(event, kind)]


@given(histories())
def test_never_gives_back_more_than_was_taken(events: list[PaymentEvent]) -> None:
    taken = sum(event.captured_minor for event in of(PaymentCompletedEvent, events))
    given_back = sum(event.amount_minor for event in of(RefundCompletedEvent, events))
    given_back += sum(event.amount_minor for event in of(ProviderRefundRecordedEvent, events))
    assert given_back <= taken
    payment = fold(events)
    assert payment is not None
    open_or_done = [r for r in payment.refunds.values() if r.status is not RefundStatusVO.FAILED]
    assert sum(r.amount.amount_minor for r in open_or_done) <= taken


@given(histories())
def test_takes_the_money_once_and_exactly(events: list[PaymentEvent]) -> None:
    payment = fold(events)
    assert payment is not None
    completed = of(PaymentCompletedEvent, events)
    assert len(completed) <= 1
    assert all(event.captured_minor == payment.amount.amount_minor for event in completed)


@given(histories(), commands())
def test_the_same_command_twice_acts_once(
    events: list[PaymentEvent], command: PaymentCommand
) -> None:
    after = [*events, *answer(command, fold(events))]
    assert answer(command, fold(after)) == [] or _asks_again(after)


def _asks_again(events: list[PaymentEvent]) -> bool:
    """A refund that never left may be asked for again under its id, and is then reserved again."""
    return isinstance(events[-1], RefundRequestedEvent) and events[-2] == events[-1]


@given(histories())
def test_money_never_goes_away_by_itself(events: list[PaymentEvent]) -> None:
    taken = False
    for end in range(1, len(events) + 1):
        payment = fold(events[:end])
        assert payment is not None
        taken = taken or isinstance(events[end - 1], PaymentCompletedEvent)
        if taken:
            assert payment.captured is not None
            assert payment.status in {
                PaymentStatusVO.COMPLETED,
                PaymentStatusVO.PARTIALLY_REFUNDED,
                PaymentStatusVO.REFUNDED,
                PaymentStatusVO.DISPUTED,
            }


@given(histories())
def test_what_ended_stays_ended(events: list[PaymentEvent]) -> None:
    ended: PaymentStatusVO | None = None
    for end in range(1, len(events) + 1):
        payment = fold(events[:end])
        assert payment is not None
        if ended is not None:
            assert payment.status is ended
            assert isinstance(
                events[end - 1], LateFactRecordedEvent | ReconciliationDifferenceFoundEvent
            )
        if payment.status.is_closed_unpaid:
            ended = payment.status


@given(st.lists(commands(), max_size=40))
def test_no_money_is_asked_for_without_a_stored_intent(sent: list[PaymentCommand]) -> None:
    events = run(sent)
    captures = [event.capture_id for event in of(CaptureRequestedEvent, events)]
    assert len(captures) == len(set(captures))
    requested: set[str] = set()
    for event in events:
        if isinstance(event, RefundRequestedEvent):
            requested.add(event.refund_id)
        if isinstance(event, RefundCompletedEvent):
            assert event.refund_id in requested
