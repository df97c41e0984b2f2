"""Sums as they are compared: what is zero may as well not be there."""

from __future__ import annotations

from payment_gateway.infrastructure.persistence.mongodb import Document


def without_zeros(total: Document) -> Document:
    """Return a sum without the fields that are zero."""
    shown: Document = {}
    for name, value in total.items():
        inner = without_zeros(value) if isinstance(value, dict) else value
        if inner not in (0, {}):
            shown[name] = inner
    return shown
