"""What PayPal is sent: the bodies of requests.

Source: PayPal OpenAPI ``checkout_orders_v2.json`` (v2.13) and ``payments_payment_v2.json`` (v2.5).
"""

from __future__ import annotations

from typing import Any, Final

from payment_gateway.application.ports import CheckoutRequest, RefundRequest
from payment_gateway.domain.value_objects.payment_details import PaymentDetailVO
from payment_gateway.infrastructure.providers.paypal.money import check_amount, money
from payment_gateway.infrastructure.providers.wording import item_name, one_line

ITEM_NAME_LENGTH_MAX: Final = 127
NOTE_LENGTH_MAX: Final = 255


def check_checkout(request: CheckoutRequest) -> None:
    """Refuse what PayPal would refuse.

    Raises:
        InvalidValue: A currency PayPal does not take.
        InvalidAmountError: A fraction where PayPal takes whole units only.
    """
    check_amount(request.amount, param="amount")
    for line in request.lines:
        check_amount(line.price, param="details")


def order_body(request: CheckoutRequest) -> dict[str, Any]:
    """Return the body of ``POST /v2/checkout/orders``.

    ``invoice_id`` makes PayPal itself refuse to be paid twice for one attempt.
    """
    total = money(request.amount)
    preference = "UNRESTRICTED" if request.allow_pending else "IMMEDIATE_PAYMENT_REQUIRED"
    return {
        "intent": "CAPTURE",
        "purchase_units": [
            {
                "custom_id": request.payment_id,
                "invoice_id": request.reference_number,
                "amount": {**total, "breakdown": {"item_total": total}},
                "items": [_item(line) for line in request.lines],
            }
        ],
        "payment_source": {
            "paypal": {
                "experience_context": {
                    "shipping_preference": "NO_SHIPPING",
                    "user_action": "PAY_NOW",
                    "payment_method_preference": preference,
                    "return_url": request.return_url,
                    "cancel_url": request.cancel_url,
                }
            }
        },
    }


def refund_body(request: RefundRequest) -> dict[str, Any]:
    """Return the body of ``POST /v2/payments/captures/{id}/refund``.

    The amount is named even if it is the whole: without it PayPal gives back whatever is left,
    which is another amount where someone refunded in PayPal's own pages.
    """
    body: dict[str, Any] = {
        "amount": money(request.amount),
        "invoice_id": request.refund_id,
        "custom_id": request.payment_id,
    }
    note = one_line(request.reason or "", length_max=NOTE_LENGTH_MAX)
    return body | {"note_to_payer": note} if note else body


def _item(line: PaymentDetailVO) -> dict[str, Any]:
    return {
        "name": item_name(line.description, length_max=ITEM_NAME_LENGTH_MAX),
        "quantity": str(line.quantity),
        "unit_amount": money(line.price),
    }
