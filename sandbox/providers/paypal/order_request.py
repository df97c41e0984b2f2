"""The form of a request to create an order: what PayPal answers with 400.

Source: PayPal OpenAPI ``checkout_orders_v2.json`` (v2.13), ``order_request``.
"""

import re
from typing import Any

import msgspec

from sandbox.providers.paypal.fields import Fields

PURCHASE_UNITS_MAX = 10
ITEMS_MAX = 1_000
URL_LENGTH_MAX = 4_000
BREAKDOWN = (
    "item_total",
    "shipping",
    "handling",
    "tax_total",
    "insurance",
    "shipping_discount",
    "discount",
)

_INTENTS = frozenset({"CAPTURE", "AUTHORIZE"})
_CATEGORIES = frozenset({"DIGITAL_GOODS", "PHYSICAL_GOODS", "DONATION"})
_QUANTITY = re.compile(r"[1-9][0-9]{0,9}", re.ASCII)
_URL = re.compile(r"https?://[^\s/?#]+[^\s]*")
_CONTEXT_CHOICES = {
    "shipping_preference": frozenset({"GET_FROM_FILE", "NO_SHIPPING", "SET_PROVIDED_ADDRESS"}),
    "landing_page": frozenset({"LOGIN", "GUEST_CHECKOUT", "NO_PREFERENCE", "BILLING"}),
    "user_action": frozenset({"CONTINUE", "PAY_NOW"}),
    "payment_method_preference": frozenset({"UNRESTRICTED", "IMMEDIATE_PAYMENT_REQUIRED"}),
}


class OrderRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A well-formed request; whether its amounts make sense is another question."""

    intent: str
    units: list[dict[str, Any]]
    payment_source: str | None
    brand_name: str | None
    return_url: str | None
    cancel_url: str | None


def read_order_request(body: dict[str, Any], *, request_id: str | None) -> OrderRequest:
    """Read the body of a request to create an order.

    Raises:
        PayPalRefusal: 400 with every problem of form.
    """
    fields = Fields()
    intent = fields.choice(body, "intent", "", among=_INTENTS, required=True)
    units = fields.mappings(body, "purchase_units", "", most=PURCHASE_UNITS_MAX, required=True)
    for index, unit in enumerate(units):
        _read_unit(fields, unit, f"/purchase_units/{index}")
    source, context, path = _read_source(fields, body, request_id)
    for name, among in _CONTEXT_CHOICES.items():
        fields.choice(context, name, path, among=among)
    request = OrderRequest(
        intent=intent or "",
        units=units,
        payment_source=source,
        brand_name=fields.text(context, "brand_name", path, longest=127),
        return_url=fields.text(context, "return_url", path, longest=URL_LENGTH_MAX, pattern=_URL),
        cancel_url=fields.text(context, "cancel_url", path, longest=URL_LENGTH_MAX, pattern=_URL),
    )
    fields.stop_on_problems()
    return request


def _read_source(
    fields: Fields, body: dict[str, Any], request_id: str | None
) -> tuple[str | None, dict[str, Any], str]:
    """Return the payment source's name, and where the payer's experience is described."""
    source = fields.mapping(body, "payment_source", "")
    if source is None:
        path = "/application_context"
        return None, fields.mapping(body, "application_context", "") or {}, path
    for name in sorted(source.keys() - {"paypal"}):
        direct = "PAYPAL_REQUEST_ID_REQUIRED" if request_id is None else "NOT_SUPPORTED"
        fields.note(direct, f"/payment_source/{name}")
    wallet = fields.mapping(source, "paypal", "/payment_source") or {}
    path = "/payment_source/paypal/experience_context"
    return (
        "paypal",
        fields.mapping(wallet, "experience_context", "/payment_source/paypal") or {},
        path,
    )


def _read_unit(fields: Fields, unit: dict[str, Any], path: str) -> None:
    fields.text(unit, "reference_id", path, longest=256)
    for name in ("custom_id", "invoice_id", "description"):
        fields.text(unit, name, path, longest=127)
    fields.text(unit, "soft_descriptor", path, longest=22)
    amount = fields.money(unit, "amount", path, required=True)
    if amount is not None:
        breakdown = fields.mapping(amount, "breakdown", f"{path}/amount") or {}
        for name in BREAKDOWN:
            fields.money(breakdown, name, f"{path}/amount/breakdown")
    if "items" in unit:
        for index, item in enumerate(fields.mappings(unit, "items", path, most=ITEMS_MAX)):
            _read_item(fields, item, f"{path}/items/{index}")


def _read_item(fields: Fields, item: dict[str, Any], path: str) -> None:
    fields.text(item, "name", path, longest=127, required=True)
    fields.text(item, "quantity", path, longest=10, required=True, pattern=_QUANTITY)
    fields.money(item, "unit_amount", path, required=True)
    fields.money(item, "tax", path)
    for name in ("description", "sku"):
        fields.text(item, name, path, longest=127)
    fields.choice(item, "category", path, among=_CATEGORIES)
