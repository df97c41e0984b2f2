"""What the simulated PayPal remembers."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Literal

import msgspec

from sandbox.providers.plans import Plan

MERCHANT = "merchant"
BEARER = "bearer"
ORDER = "order"
CAPTURE = "capture"
REFUND = "refund"
SERVED_REQUEST = "served_request"
PAID_INVOICE = "paid_invoice"
REFUND_INVOICE = "refund_invoice"
DISPUTE = "dispute"
CHANGE = "change"


class OrderStatus(StrEnum):
    """Source: PayPal OpenAPI ``checkout_orders_v2.json``; the simulator saves and voids nothing."""

    CREATED = "CREATED"
    PAYER_ACTION_REQUIRED = "PAYER_ACTION_REQUIRED"
    APPROVED = "APPROVED"
    COMPLETED = "COMPLETED"


class CaptureStatus(StrEnum):
    """Source: PayPal OpenAPI ``payments_payment_v2.json``."""

    COMPLETED = "COMPLETED"
    PENDING = "PENDING"
    DECLINED = "DECLINED"
    PARTIALLY_REFUNDED = "PARTIALLY_REFUNDED"
    REFUNDED = "REFUNDED"


class RefundStatus(StrEnum):
    """Source: PayPal OpenAPI ``payments_payment_v2.json``; nobody cancels a refund here."""

    COMPLETED = "COMPLETED"
    PENDING = "PENDING"
    FAILED = "FAILED"


class DisputeStatus(StrEnum):
    """Source: PayPal OpenAPI ``customer_disputes_v1.json``; a dispute here has no steps in between."""

    OPEN = "OPEN"
    RESOLVED = "RESOLVED"


class DisputeOutcome(StrEnum):
    """How a dispute ends. Source: PayPal OpenAPI ``customer_disputes_v1.json``, ``outcome_code``."""

    RESOLVED_BUYER_FAVOUR = "RESOLVED_BUYER_FAVOUR"  # the money goes back to the payer
    RESOLVED_SELLER_FAVOUR = "RESOLVED_SELLER_FAVOUR"
    CANCELED_BY_BUYER = "CANCELED_BY_BUYER"


class OrderPlan(Plan, frozen=True, kw_only=True):
    """How an order is going to go; what is not said goes as the payer and the rules want it."""

    capture_held: bool = False
    capture_settles_as: Literal["COMPLETED", "DECLINED"] | None = None
    refunds_held: bool = False
    refunds_settle_as: Literal["COMPLETED", "FAILED"] | None = None
    dispute: bool = False
    dispute_outcome: DisputeOutcome | None = None
    validity_s: int | None = None


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What PayPal does later by itself."""

    action: Literal["settle_capture", "settle_refund", "open_dispute", "resolve_dispute"]
    target: str
    """The id of the capture, refund or dispute."""
    outcome: str = ""
    """The status or the dispute's outcome, where the action has one."""


class Funding(StrEnum):
    """What the payer chose to pay with, which decides how a capture ends."""

    INSTANT = "instant"
    REVIEW = "review"
    DECLINED = "declined"


class Merchant(msgspec.Struct, frozen=True, kw_only=True):
    """A REST application of a business account. Its secret is kept as a digest."""

    client_id: str
    secret_sha256: str
    webhook_id: str
    webhook_url: str | None


class AccessToken(msgspec.Struct, frozen=True, kw_only=True):
    """A bearer token and whose it is."""

    client_id: str
    expires_at: datetime


class ServedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a ``PayPal-Request-Id`` stood for when it was first used."""

    operation: str
    resource_id: str
    body_sha256: str
    at: datetime


class InvoiceHolder(msgspec.Struct, frozen=True):
    """Which capture or refund an invoice id belongs to."""

    resource_id: str


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """An order. ``units`` are the purchase units as they were sent, amounts in canonical form."""

    id: str
    client_id: str
    intent: str
    status: OrderStatus
    units: list[dict[str, Any]]
    payment_source: str | None
    brand_name: str | None
    return_url: str | None
    cancel_url: str | None
    request_id: str | None
    created_at: datetime
    updated_at: datetime
    funding: Funding | None = None
    capture_ids: list[str] = []
    plan: OrderPlan | None = None

    @property
    def currency(self) -> str:
        """The one currency of all purchase units."""
        currency: str = self.units[0]["amount"]["currency_code"]
        return currency

    @property
    def total(self) -> Decimal:
        """The sum of all purchase units."""
        return sum((Decimal(unit["amount"]["value"]) for unit in self.units), Decimal(0))


class Capture(msgspec.Struct, frozen=True, kw_only=True):
    """Money taken for one purchase unit, and how much of it went back."""

    id: str
    client_id: str
    order_id: str
    reference_id: str
    status: CaptureStatus
    currency: str
    amount: Decimal
    fee: Decimal
    refunded: Decimal
    refund_ids: list[str]
    invoice_id: str | None
    custom_id: str | None
    request_id: str | None
    created_at: datetime
    updated_at: datetime
    plan: OrderPlan | None = None
    """Of its order."""
    dispute_ids: list[str] = []


class Refund(msgspec.Struct, frozen=True, kw_only=True):
    """Money given back. ``refunded_so_far`` is cumulative over the capture, this refund included."""

    id: str
    client_id: str
    capture_id: str
    currency: str
    amount: Decimal
    refunded_so_far: Decimal
    invoice_id: str | None
    custom_id: str | None
    note_to_payer: str | None
    request_id: str | None
    created_at: datetime
    status: RefundStatus = RefundStatus.COMPLETED
    reversal: bool = False
    """Whether PayPal took it back after a dispute; otherwise the merchant gave it."""


class Dispute(msgspec.Struct, frozen=True, kw_only=True):
    """A payer's case against a capture."""

    id: str
    client_id: str
    capture_id: str
    reason: str
    currency: str
    amount: Decimal
    status: DisputeStatus
    outcome: DisputeOutcome | None
    created_at: datetime
    updated_at: datetime
