"""What the simulated Pagadito remembers."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Literal

import msgspec

from sandbox.providers.plans import Plan

MERCHANT = "merchant"
SESSION = "session"
TRANSACTION = "transaction"
REFERENCE_NUMBER = "reference_number"
CHANGE = "change"


class TransactionStatus(StrEnum):
    """Source: Pagadito's WSPG documentation, statuses of ``get_status``."""

    REGISTERED = "REGISTERED"
    COMPLETED = "COMPLETED"
    VERIFYING = "VERIFYING"
    REVOKED = "REVOKED"
    FAILED = "FAILED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"


class Merchant(msgspec.Struct, frozen=True, kw_only=True):
    """A merchant account and what its panel says. The limits are in US dollars."""

    uid: str
    wsk: str
    idca: str
    return_url_template: str | None
    webhook_url: str | None
    enabled: bool
    minimum: Decimal
    maximum: Decimal
    rates: dict[str, Decimal]
    """Units of a currency for one US dollar; a currency without a rate is not supported."""


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A token that ``connect`` gave out. ``exec_trans`` uses it up, and it is removed."""

    uid: str
    expires_at: datetime


class ChargePlan(Plan, frozen=True, kw_only=True):
    """How a charge is going to go; what is not said goes as the payer and the rules want it."""

    paying: Literal["held", "declined"] | None = None
    """What becomes of it where the payer pays."""
    settles_as: Literal["COMPLETED", "REVOKED"] | None = None
    window_s: int | None = None


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What Pagadito does later by itself."""

    action: Literal["settle", "expire"]
    token: str
    status: str = ""
    """What a settled charge becomes."""


class LineItem(msgspec.Struct, frozen=True, kw_only=True):
    """One line of ``details``; a discount is a line with a negative price."""

    quantity: Decimal
    description: str
    price: Decimal
    url_product: str = ""


class Transaction(msgspec.Struct, frozen=True, kw_only=True):
    """A registered charge, known by the token it was registered under."""

    token: str
    uid: str
    ern: str
    status: TransactionStatus
    amount: Decimal
    currency: str
    details: list[LineItem]
    custom_params: dict[str, str]
    allow_pending: bool
    registered_at: datetime
    window_s: int
    updated_at: datetime
    reference: str = ""
    plan: ChargePlan | None = None


class ReferenceNumberHolder(msgspec.Struct, frozen=True):
    """Which charge an external reference number was first sent with."""

    token: str
