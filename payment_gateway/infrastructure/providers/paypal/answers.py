"""What PayPal says, in our words. A word that is not known here is never a failure.

Source: PayPal OpenAPI ``checkout_orders_v2.json`` (v2.13) and ``payments_payment_v2.json`` (v2.5).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from payment_gateway.application.ports import (
    Approved,
    AwaitingPayer,
    Captured,
    CaptureOutcome,
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
from payment_gateway.domain.value_objects.payment_amount import PaymentAmountVO
from payment_gateway.infrastructure.providers.paypal.money import read_money
from payment_gateway.infrastructure.providers.wording import checkout_address, word

_PAGE_RELATIONS: Final = ("payer-action", "approve")  # the first one that is there counts
_ORDER_COMPLETED: Final = "COMPLETED"
_DONE: Final = "COMPLETED"  # of a refund


def order_id(order: Mapping[str, Any]) -> str | None:
    """Return PayPal's id of an order."""
    return word(order.get("id"))


def payment_page(order: Mapping[str, Any]) -> str | None:
    """Return where the payer approves an order; ``None`` where it does not say."""
    pages = {
        link.get("rel"): checkout_address(link.get("href"))
        for link in _objects(order.get("links"))
        if isinstance(link.get("rel"), str)
    }
    return next((pages[name] for name in _PAGE_RELATIONS if pages.get(name)), None)


def order_standing(order: Mapping[str, Any]) -> Standing:
    """Say where an order stands.

    A completed order was carried out, which does not mean that money arrived: its captures say.

    Raises:
        ProviderOutcomeUnknown: A status that is not known here, or no order at all.
    """
    status = order.get("status")
    outcome = capture_outcome(order)
    # A declined capture is the last word only once the order is completed: until then the payer
    # may choose another means of payment and approve again.
    if isinstance(outcome, Captured):
        return replace(outcome, refunded=_refunded(order, outcome))
    if outcome is not None and (status == _ORDER_COMPLETED or not isinstance(outcome, Declined)):
        return outcome
    match status:
        case "CREATED" | "SAVED" | "PAYER_ACTION_REQUIRED":
            return AwaitingPayer()
        case "APPROVED":
            return Approved()
        case "VOIDED":
            return Expired()
        case _:
            raise ProviderOutcomeUnknown(f"order: status {word(status)}")


def capture_outcome(order: Mapping[str, Any]) -> CaptureOutcome | None:
    """Say what became of an order's money; ``None`` if nobody tried to take it.

    An order has several captures where earlier ones were declined: money that was taken counts
    before money that is held, and that before a decline.

    Raises:
        ProviderOutcomeUnknown: A status that is not known here, where no money was taken for sure.
    """
    captures = list(_captures(order))
    for read in (_taken, _held):
        for capture in captures:
            outcome = read(capture)
            if outcome is not None:
                return outcome
    declined = [_declined(capture) for capture in captures]
    return declined[-1] if declined else None


def refund_outcome(refund: Mapping[str, Any], *, asked: PaymentAmountVO) -> RefundOutcome:
    """Say what became of a refund.

    Raises:
        ProviderOutcomeUnknown: A status that is not known here, or a refund of another amount.
    """
    reference = word(refund.get("id"))
    if reference is None:
        raise ProviderOutcomeUnknown("refund: no refund in the answer")
    amount = read_money(refund.get("amount"))
    if amount is not None and amount != asked:
        raise ProviderOutcomeUnknown("refund: another amount than was asked for")
    match refund.get("status"):
        case "COMPLETED":
            return Refunded(reference=reference)
        case "PENDING":
            return RefundHeld(reference=reference)
        case "CANCELLED" | "FAILED" as status:
            return RefundRefused(reason=_reason(refund, status))
        case status:
            raise ProviderOutcomeUnknown(f"refund: status {word(status)}")


def _taken(capture: Mapping[str, Any]) -> Captured | None:
    match capture.get("status"):
        case "COMPLETED" | "PARTIALLY_REFUNDED" | "REFUNDED":  # what was given back was taken first
            reference, amount = word(capture.get("id")), read_money(capture.get("amount"))
            if reference is None or amount is None:
                raise ProviderOutcomeUnknown("capture: completed without id or amount")
            return Captured(reference=reference, amount=amount)
        case _:
            return None


def _held(capture: Mapping[str, Any]) -> Held | None:
    if capture.get("status") != "PENDING":
        return None
    return Held(reference=word(capture.get("id")), reason=_reason(capture, "PENDING"))


def _declined(capture: Mapping[str, Any]) -> Declined:
    match capture.get("status"):
        case "DECLINED" | "FAILED" as status:
            return Declined(reason=_reason(capture, status), recoverable=False)
        case status:
            raise ProviderOutcomeUnknown(f"capture: status {word(status)}")


def _refunded(order: Mapping[str, Any], captured: Captured) -> PaymentAmountVO | None:
    """Return what was given back of a capture; ``None`` where the order does not say.

    Source: PayPal OpenAPI ``checkout_orders_v2.json``, ``payment_collection.refunds`` and
    ``capture_status``.
    """
    assert captured.amount is not None, "PayPal says how much it took"
    nothing = PaymentAmountVO(0, captured.amount.currency)
    refunds = list(_payments(order, "refunds"))
    if refunds:
        amounts = [read_money(one.get("amount")) for one in refunds if one.get("status") == _DONE]
        readable = [one for one in amounts if one and one.currency == nothing.currency]
        if len(readable) != len(amounts):
            return None  # of which one cannot tell how much it is
        total_minor = sum(one.amount_minor for one in readable)
        possible = total_minor <= captured.amount.amount_minor
        return PaymentAmountVO(total_minor, nothing.currency) if possible else None
    statuses = [
        one.get("status") for one in _captures(order) if one.get("id") == captured.reference
    ]
    if statuses == ["COMPLETED"]:
        return nothing
    return captured.amount if statuses == ["REFUNDED"] else None


def _captures(order: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from _payments(order, "captures")


def _payments(order: Mapping[str, Any], kind: str) -> Iterator[Mapping[str, Any]]:
    for unit in _objects(order.get("purchase_units")):
        payments = unit.get("payments")
        if isinstance(payments, Mapping):
            yield from _objects(payments.get(kind))


def _objects(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, list):
        yield from (entry for entry in value if isinstance(entry, Mapping))


def _reason(entry: Mapping[str, Any], otherwise: str) -> str:
    details = entry.get("status_details")
    reason = word(details.get("reason")) if isinstance(details, Mapping) else None
    return reason or otherwise
