"""Where events are kept, and what of the past can be asked for."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from payment_gateway.domain.events import DomainEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandContext:
    """Who asks, and on whose behalf; goes into the metadata of every event.

    Attributes:
        actor: The API key's id, the provider's name for its notifications, or the process.
        correlation_id: The same for everything that one request caused, across processes.
        causation_id: The event that caused this, or the step of an operator, where one did.
        traceparent: The W3C trace context of the request.
        at: When the command was received.
        if_match: The revisions at which the caller wants the command to be carried out; ``None`` for
            any. Goes into no metadata.
        reason: Why, in the words of whoever asked for an administrative act; nothing secret.
    """

    tenant_id: str
    actor: str
    correlation_id: str
    at: datetime
    causation_id: str | None = None
    traceparent: str | None = None
    if_match: frozenset[int] | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class OlderForm:
    """An event as an earlier release stored it.

    Attributes:
        version: Its schema version, below today's.
        data: The JSON of its fields.
    """

    version: int
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedEvent:
    """An event with its place in the log.

    Attributes:
        type: The stored name, ``PaymentInitiated``.
        revision: Place in its stream, from 0.
        position: Place in the whole log; grows, with gaps.
        context: Who caused it; its ``at`` is the recorded time.
        older: How it is stored, where ``event`` was brought up to today's version.
    """

    event: DomainEvent
    type: str
    event_id: str
    stream: str
    revision: int
    position: int
    context: CommandContext
    older: OlderForm | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """A stream as read: its events, oldest first, and the revision to append against.

    ``revision`` is ``None`` for a stream that was never written.

    Attributes:
        destroyed: It was, and is gone for good; nothing can be appended to it any more.
    """

    events: tuple[RecordedEvent, ...]
    revision: int | None
    destroyed: bool = False


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
            StreamDestroyed: Nothing can be appended to it any more.
            EventStoreUnavailable: No answer. The append may or may not have happened.
        """
        ...


class StreamRemover(Protocol):
    """Takes away streams that are kept for a while only. What a payment did is never among them."""

    async def remove(self, stream: str, *, expected: int) -> None:
        """Remove a stream that is still at a revision; a later append begins it anew.

        Raises:
            StreamMoved: The stream is not at ``expected``.
            EventStoreUnavailable: No answer; removing it again is safe.
        """
        ...


class StreamDestroyer(Protocol):
    """Destroys streams for good: those that hold the key of one person's data, no others."""

    async def destroy(self, stream: str) -> None:
        """Destroy what a stream holds and let nothing be appended to it, ever; twice is harmless.

        Raises:
            EventStoreUnavailable: No answer; destroying it again is safe.
        """
        ...


class StreamDestroyed(Exception):
    """The stream was destroyed; it holds nothing and takes nothing."""


class StreamMoved(Exception):
    """Someone else appended first. Read again, decide again."""


class EventStoreUnavailable(Exception):
    """The event store gave no answer. What was asked may or may not have been done."""
