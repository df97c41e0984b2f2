"""What the provider has on its own books: the last word on whether money moved, and how much."""

from __future__ import annotations

from typing import Any

from sandbox.demo.order import CURRENCY, Order, decimal
from sandbox.demo.steps import Caller, StepFailed, expect_equal

# The simulators hand out their books in pages of up to 10 000 entries.
PAGES_MAX = 100
OK = frozenset({200})


async def prove_books(provider: Caller, address: str, order: Order, reference: str) -> None:
    """Compare the provider's entry with the order.

    Args:
        provider: Makes the requests.
        address: The simulator's address.
        order: What was sold, and how much of it was given back.
        reference: The provider's id of what moved the money.

    Raises:
        StepFailed: There is no such entry, or it says something else.
    """
    title = f"{order.provider} has the same on its books"
    entry = await _entry(provider, title, address, reference)
    wanted = {"amount": decimal(order.amount_minor), "currency": CURRENCY}
    if order.refund_minor:  # Pagadito knows no refunds, so its entries have no such field
        wanted["refunded"] = decimal(order.refund_minor)
    found = {name: entry.get(name) for name in wanted}
    expect_equal(title, "the entry", found, wanted, part=provider.part)


async def _entry(provider: Caller, title: str, address: str, reference: str) -> dict[str, Any]:
    """PayPal's capture of that id, or Pagadito's transaction of that reference."""
    url = f"{address}/_control/ledger"
    for _ in range(PAGES_MAX):
        page = (await provider.call(title, "GET", url, expect=OK)).json()
        for entry in [*page.get("captures", []), *page.get("transactions", [])]:
            if reference in {entry.get("id"), entry.get("reference")}:
                return dict(entry)
        if page["nextCursor"] is None:
            break
        url = f"{address}/_control/ledger?cursor={page['nextCursor']}"
    raise StepFailed(title, f"there is no entry {reference}", part=provider.part)
