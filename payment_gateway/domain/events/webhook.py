"""What can have happened to a notification that a provider sent us."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookReceivedEvent:
    """A provider's notification was verified and stored; nothing was done about it yet.

    Attributes:
        delivery_id: The provider's id of the notification, the same each time it is sent.
        event_type: What it is about, in the provider's words.
        payment_id: The payment that it names; null if it names none that can be read.
        age_s: How long before it came it was signed, in seconds; null if it does not say so.
        subject_id: Whose key seals the body; destroying that key erases it.
        body: The raw bytes as they came, sealed: they can name the payer.
    """

    provider: str
    tenant_id: str
    delivery_id: str
    event_type: str
    payment_id: str | None
    age_s: int | None
    subject_id: str
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookAppliedEvent:
    """The payment stands where the notification and the provider say.

    Attributes:
        changes: By how many events the payment has grown meanwhile; 0 if it stood there before.
    """

    provider: str
    tenant_id: str
    delivery_id: str
    payment_id: str
    changes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookParkedEvent:
    """The notification was not applied; it is kept for people to see.

    Attributes:
        reason: Why: ``too_old``, ``payment_unknown``, ``another_attempt``, ``another_capture``,
            ``another_amount``, ``not_captured``, ``not_handled``, ``erased``, or the error that
            did not go away.
    """

    provider: str
    tenant_id: str
    delivery_id: str
    payment_id: str | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookReplayRequestedEvent:
    """A parked notification is to be applied once more, as if it had just come."""

    provider: str
    tenant_id: str
    delivery_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookDiscardedEvent:
    """A parked notification is never to be applied.

    Attributes:
        payment_id: The payment that it names; null if it names none that can be read.
        reason: Why, in the words of whoever decided it.
    """

    provider: str
    tenant_id: str
    delivery_id: str
    payment_id: str | None
    reason: str


WebhookEvent = (
    WebhookReceivedEvent
    | WebhookAppliedEvent
    | WebhookParkedEvent
    | WebhookReplayRequestedEvent
    | WebhookDiscardedEvent
)
