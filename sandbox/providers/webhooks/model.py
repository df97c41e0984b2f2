"""What is remembered of a notification."""

from datetime import datetime
from enum import StrEnum

import msgspec

NOTIFICATION = "notification"
WITHHELD = "withheld_notification"
DELIVERY_MODE = "delivery_mode"


class Mode(StrEnum):
    """Whether notifications set out by themselves."""

    AUTO = "auto"
    HOLD = "hold"


class NotificationState(StrEnum):
    """How far a notification has come."""

    WAITING = "WAITING"
    DELIVERED = "DELIVERED"
    FAILED = "FAILED"  # tried as often as the rules say
    DROPPED = "DROPPED"


class Tamper(StrEnum):
    """What is wrong with a transmission that no merchant should accept."""

    SIGNATURE = "signature"  # of another text
    BODY = "body"  # changed after it was signed
    CERT_HOST = "cert_host"  # the certificate is said to be on a host that is not the provider's


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One transmission: the status it was answered with, or why there is none."""

    at: datetime
    status: int | None = None
    problem: str | None = None
    tamper: Tamper | None = None

    @property
    def taken(self) -> bool:
        """Whether the merchant took the notification."""
        return self.status is not None and 200 <= self.status <= 299


class Notification(msgspec.Struct, frozen=True, kw_only=True):
    """One event as a merchant is told of it. ``body`` is the exact text that is sent."""

    id: str
    event_type: str
    merchant_id: str
    payment_id: str
    url: str
    body: str
    created_at: datetime
    copies: int = 1
    state: NotificationState = NotificationState.WAITING
    failures: int = 0
    attempts: list[Attempt] = []


class Withheld(msgspec.Struct, frozen=True, kw_only=True):
    """The first notification of a payment whose order is to be changed."""

    notification_id: str
    released: bool


class DeliveryMode(msgspec.Struct, frozen=True):
    """The mode, kept over a restart."""

    mode: Mode
