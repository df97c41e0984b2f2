"""What the application needs from outside. One protocol for each thing that can be swapped."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from payment_gateway.domain.events import DomainEvent
from payment_gateway.domain.value_objects.payment_amount import PaymentAmountVO
from payment_gateway.domain.value_objects.payment_details import PaymentDetailVO
from payment_gateway.domain.value_objects.provider_credentials import ProviderCredentials

# --- the event store ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandContext:
    """Who asks, and on whose behalf; goes into the metadata of every event.

    Attributes:
        actor: The API key's id, the provider's name for its notifications, or the process.
        correlation_id: The same for everything that one request caused, across processes.
        causation_id: The event that caused this, where one did.
        traceparent: The W3C trace context of the request.
        at: When the command was received.
    """

    tenant_id: str
    actor: str
    correlation_id: str
    at: datetime
    causation_id: str | None = None
    traceparent: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedEvent:
    """An event with its place in the log.

    Attributes:
        type: The stored name, ``PaymentInitiated``.
        revision: Place in its stream, from 0.
        position: Place in the whole log; grows, with gaps.
        context: Who caused it; its ``at`` is the recorded time.
    """

    event: DomainEvent
    type: str
    event_id: str
    stream: str
    revision: int
    position: int
    context: CommandContext


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """A stream as read: its events, oldest first, and the revision to append against.

    ``revision`` is ``None`` for a stream that was never written.
    """

    events: tuple[RecordedEvent, ...]
    revision: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Appended:
    """Where an append ended: the stream's new revision and the position in the log."""

    revision: int
    position: int


class EventHistory(Protocol):
    """What the whole log holds so far."""

    def every(self, streams: str) -> AsyncGenerator[RecordedEvent, None]:
        """Yield every event so far of the streams whose names match a regular expression, in order.

        Raises:
            EventStoreUnavailable: No answer, or not all of it; reading again from the start is safe.
        """
        ...


class EventStore(Protocol):
    """An append-only log of streams."""

    async def read(self, stream: str) -> History:
        """Return a stream, empty if it was never written.

        Raises:
            EventStoreUnavailable: Not reached; reading again later is safe.
        """
        ...

    async def append(
        self,
        stream: str,
        events: Sequence[DomainEvent],
        *,
        expected: int | None,
        context: CommandContext,
    ) -> Appended:
        """Append all events or none; ``expected`` is the revision that was decided on.

        Raises:
            StreamMoved: The stream is not at ``expected``: read again, decide again.
            EventStoreUnavailable: No answer. The append may or may not have happened.
        """
        ...


class StreamMoved(Exception):
    """Someone else appended first. Read again, decide again."""


class EventStoreUnavailable(Exception):
    """The event store gave no answer. What was asked may or may not have been done."""


# --- providers ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderCapabilities:
    """What a provider can do.

    Attributes:
        refund: Whether money can be given back through its interface.
        captures_on_approval: Whether the payer's approval itself moves the money; where it does
            not, a capture has to follow.
        prepares: Whether ``Provider.prepare`` calls the provider.
        currencies: ISO 4217 codes it takes.
    """

    refund: bool
    captures_on_approval: bool
    prepares: bool
    currencies: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckoutRequest:
    """What a provider is to make a checkout for.

    Attributes:
        attempt_id: The id of the intent, the idempotency key where the provider knows such.
        reference_number: What the merchant and the provider call this attempt, unique for ever.
        handle: What ``Provider.prepare`` returned.
        return_url: Where the payer's browser comes back after approving.
    """

    payment_id: str
    attempt_id: str
    reference_number: str
    handle: str | None
    amount: PaymentAmountVO
    lines: tuple[PaymentDetailVO, ...]
    allow_pending: bool
    return_url: str
    cancel_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckoutReference:
    """What identifies an attempt at its provider.

    Attributes:
        provider_order_id: The provider's id of the checkout; ``None`` where its answer was lost.
        handle: What ``Provider.prepare`` returned.
        amount: What is to be paid.
    """

    payment_id: str
    provider_order_id: str | None
    handle: str | None
    amount: PaymentAmountVO


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckoutOpened:
    """There is a page where the payer can pay."""

    provider_order_id: str
    checkout_url: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckoutRefused:
    """The provider said no, and holds nothing. ``reason`` is its own code."""

    reason: str


CheckoutOutcome = CheckoutOpened | CheckoutRefused


@dataclass(frozen=True, slots=True, kw_only=True)
class Captured:
    """The money was taken.

    Attributes:
        amount: ``None`` where the provider does not say how much.
        refunded: What was given back of it since; ``None`` where the provider does not say.
    """

    reference: str
    amount: PaymentAmountVO | None
    refunded: PaymentAmountVO | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """The provider has the payment and holds it back; it will turn out either way."""

    reference: str | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Declined:
    """No money was taken. ``recoverable``: the payer may try another means in the same checkout."""

    reason: str
    recoverable: bool


CaptureOutcome = Captured | Held | Declined


@dataclass(frozen=True, slots=True)
class AwaitingPayer:
    """The payer has not approved yet."""


@dataclass(frozen=True, slots=True)
class Approved:
    """The payer approved; a capture would take the money."""


@dataclass(frozen=True, slots=True)
class CancelledByPayer:
    """The payer called it off; it can no longer be paid."""


@dataclass(frozen=True, slots=True)
class Expired:
    """It was never paid and can no longer be."""


@dataclass(frozen=True, slots=True)
class Absent:
    """The provider has never heard of it."""


Standing = (
    AwaitingPayer | Approved | Captured | Held | Declined | CancelledByPayer | Expired | Absent
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundRequest:
    """What is to be given back.

    Attributes:
        refund_id: The id of the intent, the same each time this refund is asked for.
        capture_reference: The provider's id of what moved the money.
        whole: Whether this gives back all that was taken.
    """

    payment_id: str
    refund_id: str
    capture_reference: str
    amount: PaymentAmountVO
    whole: bool
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refunded:
    """The money was given back; ``reference`` is the provider's id of the refund."""

    reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundHeld:
    """The provider took the refund on and will carry it out later."""

    reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundRefused:
    """The provider said no; nothing was given back. ``reason`` is its own code."""

    reason: str


RefundOutcome = Refunded | RefundHeld | RefundRefused


class Provider(Protocol):
    """One tenant's account at a company that moves money.

    Every call may raise:
        ProviderUnavailable: It never left, or the provider said to slow down. Nothing happened.
        ProviderOutcomeUnknown: It may have arrived, and no clear yes or no came back.
    """

    @property
    def capabilities(self) -> ProviderCapabilities:
        """What this provider can do."""
        ...

    def check(self, request: CheckoutRequest) -> None:
        """Refuse what the provider's own rules do not allow, before anything is sent.

        Raises:
            DomainError: A value the provider would refuse.
        """
        ...

    async def prepare(self, currency: str) -> str | None:
        """Return what an attempt in this currency is stored with, to be asked about later."""
        ...

    async def create_checkout(self, request: CheckoutRequest) -> CheckoutOutcome:
        """Make the page where the payer pays. The same ``attempt_id`` never makes two."""
        ...

    async def inquire(self, checkout: CheckoutReference) -> Standing:
        """Ask where an attempt stands. Changes nothing."""
        ...

    async def capture(self, checkout: CheckoutReference, *, capture_id: str) -> CaptureOutcome:
        """Take the money of an approved checkout. The same ``capture_id`` never takes it twice."""
        ...

    async def refund(self, request: RefundRequest) -> RefundOutcome:
        """Give money back. The same ``refund_id`` never gives it twice.

        Raises:
            RefundNotSupported: The provider cannot; see its capabilities.
        """
        ...


class ProviderFactory(Protocol):
    """Makes providers of the types there are adapters for."""

    def capabilities(self, provider_type: str) -> ProviderCapabilities:
        """Return what a provider can do.

        Raises:
            UnsupportedProviderError: There is no adapter for it.
        """
        ...

    def parse_credentials(
        self, provider_type: str, fields: Mapping[str, object]
    ) -> ProviderCredentials:
        """Read what a tenant stored or wants to store.

        Raises:
            UnsupportedProviderError: There is no adapter for it.
            InvalidValue: A field is missing, unknown or of the wrong form. Echoes no secret.
        """
        ...

    def create(
        self, provider_type: str, credentials: ProviderCredentials, *, tenant_id: str
    ) -> Provider:
        """Return the provider, speaking for the account of these credentials, the tenant's.

        Raises:
            UnsupportedProviderError: There is no adapter for it.
        """
        ...


class ProviderUnavailable(Exception):
    """The provider was not reached or would not listen. Nothing happened; trying again is safe."""

    def __init__(self, reason: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after_s = retry_after_s


class ProviderOutcomeUnknown(Exception):
    """The request may have arrived and no clear answer came. Ask before trying again."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


# --- the recovery ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class DueLook:
    """A payment that must be looked at, claimed by one process.

    Attributes:
        last_change_at: When its newest event was recorded.
        looks: How many looks there were since without an end.
        claimed_until: After this another process may look.
    """

    payment_id: str
    tenant_id: str
    last_change_at: datetime
    looks: int
    claimed_until: datetime


class RecoveryQueue(Protocol):
    """When which payment must be looked at again; derived from the events, so it can be rebuilt."""

    async def claim(self, now: datetime, *, limit: int) -> Sequence[DueLook]:
        """Return payments that are due, each to one process only.

        Raises:
            QueueUnavailable: No answer; try again later.
        """
        ...

    async def finish(self, look: DueLook, next_at: datetime | None) -> None:
        """Set the next look, or none; a newer event than the claimed one has set it already.

        Raises:
            QueueUnavailable: No answer; the payment is looked at again.
        """
        ...


class QueueUnavailable(Exception):
    """Where the queue is kept gave no answer; what was asked is safe to ask again."""


# --- secrets --------------------------------------------------------------------------------


class CredentialCipher(Protocol):
    """Seals provider credentials, bound to whose they are."""

    def seal(self, plaintext: bytes, *, tenant_id: str, provider: str, version: int) -> str:
        """Return an envelope that opens only for the same tenant, provider and version."""
        ...

    def open(self, envelope: str, *, tenant_id: str, provider: str, version: int) -> bytes:
        """Return the clear text.

        Raises:
            SealBroken: Wrong key, another's envelope, or changed bytes.
        """
        ...

    def fingerprint(self, plaintext: bytes) -> str:
        """Return a short text that tells two secrets apart and reveals neither."""
        ...


class SubjectCipher(Protocol):
    """Seals one person's data under a key of its own."""

    def new_key(self, *, tenant_id: str, subject_id: str) -> str:
        """Return a new data key, wrapped."""
        ...

    def seal(self, plaintext: bytes, wrapped: str, *, tenant_id: str, subject_id: str) -> str:
        """Return the sealed text; raises ``SealBroken`` for another subject's key."""
        ...

    def open(self, sealed: str, wrapped: str, *, tenant_id: str, subject_id: str) -> bytes:
        """Return the clear text; raises ``SealBroken`` where key or text are not the right ones."""
        ...


class KeyRewrapper(Protocol):
    """Wraps data keys by the current key encryption key instead of an older one."""

    @property
    def current_key_id(self) -> str:
        """The key that wraps now."""
        ...

    def key_id(self, envelope: str) -> str | None:
        """Return which key wrapped an envelope; ``None`` for one from before keys had ids.

        Raises:
            SealBroken: It is no envelope.
        """
        ...

    def rewrap(self, envelope: str, owner: tuple[str, ...]) -> str:
        """Return an envelope of the same contents, wrapped by the current key.

        Raises:
            SealBroken: The key that wrapped it is lost, or it is another owner's, or changed.
            KeySourceUnavailable: Where the keys are kept gave no answer.
        """
        ...


class Fingerprint(Protocol):
    """Tells two texts apart without giving either away."""

    def __call__(self, text: bytes) -> str:
        """Return a keyed digest in hex."""
        ...


class SealBroken(Exception):
    """A sealed text does not open: wrong key, another owner's, or changed bytes. Never a wrong text."""


# --- how providers fare ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitReport:
    """Whether calls go through: ``closed`` they do, ``open`` they do not, ``half_open`` a few do."""

    state: Literal["closed", "open", "half_open"]
    open_until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LastHour:
    """A tenant's calls of the last hour; ``None`` where there were none.

    Attributes:
        success_rate: The share that was answered, with a yes or a no.
        latency_ms_p50: Half of the calls took no longer than this.
    """

    calls: int
    success_rate: float | None
    latency_ms_p50: int | None
    latency_ms_p95: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LastFailure:
    """The last call that got no answer; ``reason`` names the operation and what went wrong."""

    at: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderReport:
    """How a tenant's account at a provider fares."""

    circuit: CircuitReport
    last_hour: LastHour
    last_failure: LastFailure | None


class ProviderHealth(Protocol):
    """Knows how providers fare. It is told by every call, and loses little when a process ends."""

    @property
    def provider_types(self) -> tuple[str, ...]:
        """The providers there are adapters for."""
        ...

    async def report(self, provider_type: str, *, tenant_id: str, sandbox: bool) -> ProviderReport:
        """Return how a tenant's account fares, in the provider's test environment or the real one.

        Raises:
            UnsupportedProviderError: There is no adapter for it.
        """
        ...


class KeySourceUnavailable(Exception):
    """Where the key encryption keys are kept gives no answer. Nothing was sealed or opened; try again."""
