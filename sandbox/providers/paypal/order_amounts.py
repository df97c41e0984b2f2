"""Whether the amounts of an order make sense: what PayPal answers with 422.

Source: PayPal OpenAPI ``checkout_orders_v2.json`` (v2.13), issues of ``POST /v2/checkout/orders``.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from sandbox.providers.paypal import money
from sandbox.providers.paypal.fields import Fields
from sandbox.providers.paypal.order_request import BREAKDOWN, OrderRequest

_DEFAULT_REFERENCE = "default"
_SUBTRACTED = frozenset({"shipping_discount", "discount"})


def checked_units(request: OrderRequest) -> list[dict[str, Any]]:
    """Return the purchase units with reference ids and canonical amounts.

    Raises:
        PayPalRefusal: 422 with every problem of one kind: first currencies and digits, then sums.
    """
    fields = Fields()
    if request.intent == "AUTHORIZE" and len(request.units) > 1:
        fields.note("UNSUPPORTED_INTENT", "/intent")
    _check_references(fields, request.units)
    currency = request.units[0]["amount"]["currency_code"]
    for index, unit in enumerate(request.units):
        for path, amount, least in _amounts(unit, f"/purchase_units/{index}"):
            _check_amount(fields, path, amount, currency=currency, least=least)
    fields.stop_on_problems()
    for index, unit in enumerate(request.units):
        _check_sums(fields, unit, f"/purchase_units/{index}")
    fields.stop_on_problems()
    return [_canonical_unit(unit, currency) for unit in request.units]


def _check_references(fields: Fields, units: list[dict[str, Any]]) -> None:
    seen: set[str] = set()
    for index, unit in enumerate(units):
        reference = unit.get("reference_id")
        if reference is None and len(units) > 1:
            fields.note("REFERENCE_ID_REQUIRED", f"/purchase_units/{index}/reference_id")
        elif reference in seen:
            fields.note(
                "DUPLICATE_REFERENCE_ID", f"/purchase_units/{index}/reference_id", reference
            )
        elif reference is not None:
            seen.add(reference)


def _amounts(unit: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Yield every amount of a unit with its path and the issue for being too small."""
    yield f"{path}/amount", unit["amount"], "CANNOT_BE_ZERO_OR_NEGATIVE"
    for name, amount in _breakdown(unit).items():
        yield f"{path}/amount/breakdown/{name}", amount, "CANNOT_BE_NEGATIVE"
    for index, item in enumerate(unit.get("items") or []):
        for name in ("unit_amount", "tax"):
            if item.get(name) is not None:
                yield f"{path}/items/{index}/{name}", item[name], "CANNOT_BE_NEGATIVE"


def _check_amount(
    fields: Fields, path: str, amount: dict[str, Any], *, currency: str, least: str
) -> None:
    code, text = amount["currency_code"], amount["value"]
    value = Decimal(text)
    if code not in money.SUPPORTED:
        fields.note("INVALID_CURRENCY_CODE", f"{path}/currency_code", code)
    elif code != currency:
        fields.note("MULTI_CURRENCY_ORDER", f"{path}/currency_code", code)
    elif value < 0 or (value == 0 and least == "CANNOT_BE_ZERO_OR_NEGATIVE"):
        fields.note(least, f"{path}/value", text)
    elif value > money.VALUE_MAX:
        fields.note("MAX_VALUE_EXCEEDED", f"{path}/value", text)
    elif money.too_precise(value, code):
        fields.note("DECIMAL_PRECISION", f"{path}/value", text)


def _check_sums(fields: Fields, unit: dict[str, Any], path: str) -> None:
    breakdown = {name: Decimal(part["value"]) for name, part in _breakdown(unit).items()}
    items = unit.get("items") or []
    at = f"{path}/amount/breakdown"
    _check_item_sum(fields, items, breakdown, at, amount="unit_amount", total="item_total")
    if any(item.get("tax") is not None for item in items):
        _check_item_sum(fields, items, breakdown, at, amount="tax", total="tax_total")
    expected = sum(
        (-value if name in _SUBTRACTED else value for name, value in breakdown.items()), Decimal(0)
    )
    value = unit["amount"]["value"]
    if breakdown and expected != Decimal(value):
        fields.note("AMOUNT_MISMATCH", f"{path}/amount/value", value)


def _check_item_sum(
    fields: Fields,
    items: list[dict[str, Any]],
    breakdown: dict[str, Decimal],
    path: str,
    *,
    amount: str,
    total: str,
) -> None:
    if not items:
        return
    expected = sum(
        (
            Decimal(item[amount]["value"]) * int(item["quantity"])
            for item in items
            if item.get(amount)
        ),
        Decimal(0),
    )
    kind = "ITEM" if total == "item_total" else "TAX"
    if total not in breakdown:
        fields.note(f"{kind}_TOTAL_REQUIRED", f"{path}/{total}")
    elif breakdown[total] != expected:
        fields.note(f"{kind}_TOTAL_MISMATCH", f"{path}/{total}/value", f"{breakdown[total]}")


def _breakdown(unit: dict[str, Any]) -> dict[str, dict[str, Any]]:
    breakdown = unit["amount"].get("breakdown") or {}
    return {name: breakdown[name] for name in BREAKDOWN if breakdown.get(name) is not None}


def _canonical_unit(unit: dict[str, Any], currency: str) -> dict[str, Any]:
    amount: dict[str, Any] = money.money(Decimal(unit["amount"]["value"]), currency)
    breakdown = {
        name: money.money(Decimal(part["value"]), currency)
        for name, part in _breakdown(unit).items()
    }
    if breakdown:
        amount["breakdown"] = breakdown
    given = {name: value for name, value in unit.items() if value is not None}
    canonical = {"reference_id": _DEFAULT_REFERENCE} | given | {"amount": amount}
    if unit.get("items"):
        canonical["items"] = [_canonical_item(item, currency) for item in unit["items"]]
    return canonical


def _canonical_item(item: dict[str, Any], currency: str) -> dict[str, Any]:
    amounts = {
        name: money.money(Decimal(item[name]["value"]), currency)
        for name in ("unit_amount", "tax")
        if item.get(name) is not None
    }
    return item | amounts
