"""Refunds of captures, in full or in part, never more than was captured.

Source: PayPal OpenAPI ``payments_payment_v2.json``.
"""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from sandbox.providers.identifiers import upper_alphanumeric
from sandbox.providers.paypal import money
from sandbox.providers.paypal.errors import PayPalRefusal, Problem, refuse
from sandbox.providers.paypal.fields import Fields
from sandbox.providers.paypal.model import (
    CAPTURE,
    PAID_INVOICE,
    REFUND,
    REFUND_INVOICE,
    Capture,
    CaptureStatus,
    InvoiceHolder,
    Refund,
)
from sandbox.providers.paypal.orders import RESOURCE_ID_LENGTH, paid_invoice_key
from sandbox.providers.paypal.simulation import Call, PayPalSimulation


def merchants_capture(simulation: PayPalSimulation, call: Call) -> Capture:
    """Return the capture that the call names.

    Raises:
        PayPalRefusal: 404, it is unknown; 403, it is another merchant's.
    """
    capture = simulation.store.get(CAPTURE, call.resource_id, Capture)
    if capture is None:
        raise _unknown("capture_id", call.resource_id)
    if capture.client_id != call.merchant.client_id:
        raise refuse("PERMISSION_DENIED")
    return capture


def merchants_refund(simulation: PayPalSimulation, call: Call) -> Refund:
    """Return the refund that the call names.

    Raises:
        PayPalRefusal: 404, it is unknown; 403, it is another merchant's.
    """
    refund = simulation.store.get(REFUND, call.resource_id, Refund)
    if refund is None:
        raise _unknown("refund_id", call.resource_id)
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
    )
    _book(simulation, capture, refund)
    return refund.id


def _book(simulation: PayPalSimulation, capture: Capture, refund: Refund) -> None:
    if refund.invoice_id is not None:
        key = f"{refund.client_id}:{refund.invoice_id}"
        if not simulation.store.claim(REFUND_INVOICE, key, InvoiceHolder(refund.id)):
            raise refuse("DUPLICATE_INVOICE_ID", "/invoice_id", refund.invoice_id)
    whole = refund.refunded_so_far == capture.amount
    changed = replace(
        capture,
        status=CaptureStatus.REFUNDED if whole else CaptureStatus.PARTIALLY_REFUNDED,
        refunded=refund.refunded_so_far,
        refund_ids=[*capture.refund_ids, refund.id],
        updated_at=refund.created_at,
    )
    simulation.store.put(REFUND, refund.id, refund)
    simulation.store.put(CAPTURE, capture.id, changed)


def settle_capture(simulation: PayPalSimulation, capture_id: str, status: CaptureStatus) -> bool:
    """End the review of a pending capture; say whether there was one to end."""
    capture = simulation.store.get(CAPTURE, capture_id, Capture)
    if capture is None or capture.status is not CaptureStatus.PENDING:
        return False
    if status is CaptureStatus.DECLINED and capture.invoice_id is not None:
        key = paid_invoice_key(capture.client_id, capture.invoice_id)
        simulation.store.remove(PAID_INVOICE, key)  # no money came: the invoice may be paid yet
    settled = replace(capture, status=status, updated_at=simulation.clock.now())
    simulation.store.put(CAPTURE, capture.id, settled)
    return True


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


def _unknown(field: str, value: str) -> PayPalRefusal:
    return PayPalRefusal(
        Problem(issue="INVALID_RESOURCE_ID", field=field, value=value, location="path")
    )
