"""GraphQL's ``Float`` without a loss: a number that it would not keep as it was written is refused.

The shortest text that reads back as a float is the number that was written, as long as that has no more
than 15 digits (IEEE 754, binary64). So an amount is taken from that text, and never calculated with as a float.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from graphql import DocumentNode, FloatValueNode, GraphQLError, Visitor, visit

from payment_gateway.presentation.rest.json_body import NotJson

TOO_MANY_DIGITS = "a number has more digits than a Float keeps; send the amount by REST"


def decimal_text(number: float) -> str:
    """Return a number as it was written, as a decimal text."""
    return format(Decimal(repr(number)), "f")


def with_floats(read: Any) -> Any:
    """Return JSON that was read with decimals, with floats in their place.

    Raises:
        NotJson: A float would be another number.
    """
    match read:
        case dict():
            return {name: with_floats(part) for name, part in read.items()}
        case list():
            return [with_floats(part) for part in read]
        case Decimal():
            if not _is_kept(read):
                raise NotJson(TOO_MANY_DIGITS)
            return float(read)
        case _:
            return read


def inexact_literal(document: DocumentNode) -> GraphQLError | None:
    """Return why a query is refused that holds a number which a float would not keep."""
    finder = _Finder()
    visit(document, finder)
    return finder.error


class _Finder(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.error: GraphQLError | None = None

    def enter_float_value(self, node: FloatValueNode, *_: object) -> None:
        if not _is_kept(Decimal(node.value)):
            self.error = GraphQLError(
                TOO_MANY_DIGITS,
                nodes=[node],
                extensions={"code": "invalid_amount", "retryable": False},
            )


def _is_kept(number: Decimal) -> bool:
    return Decimal(repr(float(number))) == number
