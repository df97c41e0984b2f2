"""What is being paid for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from payment_gateway.domain.errors import DetailsDoNotAddUp, InvalidAmountError, InvalidValue
from payment_gateway.domain.value_objects.payment_amount import PaymentAmountVO

LINES_MAX: Final = 100
QUANTITY_MAX: Final = 1_000_000
DESCRIPTION_LENGTH_MAX: Final = 250
URL_LENGTH_MAX: Final = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentDetailVO:
    """One line: so many of something at a price each.

    Raises:
        InvalidValue: A quantity below one or too large, no description or a long one, no web address.
        InvalidAmountError: A price of zero.
    """

    quantity: int
    description: str
    price: PaymentAmountVO
    url_product: str | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.quantity <= QUANTITY_MAX:
            raise InvalidValue(f"a quantity is from 1 to {QUANTITY_MAX}", param="details")
        if not self.description.strip() or len(self.description) > DESCRIPTION_LENGTH_MAX:
            raise InvalidValue(
                f"a description has 1 to {DESCRIPTION_LENGTH_MAX} characters", param="details"
            )
        if self.price.amount_minor == 0:
            raise InvalidAmountError("a price must be more than zero", param="details")
        if self.url_product is not None:
            check_web_address(self.url_product, param="details")

    @property
    def total(self) -> PaymentAmountVO:
        """Quantity times price."""
        return self.price * self.quantity


@dataclass(frozen=True, slots=True)
class PaymentDetailsVO:
    """All lines of a payment; they add up to its amount.

    Raises:
        InvalidValue: No line, or more than ``LINES_MAX``.
        DetailsDoNotAddUp: Their total is another amount.
    """

    lines: tuple[PaymentDetailVO, ...]
    amount: PaymentAmountVO

    def __post_init__(self) -> None:
        if not 1 <= len(self.lines) <= LINES_MAX:
            raise InvalidValue(f"a payment has 1 to {LINES_MAX} details", param="details")
        total = PaymentAmountVO(0, self.amount.currency)
        for line in self.lines:
            total += line.total
        if total != self.amount:
            raise DetailsDoNotAddUp(total=str(total), amount=str(self.amount))

    @classmethod
    def whole(cls, amount: PaymentAmountVO, description: str) -> PaymentDetailsVO:
        """Return one line over the whole amount, for a caller who gave no lines."""
        return cls((PaymentDetailVO(quantity=1, description=description, price=amount),), amount)


def check_web_address(url: str, *, param: str) -> None:
    """Refuse what a browser should not be sent to.

    Raises:
        InvalidValue: Not an absolute http or https address, with a user name in it, or too long.
    """
    try:
        parts = urlsplit(url)
        bad = parts.scheme not in {"http", "https"} or not parts.hostname or parts.port == 0
    except ValueError:
        bad = True
    else:
        bad = bad or parts.username is not None or parts.password is not None
    if bad or len(url) > URL_LENGTH_MAX or not url.isprintable() or " " in url or "\\" in url:
        raise InvalidValue("not an absolute http or https address", param=param)
