"""What the demo shop sells: one order for each provider, in whole cents."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

CURRENCY = "USD"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of an order."""

    quantity: int
    description: str
    price_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An order, how it is paid, how much is given back, and what its history must then be.

    Attributes:
        refund_minor: Given back after the payment; 0 where the provider cannot.
        history: The types of the events that the payment's stream must hold at the end, in order.
    """

    provider: str
    order_id: str
    lines: tuple[Line, ...]
    refund_minor: int
    history: tuple[str, ...]

    @property
    def amount_minor(self) -> int:
        """What the lines add up to."""
        return sum(line.quantity * line.price_minor for line in self.lines)

    @property
    def final_status(self) -> str:
        """Where the payment stands at the end."""
        return "PARTIALLY_REFUNDED" if self.refund_minor else "COMPLETED"

    def initiate_body(self, tenant: str, return_url: str) -> dict[str, Any]:
        """The body of ``POST /api/v1/payments/initiate``."""
        return {
            "tenantId": tenant,
            "providerType": self.provider,
            "amount": decimal(self.amount_minor),
            "currency": CURRENCY,
            "orderId": self.order_id,
            "details": [
                {
                    "quantity": line.quantity,
                    "description": line.description,
                    "price": decimal(line.price_minor),
                }
                for line in self.lines
            ],
            "returnUrl": return_url,
        }


def decimal(minor: int) -> str:
    """Cents as a decimal string, exactly."""
    return f"{minor // 100}.{minor % 100:02}"


def minor(amount: str) -> int:
    """A decimal string of two digits in cents, exactly."""
    whole, _, cents = amount.partition(".")
    return int(whole) * 100 + int(cents)


def new_orders() -> tuple[Order, Order]:
    """Two orders with numbers of their own."""
    number = secrets.token_hex(4)
    checkout = ("PaymentInitiated", "ProviderAttemptStarted", "CheckoutCreated")
    refund = ("RefundRequested", "RefundCompleted")
    return (
        Order(
            provider="PAYPAL",
            order_id=f"order-{number}-1",
            lines=(
                Line(quantity=2, description="Coffee beans, 500 g", price_minor=12_50),
                Line(quantity=1, description="Paper filters", price_minor=4_99),
            ),
            refund_minor=10_00,
            history=(*checkout, "CaptureRequested", "PaymentCompleted", *refund),
        ),
        Order(
            provider="PAGADITO",
            order_id=f"order-{number}-2",
            lines=(
                Line(quantity=1, description="Coffee grinder", price_minor=15_00),
                Line(quantity=3, description="Cups", price_minor=2_25),
            ),
            refund_minor=0,
            # Pagadito takes the money as the payer pays: there is nothing to capture afterwards.
            history=(*checkout, "PaymentCompleted"),
        ),
    )
