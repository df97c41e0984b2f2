"""What the application needs from outside to take the notifications that providers send."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from payment_gateway.domain.value_objects.payment_amount import PaymentAmountVO
from payment_gateway.domain.value_objects.payment_id import PaymentIdVO
from payment_gateway.domain.value_objects.provider_credentials import ProviderCredentials


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentNews:
    """Something about the checkout or its capture changed; the provider is asked what.

    Attributes:
        order_id: The provider's id of the checkout, where the notification has it.
        reference_number: What the provider was told to call the attempt, where it has that.
    """

    order_id: str | None
    reference_number: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundNews:
    """Money was given back, or was not after all.

    Attributes:
        reference: The provider's id of the refund.
        intent_id: The id that the refund was asked for with, if it was asked for by us.
        capture_reference: Of which money, where the notification says so.
        amount: How much; ``None`` if it does not say.
        reason: The provider's word for why it failed.
    """

    reference: str
    intent_id: str | None
    capture_reference: str | None
    amount: PaymentAmountVO | None
    outcome: Literal["completed", "pending", "failed"]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputeNews:
    """The payer disputes the payment, or the provider has decided: then there is an ``outcome``."""

    dispute_id: str
    capture_reference: str | None
    amount: PaymentAmountVO | None
    reason: str
    outcome: str | None


News = PaymentNews | RefundNews | DisputeNews


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """What the body of a notification says. Nothing of it is believed before it is verified.

    Attributes:
        delivery_id: The provider's id, the same each time it is sent.
        payment_id: The payment that it names, if it names one.
        news: ``None`` for a kind of event that changes nothing here.
    """

    delivery_id: str
    event_type: str
    payment_id: PaymentIdVO | None
    news: News | None


class ProviderWebhooks(Protocol):
    """How one provider writes and signs notifications."""

    def read(self, body: bytes) -> Notification:
        """Return what the body says.

        Raises:
            NotANotification: It is none of this provider's.
        """
        ...

    async def verify(
        self, headers: Mapping[str, str], body: bytes, credentials: ProviderCredentials
    ) -> datetime | None:
        """Make sure that the provider sent it to the account of these credentials.

        Args:
            headers: By lower-case name.
            body: The bytes as they came.
            credentials: Of the tenant that it is for.

        Returns:
            When the provider signed it, if it says so in a form that can be read.

        Raises:
            SignatureRefused: It did not.
            VerificationUnavailable: That could not be found out; the provider sends it again.
        """
        ...


class NotANotification(Exception):
    """The body is no notification of this provider."""


class SignatureRefused(Exception):
    """There is no signature, or not one that the provider made for this account."""


class VerificationUnavailable(Exception):
    """Whether the provider sent a notification cannot be found out now; it must be sent again later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DueWebhook:
    """A stored notification that waits to be applied, claimed by one process.

    Attributes:
        stream: Where it is stored.
        tries: How often applying it was tried before.
        claimed_until: After this another process may try.
    """

    stream: str
    tenant_id: str
    tries: int
    claimed_until: datetime


class CaptureIndex(Protocol):
    """Which payment a provider's capture belongs to; derived from the events."""

    async def payment_of(
        self, capture_reference: str, *, tenant_id: str, provider_type: str
    ) -> PaymentIdVO | None:
        """Return the tenant's payment whose money was taken under a reference; ``None`` if unknown.

        Raises:
            QueueUnavailable: No answer; ask again later.
        """
        ...


class WebhookQueue(Protocol):
    """Stored notifications that wait to be applied; derived from the events."""

    async def claim(self, now: datetime, *, limit: int) -> Sequence[DueWebhook]:
        """Return notifications that are due, each to one process only.

        Raises:
            QueueUnavailable: No answer; try again later.
        """
        ...

    async def finish(self, due: DueWebhook, next_at: datetime | None) -> None:
        """Set when to try again, or nothing more to do.

        Raises:
            QueueUnavailable: No answer; it is tried again.
        """
        ...
