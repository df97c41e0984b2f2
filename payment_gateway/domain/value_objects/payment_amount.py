"""Money as a count of a currency's smallest coin."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from payment_gateway.domain.errors import InvalidAmountError, InvalidValue
from payment_gateway.domain.value_objects.currency import EXPONENT

AMOUNT_MINOR_MAX: Final = 999_999_999_999_999  # fits every database's and every client's integers
_TEXT: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?", re.ASCII)
_DIGITS_MAX: Final = 40  # longer texts are refused before any arithmetic is done with them


@dataclass(frozen=True, slots=True)
class PaymentAmountVO:
    """An amount of one currency.

    Attributes:
        amount_minor: Count of minor units: cents for USD, whole yen for JPY. From zero to
            ``AMOUNT_MINOR_MAX``; zero is what is left of a fully refunded payment.
        currency: ISO 4217 code, upper case.

    Raises:
        InvalidAmountError: Out of bounds.
        InvalidValue: Not a currency.
    """

    amount_minor: int
    currency: str

    def __post_init__(self) -> None:
        if self.currency not in EXPONENT:
            raise InvalidValue(f"{self.currency!r:.20} is not an ISO 4217 code", param="currency")
        if not 0 <= self.amount_minor <= AMOUNT_MINOR_MAX:
            raise InvalidAmountError(f"an amount is from 0 to {AMOUNT_MINOR_MAX} minor units")

    @classmethod
    def parse(cls, value: Decimal | str, currency: str) -> PaymentAmountVO:
        """Read a decimal exactly; ``"10.005"`` in USD is refused, not rounded.

        Raises:
            InvalidAmountError: Not a finite decimal, negative, or too many digits.
            InvalidValue: Not a currency.
        """
        if currency not in EXPONENT:
            raise InvalidValue(f"{currency!r:.20} is not an ISO 4217 code", param="currency")
        number = _decimal(value)
        exponent = EXPONENT[currency]
        minor = number.scaleb(exponent)
        if minor != minor.to_integral_value():
            raise InvalidAmountError(f"{currency} has {exponent} digits after the point")
        return cls(int(minor), currency)

    @classmethod
    def parse_positive(cls, value: Decimal | str, currency: str) -> PaymentAmountVO:
        """Read an amount that somebody is to pay: ``parse``, and more than zero."""
        amount = cls.parse(value, currency)
        if amount.amount_minor == 0:
            raise InvalidAmountError("an amount must be more than zero")
        return amount

    @property
    def decimal(self) -> str:
        """The amount as a decimal text with the currency's own digits, ``"19.99"``."""
        return f"{Decimal(self.amount_minor).scaleb(-EXPONENT[self.currency]):f}"

    def __add__(self, other: PaymentAmountVO) -> PaymentAmountVO:
        self._same_currency(other)
        return PaymentAmountVO(self.amount_minor + other.amount_minor, self.currency)

    def __sub__(self, other: PaymentAmountVO) -> PaymentAmountVO:
        self._same_currency(other)
        return PaymentAmountVO(self.amount_minor - other.amount_minor, self.currency)

    def __mul__(self, count: int) -> PaymentAmountVO:
        return PaymentAmountVO(self.amount_minor * count, self.currency)

    def __str__(self) -> str:
        return f"{self.decimal} {self.currency}"

    def _same_currency(self, other: PaymentAmountVO) -> None:
        if self.currency != other.currency:
            raise InvalidValue(f"cannot mix {self.currency} and {other.currency}", param="currency")


def _decimal(value: Decimal | str) -> Decimal:
    if isinstance(value, str) and (len(value) > _DIGITS_MAX or not _TEXT.fullmatch(value)):
        raise InvalidAmountError("an amount is a decimal such as 19.99")
    number = Decimal(value)
    if not number.is_finite():
        raise InvalidAmountError("an amount is a finite number")
    if number < 0:
        raise InvalidAmountError("an amount must be more than zero")
    if len(number.as_tuple().digits) > _DIGITS_MAX or abs(number.adjusted()) > _DIGITS_MAX:
        raise InvalidAmountError("an amount with that many digits is not accepted")
    return number
