"""Reading a JSON request field by field, and collecting everything that is wrong with its form."""

import re
from typing import Any

from sandbox.providers.paypal.errors import PayPalRefusal, Problem
from sandbox.providers.paypal.money import VALUE_LENGTH_MAX, VALUE_PATTERN


class Fields:
    """Readers that note a problem and go on, so that one answer names them all.

    Every path is a JSON pointer into the request body.
    """

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def note(self, issue: str, field: str, value: object = None) -> None:
        """Note a problem with the field."""
        text = value if isinstance(value, str) else None
        self.problems.append(Problem(issue=issue, field=field, value=text))

    def stop_on_problems(self) -> None:
        """End the reading if anything was noted.

        Raises:
            PayPalRefusal: With all problems noted so far.
        """
        if self.problems:
            raise PayPalRefusal(*self.problems)

    def text(
        self,
        parent: dict[str, Any],
        name: str,
        path: str,
        *,
        longest: int,
        required: bool = False,
        pattern: re.Pattern[str] | None = None,
    ) -> str | None:
        """Return a string of 1 to ``longest`` characters, or nothing where it is absent or wrong."""
        field = f"{path}/{name}"
        value = parent.get(name)
        if value is None:
            if required:
                self.note("MISSING_REQUIRED_PARAMETER", field)
            return None
        if not isinstance(value, str):
            self.note("INVALID_PARAMETER_SYNTAX", field)
        elif not 1 <= len(value) <= longest:
            self.note("INVALID_STRING_LENGTH", field, value)
        elif pattern is not None and pattern.fullmatch(value) is None:
            self.note("INVALID_PARAMETER_SYNTAX", field, value)
        else:
            return value
        return None

    def choice(
        self,
        parent: dict[str, Any],
        name: str,
        path: str,
        *,
        among: frozenset[str],
        required: bool = False,
    ) -> str | None:
        """Return a string that is one of ``among``, or nothing where it is absent or wrong."""
        value = self.text(parent, name, path, longest=255, required=required)
        if value is not None and value not in among:
            self.note("INVALID_PARAMETER_VALUE", f"{path}/{name}", value)
            return None
        return value

    def mapping(
        self, parent: dict[str, Any], name: str, path: str, *, required: bool = False
    ) -> dict[str, Any] | None:
        """Return a JSON object, or nothing where it is absent or wrong."""
        field = f"{path}/{name}"
        value = parent.get(name)
        if value is None:
            if required:
                self.note("MISSING_REQUIRED_PARAMETER", field)
            return None
        if not isinstance(value, dict):
            self.note("INVALID_PARAMETER_SYNTAX", field)
            return None
        return value

    def mappings(
        self, parent: dict[str, Any], name: str, path: str, *, most: int, required: bool = False
    ) -> list[dict[str, Any]]:
        """Return an array of 1 to ``most`` JSON objects; empty where it is absent or wrong."""
        field = f"{path}/{name}"
        value = parent.get(name)
        if value is None:
            if required:
                self.note("MISSING_REQUIRED_PARAMETER", field)
        elif not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            self.note("INVALID_PARAMETER_SYNTAX", field)
        elif not value:
            self.note("INVALID_ARRAY_MIN_ITEMS", field)
        elif len(value) > most:
            self.note("INVALID_ARRAY_MAX_ITEMS", field)
        else:
            return value
        return []

    def money(
        self, parent: dict[str, Any], name: str, path: str, *, required: bool = False
    ) -> dict[str, Any] | None:
        """Return a money object whose ``currency_code`` and ``value`` have the right form."""
        amount = self.mapping(parent, name, path, required=required)
        if amount is None:
            return None
        field = f"{path}/{name}"
        currency = self.text(amount, "currency_code", field, longest=3, required=True)
        if currency is not None and len(currency) != 3:
            self.note("INVALID_STRING_LENGTH", f"{field}/currency_code", currency)
        value = self.text(
            amount,
            "value",
            field,
            longest=VALUE_LENGTH_MAX,
            required=True,
            pattern=VALUE_PATTERN,
        )
        return None if currency is None or value is None else amount
