"""The names and versions under which events are stored, each listed once.

A name, once released, is never reused and never removed: streams outlive this code. The same holds for
``tests/unit/infrastructure/event_corpus``, which keeps an example of each version ever written.
"""

from __future__ import annotations

from typing import Final

from payment_gateway.domain.events import DomainEvent
from payment_gateway.domain.events.api_key import (
    ApiKeyCreatedEvent,
    ApiKeyRevokedEvent,
    ApiKeyRotatedEvent,
)
from payment_gateway.domain.events.canary import CanaryRecordedEvent
from payment_gateway.domain.events.credential import (
    CredentialRevokedEvent,
    CredentialRewrappedEvent,
    CredentialRotatedEvent,
    CredentialStoredEvent,
)
from payment_gateway.domain.events.dead_letter import (
    DeadLetterDiscardedEvent,
    DeadLetterReplayedEvent,
)
from payment_gateway.domain.events.erasure import SubjectForgottenEvent
from payment_gateway.domain.events.idempotency import (
    CommandAnsweredEvent,
    IdempotencyKeyClaimedEvent,
    IdempotencyKeyReleasedEvent,
    IdempotencyKeyYieldedEvent,
)
from payment_gateway.domain.events.payment import (
    CaptureDeclinedEvent,
    CaptureRequestedEvent,
    CheckoutCreatedEvent,
    DisputeClosedEvent,
    DisputeOpenedEvent,
    LateFactRecordedEvent,
    OperatorAnsweredEvent,
    OperatorNeededEvent,
    OutcomeUnknownEvent,
    PaymentCancelledEvent,
    PaymentCompletedEvent,
    PaymentEvent,
    PaymentExpiredEvent,
    PaymentFailedEvent,
    PaymentInitiatedEvent,
    PaymentPendingEvent,
    ProviderAttemptFailedEvent,
    ProviderAttemptStartedEvent,
    ProviderRefundRecordedEvent,
    ReconciliationDifferenceFoundEvent,
    RefundCompletedEvent,
    RefundFailedEvent,
    RefundPendingEvent,
    RefundRequestedEvent,
)
from payment_gateway.domain.events.provider import (
    ProviderConfiguredEvent,
    ProviderDisabledEvent,
    ProviderEnabledEvent,
)
from payment_gateway.domain.events.read_model import (
    ReadModelPausedEvent,
    ReadModelPrunedEvent,
    ReadModelRebuildCancelledEvent,
    ReadModelRebuildRequestedEvent,
    ReadModelResumedEvent,
    ReadModelRolledBackEvent,
    ReadModelVerificationRequestedEvent,
)
from payment_gateway.domain.events.split import (
    SplitAwaitingPayerEvent,
    SplitCompensationStartedEvent,
    SplitCompletedEvent,
    SplitFailedEvent,
    SplitLastPartReleasedEvent,
    SplitOperatorAnsweredEvent,
    SplitOperatorNeededEvent,
    SplitRefundedEvent,
    SplitRefundsStartedEvent,
    SplitStartedEvent,
)
from payment_gateway.domain.events.subject import (
    SubjectKeyCreatedEvent,
    SubjectKeyRewrappedEvent,
)
from payment_gateway.domain.events.tenant import (
    TenantChangedEvent,
    TenantCreatedEvent,
    TenantDeletedEvent,
    TenantResumedEvent,
    TenantSuspendedEvent,
)
from payment_gateway.domain.events.webhook import (
    WebhookAppliedEvent,
    WebhookDiscardedEvent,
    WebhookParkedEvent,
    WebhookReceivedEvent,
    WebhookReplayRequestedEvent,
)
from payment_gateway.domain.events.webhook_delivery import (
    WebhookDeliveredEvent,
    WebhookDeliveryAttemptedEvent,
    WebhookDeliveryParkedEvent,
    WebhookDeliveryResentEvent,
    WebhookDeliveryScheduledEvent,
)
from payment_gateway.domain.events.webhook_endpoint import (
    WebhookEndpointChangedEvent,
    WebhookEndpointCreatedEvent,
    WebhookEndpointDeletedEvent,
    WebhookEndpointDisabledEvent,
    WebhookEndpointEnabledEvent,
    WebhookEndpointPausedEvent,
    WebhookSecretRewrappedEvent,
    WebhookSecretRotatedEvent,
    WebhookTestRequestedEvent,
)
from payment_gateway.infrastructure.persistence.event_codec import (
    EventCodec,
    EventType,
    UndecodableEvent,
    UnknownEventType,
)
from payment_gateway.infrastructure.persistence.upcasters import UPCASTERS

__all__ = [
    "EVENT_TYPES",
    "UndecodableEvent",
    "UnknownEventType",
    "decode",
    "encode",
    "stored_names",
    "version_of",
]

EVENT_TYPES: Final[tuple[EventType[DomainEvent], ...]] = (
    EventType("PaymentInitiated", 1, PaymentInitiatedEvent),
    EventType("ProviderAttemptStarted", 2, ProviderAttemptStartedEvent),
    EventType("ProviderAttemptFailed", 1, ProviderAttemptFailedEvent),
    EventType("CheckoutCreated", 1, CheckoutCreatedEvent),
    EventType("CaptureRequested", 1, CaptureRequestedEvent),
    EventType("CaptureDeclined", 1, CaptureDeclinedEvent),
    EventType("PaymentPending", 1, PaymentPendingEvent),
    EventType("PaymentCompleted", 1, PaymentCompletedEvent),
    EventType("PaymentFailed", 1, PaymentFailedEvent),
    EventType("PaymentExpired", 1, PaymentExpiredEvent),
    EventType("PaymentCancelled", 1, PaymentCancelledEvent),
    EventType("OutcomeUnknown", 1, OutcomeUnknownEvent),
    EventType("RefundRequested", 1, RefundRequestedEvent),
    EventType("RefundPending", 1, RefundPendingEvent),
    EventType("RefundCompleted", 1, RefundCompletedEvent),
    EventType("RefundFailed", 1, RefundFailedEvent),
    EventType("ProviderRefundRecorded", 1, ProviderRefundRecordedEvent),
    EventType("DisputeOpened", 1, DisputeOpenedEvent),
    EventType("DisputeClosed", 1, DisputeClosedEvent),
    EventType("OperatorNeeded", 1, OperatorNeededEvent),
    EventType("OperatorAnswered", 1, OperatorAnsweredEvent),
    EventType("ReconciliationDifferenceFound", 1, ReconciliationDifferenceFoundEvent),
    EventType("LateFactRecorded", 1, LateFactRecordedEvent),
    EventType("SplitStarted", 1, SplitStartedEvent),
    EventType("SplitAwaitingPayer", 1, SplitAwaitingPayerEvent),
    EventType("SplitLastPartReleased", 1, SplitLastPartReleasedEvent),
    EventType("SplitCompleted", 1, SplitCompletedEvent),
    EventType("SplitCompensationStarted", 1, SplitCompensationStartedEvent),
    EventType("SplitRefundsStarted", 1, SplitRefundsStartedEvent),
    EventType("SplitRefunded", 1, SplitRefundedEvent),
    EventType("SplitFailed", 1, SplitFailedEvent),
    EventType("SplitOperatorNeeded", 1, SplitOperatorNeededEvent),
    EventType("SplitOperatorAnswered", 1, SplitOperatorAnsweredEvent),
    EventType("WebhookReceived", 1, WebhookReceivedEvent),
    EventType("WebhookApplied", 1, WebhookAppliedEvent),
    EventType("WebhookParked", 1, WebhookParkedEvent),
    EventType("WebhookReplayRequested", 1, WebhookReplayRequestedEvent),
    EventType("WebhookDiscarded", 1, WebhookDiscardedEvent),
    EventType("WebhookEndpointCreated", 1, WebhookEndpointCreatedEvent),
    EventType("WebhookEndpointChanged", 1, WebhookEndpointChangedEvent),
    EventType("WebhookEndpointPaused", 1, WebhookEndpointPausedEvent),
    EventType("WebhookEndpointEnabled", 1, WebhookEndpointEnabledEvent),
    EventType("WebhookEndpointDisabled", 1, WebhookEndpointDisabledEvent),
    EventType("WebhookSecretRotated", 1, WebhookSecretRotatedEvent),
    EventType("WebhookSecretRewrapped", 1, WebhookSecretRewrappedEvent),
    EventType("WebhookTestRequested", 1, WebhookTestRequestedEvent),
    EventType("WebhookEndpointDeleted", 1, WebhookEndpointDeletedEvent),
    EventType("WebhookDeliveryScheduled", 1, WebhookDeliveryScheduledEvent),
    EventType("WebhookDeliveryAttempted", 1, WebhookDeliveryAttemptedEvent),
    EventType("WebhookDelivered", 1, WebhookDeliveredEvent),
    EventType("WebhookDeliveryParked", 1, WebhookDeliveryParkedEvent),
    EventType("WebhookDeliveryResent", 1, WebhookDeliveryResentEvent),
    EventType("CredentialStored", 1, CredentialStoredEvent),
    EventType("CredentialRotated", 1, CredentialRotatedEvent),
    EventType("CredentialRevoked", 1, CredentialRevokedEvent),
    EventType("CredentialRewrapped", 1, CredentialRewrappedEvent),
    EventType("ProviderEnabled", 1, ProviderEnabledEvent),
    EventType("ProviderDisabled", 1, ProviderDisabledEvent),
    EventType("ProviderConfigured", 1, ProviderConfiguredEvent),
    EventType("TenantCreated", 1, TenantCreatedEvent),
    EventType("TenantChanged", 1, TenantChangedEvent),
    EventType("TenantSuspended", 1, TenantSuspendedEvent),
    EventType("TenantResumed", 1, TenantResumedEvent),
    EventType("TenantDeleted", 1, TenantDeletedEvent),
    EventType("ApiKeyCreated", 1, ApiKeyCreatedEvent),
    EventType("ApiKeyRotated", 1, ApiKeyRotatedEvent),
    EventType("ApiKeyRevoked", 1, ApiKeyRevokedEvent),
    EventType("SubjectKeyCreated", 1, SubjectKeyCreatedEvent),
    EventType("SubjectKeyRewrapped", 1, SubjectKeyRewrappedEvent),
    EventType("SubjectForgotten", 1, SubjectForgottenEvent),
    EventType("CanaryRecorded", 1, CanaryRecordedEvent),
    EventType("IdempotencyKeyClaimed", 1, IdempotencyKeyClaimedEvent),
    EventType("IdempotencyKeyReleased", 1, IdempotencyKeyReleasedEvent),
    EventType("IdempotencyKeyYielded", 1, IdempotencyKeyYieldedEvent),
    EventType("CommandAnswered", 1, CommandAnsweredEvent),
    EventType("DeadLetterReplayed", 1, DeadLetterReplayedEvent),
    EventType("DeadLetterDiscarded", 1, DeadLetterDiscardedEvent),
    EventType("ReadModelRebuildRequested", 1, ReadModelRebuildRequestedEvent),
    EventType("ReadModelRebuildCancelled", 1, ReadModelRebuildCancelledEvent),
    EventType("ReadModelRolledBack", 1, ReadModelRolledBackEvent),
    EventType("ReadModelPruned", 1, ReadModelPrunedEvent),
    EventType("ReadModelPaused", 1, ReadModelPausedEvent),
    EventType("ReadModelResumed", 1, ReadModelResumedEvent),
    EventType("ReadModelVerificationRequested", 1, ReadModelVerificationRequestedEvent),
)

STORED_NAMES: Final = frozenset(stored.name for stored in EVENT_TYPES)
# Of what happens to payments: the events that are sent to tenants.
PAYMENT_EVENT_NAMES: Final = frozenset(
    stored.name for stored in EVENT_TYPES if issubclass(stored.event, PaymentEvent)
)

_CODEC: Final = EventCodec(EVENT_TYPES, UPCASTERS)


def encode(event: DomainEvent) -> tuple[str, bytes]:
    """Return the stored name and the JSON of an event."""
    return _CODEC.encode(event)


def version_of(event: DomainEvent) -> int:
    """Return the schema version under which an event is stored today."""
    return _CODEC.type_of(event).version


def stored_names(*events: type[DomainEvent]) -> frozenset[str]:
    """Return the names under which events of these classes are stored."""
    return frozenset(stored.name for stored in EVENT_TYPES if stored.event in events)


def decode(name: str, version: int, data: bytes) -> DomainEvent:
    """Return the event stored under a name and a schema version.

    Raises:
        UnknownEventType: This release does not know the name, or not in that version.
        UndecodableEvent: The bytes are not what name and version promise.
    """
    return _CODEC.decode(name, version, data)
