"""Refunds of captures, in full or in part, never more than was captured.

Source: PayPal OpenAPI ``payments_payment_v2.json``.
"""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from sandbox.providers.identifiers import upper_alphanumeric
from sandbox.providers.paypal import events, money
from sandbox.providers.paypal.captures import (
    has_open_dispute,
    merchants_capture,
    unknown_resource,
)
from sandbox.providers.paypal.errors import refuse
from sandbox.providers.paypal.fields import Fields
from sandbox.providers.paypal.model import (
    CAPTURE,
    REFUND,
    REFUND_INVOICE,
    Capture,
    CaptureStatus,
    Change,
    InvoiceHolder,
    Refund,
    RefundStatus,
)
from sandbox.providers.paypal.orders import RESOURCE_ID_LENGTH
from sandbox.providers.paypal.simulation import Call, PayPalSimulation


def merchants_refund(simulation: PayPalSimulation, call: Call) -> Refund:
    """Return the refund that the call names.

    Raises:
        PayPalRefusal: 404, it is unknown; 403, it is another merchant's.
    """
    refund = simulation.store.get(REFUND, call.resource_id, Refund)
    if refund is None:
        raise unknown_resource("refund_id", call.resource_id)
    if refund.client_id != call.merchant.client_id:
        raise refuse("PERMISSION_DENIED")
    return refund


def refund_capture(simulation: PayPalSimulation, call: Call) -> str:
    """Give back what is left of a capture, or the part asked for; return the refund's id.

    Raises:
        PayPalRefusal: The request is malformed or the capture does not allow it; the issue says why.
    """
    capture = merchants_capture(simulation, call)
    fields = Fields()
    wanted = fields.money(call.body, "amount", "")
    invoice_id = fields.text(call.body, "invoice_id", "", longest=127)
    custom_id = fields.text(call.body, "custom_id", "", longest=127)
    note = fields.text(call.body, "note_to_payer", "", longest=255)
    fields.stop_on_problems()
    _check_refundable(simulation, capture)
    amount = _refund_amount(capture, wanted)
    if amount != capture.amount - capture.refunded and has_open_dispute(simulation, capture):
        raise refuse("TRANSACTION_DISPUTED")
    held = capture.plan is not None and capture.plan.refunds_held
    refund = Refund(
        id=upper_alphanumeric(RESOURCE_ID_LENGTH),
        client_id=capture.client_id,
        capture_id=capture.id,
        currency=capture.currency,
        amount=amount,
        refunded_so_far=capture.refunded + amount,
        invoice_id=invoice_id,
        custom_id=custom_id,
        note_to_payer=note,
        request_id=call.request_id,
        created_at=simulation.clock.now(),
        status=RefundStatus.PENDING if held else RefundStatus.COMPLETED,
    )
    _book(simulation, capture, refund)
    return refund.id


def reverse_capture(simulation: PayPalSimulation, capture_id: str, *, at_most: Decimal) -> None:
    """Take back what is left of a capture; ``at_most`` bounds it. Nothing left is nothing to do."""
    capture = simulation.store.get(CAPTURE, capture_id, Capture)
    assert capture is not None, "a dispute is over a capture, which stays"
    amount = min(at_most, capture.amount - capture.refunded)
    if amount <= 0:
        return
    reversal = Refund(
        id=upper_alphanumeric(RESOURCE_ID_LENGTH),
        client_id=capture.client_id,
        capture_id=capture.id,
        currency=capture.currency,
        amount=amount,
        refunded_so_far=capture.refunded + amount,
        invoice_id=None,
        custom_id=None,
        note_to_payer=None,
        request_id=None,
        created_at=simulation.clock.now(),
        reversal=True,
    )
    _book(simulation, capture, reversal)


def settle_refund(simulation: PayPalSimulation, refund_id: str, status: RefundStatus) -> bool:
    """End the wait of a pending refund; say whether there was one to end."""
    refund = simulation.store.get(REFUND, refund_id, Refund)
    if refund is None or refund.status is not RefundStatus.PENDING:
        return False
    settled = replace(refund, status=status)
    simulation.store.put(REFUND, refund.id, settled)
    if status is RefundStatus.FAILED:
        capture = simulation.store.get(CAPTURE, refund.capture_id, Capture)
        assert capture is not None, "a refund is of a capture, which stays"
        left = capture.refunded - refund.amount
        _set_refunded(simulation, capture, left)
    events.refund_changed(simulation, settled)
    return True


def _book(simulation: PayPalSimulation, capture: Capture, refund: Refund) -> None:
    if refund.invoice_id is not None:
        key = f"{refund.client_id}:{refund.invoice_id}"
        if not simulation.store.claim(REFUND_INVOICE, key, InvoiceHolder(refund.id)):
            raise refuse("DUPLICATE_INVOICE_ID", "/invoice_id", refund.invoice_id)
    simulation.store.put(REFUND, refund.id, refund)
    named = replace(capture, refund_ids=[*capture.refund_ids, refund.id])
    _set_refunded(simulation, named, refund.refunded_so_far)
    events.refund_changed(simulation, refund)
    plan = capture.plan
    if refund.status is RefundStatus.PENDING and plan and plan.refunds_settle_as is not None:
        settled = Change(action="settle_refund", target=refund.id, outcome=plan.refunds_settle_as)
        simulation.do_later(settled, after_ms=plan.after_ms)


def _set_refunded(simulation: PayPalSimulation, capture: Capture, refunded: Decimal) -> None:
    if refunded == capture.amount:
        status = CaptureStatus.REFUNDED
    elif refunded:
        status = CaptureStatus.PARTIALLY_REFUNDED
    else:
        status = CaptureStatus.COMPLETED
    now = simulation.clock.now()
    changed = replace(capture, status=status, refunded=refunded, updated_at=now)
    simulation.store.put(CAPTURE, capture.id, changed)


def _check_refundable(simulation: PayPalSimulation, capture: Capture) -> None:
    match capture.status:
        case CaptureStatus.PENDING:
            raise refuse("PENDING_CAPTURE")
        case CaptureStatus.DECLINED:
            raise refuse("REFUND_NOT_ALLOWED")
        case CaptureStatus.REFUNDED:
            raise refuse("CAPTURE_FULLY_REFUNDED")
        case CaptureStatus.COMPLETED | CaptureStatus.PARTIALLY_REFUNDED:
            pass
    period = timedelta(seconds=simulation.rules.refund_period_s)
    if simulation.clock.now() > capture.created_at + period:
        raise refuse("REFUND_TIME_LIMIT_EXCEEDED")
    if len(capture.refund_ids) >= simulation.rules.refunds_max:
        raise refuse("MAX_NUMBER_OF_REFUNDS_EXCEEDED")


def _refund_amount(capture: Capture, wanted: dict[str, Any] | None) -> Decimal:
    left = capture.amount - capture.refunded
    if wanted is None:
        return left
    currency, text = wanted["currency_code"], wanted["value"]
    amount = Decimal(text)
    if currency not in money.SUPPORTED:
        raise refuse("INVALID_CURRENCY_CODE", "/amount/currency_code", currency)
    if currency != capture.currency:
        raise refuse("REFUND_CAPTURE_CURRENCY_MISMATCH", "/amount/currency_code", currency)
    if amount <= 0:
        raise refuse("CANNOT_BE_ZERO_OR_NEGATIVE", "/amount/value", text)
    if money.too_precise(amount, currency):
        whole_only = currency in money.WITHOUT_DECIMALS
        issue = "DECIMALS_NOT_SUPPORTED" if whole_only else "DECIMAL_PRECISION"
        raise refuse(issue, "/amount/value", text)
    if amount > left:
        raise refuse("REFUND_AMOUNT_EXCEEDED", "/amount/value", text)
    return amount
