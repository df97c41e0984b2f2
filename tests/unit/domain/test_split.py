"""The rules of an order in parts: what a command causes, and what comes too late."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from payment_gateway.domain.aggregates.split import (
    AskOperator,
    AwaitPayer,
    CompleteSplit,
    EndCompensation,
    NoteAnswer,
    ReleaseLastPart,
    SplitCommand,
    SplitProgress,
    StartCompensation,
    StartRefunds,
    StartSplit,
    decide,
)
from payment_gateway.domain.aggregates.split_state import SplitStatus, fold
from payment_gateway.domain.errors import (
    DomainError,
    ExternalReferenceInUse,
    InvalidAmountError,
    InvalidValue,
    PartsDoNotAddUp,
    SplitNotFound,
    SplitNotRefundable,
)
from payment_gateway.domain.events.split import (
    SplitAwaitingPayerEvent,
    SplitCompensationStartedEvent,
    SplitCompletedEvent,
    SplitEvent,
    SplitFailedEvent,
    SplitLastPartReleasedEvent,
    SplitOperatorAnsweredEvent,
    SplitOperatorNeededEvent,
    SplitPart,
    SplitRefundedEvent,
    SplitRefundsStartedEvent,
    SplitStartedEvent,
)
from payment_gateway.domain.value_objects.external_reference_number import (
    ExternalReferenceNumberVO,
)
from payment_gateway.domain.value_objects.payment_amount import PaymentAmountVO
from payment_gateway.domain.value_objects.split_id import SplitIdVO
from payment_gateway.domain.value_objects.tenant_id import TenantIdVO

NUMBER = ExternalReferenceNumberVO("ERN-7")
ID = SplitIdVO.of(NUMBER)
UNTIL = datetime(2026, 1, 1, 15, tzinfo=UTC)
CARD = SplitPart(payment_id="p1", provider="PAYPAL", amount_minor=12_00, refundable=True)
CASH = SplitPart(payment_id="p2", provider="PAGADITO", amount_minor=7_99, refundable=False)
START = StartSplit(
    split_id=ID,
    tenant_id=TenantIdVO("demo"),
    external_reference=NUMBER,
    order_id="order-1",
    amount=PaymentAmountVO(19_99, "USD"),
    parts=(CARD, CASH),
    pay_until=UNTIL,
)
STARTED = SplitStartedEvent(
    split_id=ID.value,
    tenant_id="demo",
    external_reference="ERN-7",
    order_id="order-1",
    amount_minor=19_99,
    currency="USD",
    parts=(CARD, CASH),
    pay_until=UNTIL,
)
AWAITING = SplitAwaitingPayerEvent(split_id=ID.value)
RELEASED = SplitLastPartReleasedEvent(split_id=ID.value, payment_id="p2")
COMPLETED = SplitCompletedEvent(split_id=ID.value)
COMPENSATING = SplitCompensationStartedEvent(
    split_id=ID.value, payment_id="p1", reason="expired", settle_until=UNTIL
)
REFUNDING = SplitRefundsStartedEvent(split_id=ID.value)
REFUNDED = SplitRefundedEvent(split_id=ID.value)
FAILED = SplitFailedEvent(split_id=ID.value)
ASKED = SplitOperatorNeededEvent(split_id=ID.value, payment_id="p1", reason="disputed")
ANSWERED = SplitOperatorAnsweredEvent(split_id=ID.value, payment_id="p1")

COMPENSATE = StartCompensation(payment_id="p1", reason="expired", settle_until=UNTIL)
RELEASE = ReleaseLastPart(payment_id="p2")
ASK = AskOperator(payment_id="p1", reason="disputed")

PAYING = (STARTED, AWAITING)
GIVEN_UP = (*PAYING, COMPENSATING)
GIVING_BACK = (*GIVEN_UP, REFUNDING)


def then(history: tuple[SplitEvent, ...], command: SplitCommand, *expected: SplitEvent) -> None:
    assert decide(command, fold(history)) == list(expected)
    if not isinstance(command, StartSplit):
        assert decide(command, fold((*history, *expected))) == []


class TestStart:
    def test_is_stored_with_its_parts(self) -> None:
        then((), START, STARTED)

    @pytest.mark.parametrize(
        ("command", "error"),
        [
            (replace(START, parts=(CARD,)), InvalidValue),
            (replace(START, parts=(CARD,) * 11), InvalidValue),
            (replace(START, parts=(CARD, replace(CASH, amount_minor=8_00))), PartsDoNotAddUp),
            (replace(START, parts=(CASH, replace(CASH, amount_minor=12_00))), SplitNotRefundable),
            (replace(START, parts=(CARD, replace(CASH, amount_minor=10**15))), InvalidAmountError),
        ],
    )
    def test_parts_that_do_not_fit_are_refused(
        self, command: StartSplit, error: type[DomainError]
    ) -> None:
        with pytest.raises(DomainError) as refused:
            decide(command, None)
        assert type(refused.value) is error

    def test_a_number_names_one_split(self) -> None:
        with pytest.raises(ExternalReferenceInUse):
            decide(START, fold((STARTED,)))

    def test_nothing_goes_on_that_was_never_started(self) -> None:
        with pytest.raises(SplitNotFound):
            decide(AwaitPayer(), None)


@pytest.mark.parametrize(
    ("history", "command", "event", "status"),
    [
        ((STARTED,), AwaitPayer(), AWAITING, SplitStatus.AWAITING_PAYER),
        (PAYING, RELEASE, RELEASED, SplitStatus.AWAITING_PAYER),
        (PAYING, CompleteSplit(), COMPLETED, SplitStatus.COMPLETED),
        (PAYING, COMPENSATE, COMPENSATING, SplitStatus.COMPENSATING),
        (GIVEN_UP, CompleteSplit(), COMPLETED, SplitStatus.COMPLETED),
        (GIVEN_UP, StartRefunds(), REFUNDING, SplitStatus.COMPENSATING),
        (GIVEN_UP, EndCompensation(refunded=False), FAILED, SplitStatus.FAILED),
        (GIVING_BACK, EndCompensation(refunded=True), REFUNDED, SplitStatus.REFUNDED),
        (PAYING, ASK, ASKED, SplitStatus.NEEDS_OPERATOR),
        ((*PAYING, ASKED), NoteAnswer(payment_id="p1"), ANSWERED, SplitStatus.AWAITING_PAYER),
        ((*GIVING_BACK, REFUNDED), ASK, ASKED, SplitStatus.NEEDS_OPERATOR),
    ],
)
def test_it_goes_on_a_step_at_a_time(
    history: tuple[SplitEvent, ...], command: SplitProgress, event: SplitEvent, status: SplitStatus
) -> None:
    then(history, command, event)
    split = fold((*history, event))
    assert split is not None
    assert split.status is status


@pytest.mark.parametrize(
    ("history", "command"),
    [
        (GIVEN_UP, AwaitPayer()),
        (GIVEN_UP, RELEASE),
        ((*PAYING, COMPLETED), COMPENSATE),
        ((*GIVEN_UP, COMPLETED), StartRefunds()),
        (GIVING_BACK, CompleteSplit()),
        ((*GIVING_BACK, REFUNDED), CompleteSplit()),
        (PAYING, EndCompensation(refunded=False)),
        (PAYING, StartRefunds()),
        (PAYING, NoteAnswer(payment_id="p1")),
    ],
)
def test_what_another_process_has_overtaken_changes_nothing(
    history: tuple[SplitEvent, ...], command: SplitProgress
) -> None:
    then(history, command)


def test_the_part_that_cannot_be_refunded_is_the_last() -> None:
    split = fold((STARTED,))
    assert split is not None
    assert split.last_part == CASH


def test_an_id_is_a_uuid_in_lower_case() -> None:
    for wrong in ("", "no-uuid", ID.value.upper()):
        with pytest.raises(InvalidValue):
            SplitIdVO(wrong)
    assert SplitIdVO(ID.value) == ID
