"""Documents as people see them, and what differs between two states of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from payment_gateway.infrastructure.persistence.mongodb import Document

Documents = Mapping[str, Document | None]


def differences(before: Documents, after: Documents) -> list[dict[str, Any]]:
    """Return each field that differs: ``document``, ``field`` (a dotted path), ``before``, ``after``.

    A field that is not there is ``None``.
    """
    found: list[dict[str, Any]] = []
    for name in sorted({*before, *after}):
        old, new = _flat(before.get(name)), _flat(after.get(name))
        found.extend(
            {"document": name, "field": field, "before": old.get(field), "after": new.get(field)}
            for field in sorted({*old, *new})
            if old.get(field) != new.get(field)
        )
    return found


def plain(value: object) -> Any:
    """Return a value as JSON has it: times in RFC 3339, what has no other form as its text."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case datetime():
            return value.isoformat()
        case Mapping():
            return {str(key): plain(one) for key, one in value.items()}
        case list() | tuple():
            return [plain(one) for one in value]
        case _:
            return str(value)


def _flat(value: object, path: str = "") -> dict[str, Any]:
    match value:
        case None if not path:
            return {}
        case Mapping() if value or not path:
            inside = [(str(key), one) for key, one in value.items()]
        case list() if value:
            inside = [(str(place), one) for place, one in enumerate(value)]
        case _:
            return {path: plain(value)}
    flat: dict[str, Any] = {}
    for name, one in inside:
        flat.update(_flat(one, f"{path}.{name}" if path else name))
    return flat
