"""Compare one payment with its provider's books, and record where they differ.

Nothing is settled here: what a difference means is for a person, or for the recovery, to act on.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal, assert_never

from payment_gateway.application.commands.checkout_attempt import provider_of
from payment_gateway.application.commands.settle_payment import checkout_reference
from payment_gateway.application.gateway import Gateway
from payment_gateway.application.ports import (
    Absent,
    Approved,
    AwaitingPayer,
    CancelledByPayer,
    Captured,
    CheckoutReference,
    CommandContext,
    Declined,
    Expired,
    Held,
    Provider,
    ProviderOutcomeUnknown,
    ProviderUnavailable,
    Standing,
)
from payment_gateway.domain.aggregates.payment_commands import PaymentCommand, RecordDifference
from payment_gateway.domain.aggregates.payment_operator import REFUND_OPEN
from payment_gateway.domain.aggregates.payment_parts import Attempt
from payment_gateway.domain.aggregates.payment_state import Payment
from payment_gateway.domain.errors import ProviderUnavailableError
from payment_gateway.domain.value_objects.payment_amount import PaymentAmountVO
from payment_gateway.domain.value_objects.payment_id import PaymentIdVO
from payment_gateway.domain.value_objects.payment_status import PaymentStatusVO

Subject = Literal["status", "captured", "refunded", "attempt"]
# What the other side may know better, so that it contradicts nothing if it says that there is no money.
_IN_DOUBT: Final = frozenset(
    {
        PaymentStatusVO.CREATED,
        PaymentStatusVO.PROCESSING,
        PaymentStatusVO.UNKNOWN,
        PaymentStatusVO.NEEDS_OPERATOR,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Where the books do not say the same."""

    payment_id: str
    tenant_id: str
    provider: str
    subject: Subject
    ours: str
    theirs: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What the providers said of a payment's attempts.

    Attributes:
        latest: Of the last one; ``None`` where it cannot be asked about.
        earlier: Of those before it that had left for a provider.
    """

    latest: Standing | None
    earlier: tuple[tuple[Attempt, Standing], ...]

    @property
    def is_empty(self) -> bool:
        """Whether nobody could be asked."""
        return self.latest is None and not self.earlier


async def reconcile_payment(
    payment_id: PaymentIdVO, context: CommandContext, gateway: Gateway
) -> list[Difference] | None:
    """Ask each provider that may hold money of a payment, record each difference once, return all.

    Returns:
        ``None`` where there is nothing to compare: no provider was asked yet, the provider cannot be
        asked before it has answered once, or the payment changed meanwhile.

    Raises:
        PaymentNotFound: None of this tenant has that id.
        ProviderUnavailableError: The provider gave no clear answer; ask again later.
        ProviderNotConfigured: The tenant's credentials are gone.
        EventStoreUnavailable: No answer; comparing again is safe.
    """
    found = await gateway.payments.find(payment_id, tenant_id=context.tenant_id)
    answers = await _ask_all(found.payment, gateway)
    if answers.is_empty:
        return None
    differences = compare_all(found.payment, answers)
    unchanged = True

    def record(now: Payment) -> tuple[PaymentCommand, ...]:
        nonlocal unchanged
        unchanged = compare_all(now, answers) == differences
        return tuple(_command(now, one) for one in differences) if unchanged else ()

    if differences:
        again = await gateway.payments.find(payment_id, tenant_id=context.tenant_id)
        await gateway.payments.execute_chosen(
            payment_id, record, context=context, after=again.loaded
        )
    return differences if unchanged else None


def compare_all(payment: Payment, answers: Answers) -> list[Difference]:
    """Return where a payment differs from what each provider says that may hold money for it."""
    found = [] if answers.latest is None else compare(payment, answers.latest)
    for attempt, standing in answers.earlier:
        if isinstance(standing, Captured | Held):
            found.append(_left_behind(payment, attempt, standing))
    return found


def compare(payment: Payment, standing: Standing) -> list[Difference]:
    """Return where a payment and what its provider says of it differ."""
    if not isinstance(standing, Captured):
        ours, theirs = _claim(payment), _word(standing)
        held = isinstance(standing, Held)
        fits = {"pending"} if held else {"unpaid", "doubt"}
        return [] if ours in fits else [_difference(payment, "status", payment.status, theirs)]
    if payment.captured is None:
        return [_difference(payment, "status", payment.status, "CAPTURED")]
    found = []
    if standing.amount not in {None, payment.captured}:
        found.append(_difference(payment, "captured", payment.captured, standing.amount))
    if standing.refunded is not None and not _covers(payment, standing.refunded):
        found.append(_difference(payment, "refunded", payment.refunded, standing.refunded))
    return found


def _claim(payment: Payment) -> Literal["paid", "pending", "doubt", "unpaid"]:
    if payment.captured is not None:
        return "paid"
    if payment.status is PaymentStatusVO.PENDING:
        return "pending"
    return "doubt" if payment.status in _IN_DOUBT else "unpaid"


def _covers(payment: Payment, theirs: PaymentAmountVO) -> bool:
    """Whether what they gave back fits ours; a refund that is under way may be in theirs or not."""
    if theirs.currency != payment.refunded.currency:
        return False
    under_way = sum(
        refund.amount.amount_minor
        for refund in payment.refunds.values()
        if refund.status in REFUND_OPEN
    )
    ours = payment.refunded.amount_minor
    return ours <= theirs.amount_minor <= ours + under_way


def _word(standing: Standing) -> str:
    match standing:
        case AwaitingPayer():
            return "AWAITING_PAYER"
        case Approved():
            return "APPROVED"
        case Captured():
            return "CAPTURED"
        case Held():
            return "PENDING"
        case Declined():
            return "DECLINED"
        case CancelledByPayer():
            return "CANCELLED"
        case Expired():
            return "EXPIRED"
        case Absent():
            return "ABSENT"
        case _:
            assert_never(standing)


async def _ask_all(payment: Payment, gateway: Gateway) -> Answers:
    reference = checkout_reference(payment)
    latest = None
    if reference.provider_order_id is not None or reference.handle is not None:
        latest = await _ask(await provider_of(payment, gateway), payment.provider, reference)
    last_id = payment.attempt.attempt_id if payment.attempt else None
    earlier = []
    for attempt in payment.attempts_left:
        if attempt.attempt_id == last_id:
            continue
        provider = await gateway.credentials.open(
            attempt.provider, tenant_id=payment.tenant_id, version=attempt.credential_version
        )
        of_attempt = replace(reference, provider_order_id=None, handle=attempt.handle)
        earlier.append((attempt, await _ask(provider, attempt.provider, of_attempt)))
    return Answers(latest=latest, earlier=tuple(earlier))


async def _ask(provider: Provider, provider_type: str, reference: CheckoutReference) -> Standing:
    try:
        return await provider.inquire(reference)
    except ProviderUnavailable as error:
        raise ProviderUnavailableError(provider_type, retry_after_s=error.retry_after_s) from error
    except ProviderOutcomeUnknown as error:
        raise ProviderUnavailableError(provider_type) from error


def _left_behind(payment: Payment, attempt: Attempt, standing: Captured | Held) -> Difference:
    amount = standing.amount if isinstance(standing, Captured) else None
    theirs = _word(standing) if amount is None else f"{_word(standing)} {amount}"
    return Difference(
        payment_id=payment.payment_id.value,
        tenant_id=payment.tenant_id,
        provider=attempt.provider,
        subject="attempt",
        ours=f"attempt {attempt.number} at {attempt.provider} holds nothing",
        theirs=theirs,
    )


def _difference(payment: Payment, subject: Subject, ours: object, theirs: object) -> Difference:
    return Difference(
        payment_id=payment.payment_id.value,
        tenant_id=payment.tenant_id,
        provider=payment.provider,
        subject=subject,
        ours=str(ours),
        theirs=str(theirs),
    )


def _command(payment: Payment, one: Difference) -> RecordDifference:
    return RecordDifference(
        payment_id=payment.payment_id, subject=one.subject, ours=one.ours, theirs=one.theirs
    )
