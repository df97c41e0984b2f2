"""What workers share: subscriptions, and jobs that one process at a time does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from payment_gateway.infrastructure.messaging.batches import NEWS_GATHERED_FOR_S
from payment_gateway.infrastructure.messaging.subscription import Handler
from payment_gateway.infrastructure.persistence.event_log import EventFilter, RecordedEvent
from payment_gateway.infrastructure.persistence.mongodb import Document, Session

Documents = Callable[[Sequence[RecordedEvent], Session], Awaitable[Mapping[str, Document | None]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One subscription, which one worker at a time holds.

    Attributes:
        name: Under which its progress is stored; another name starts from the beginning.
        group: Units of one group are shared evenly by the workers that live.
        matching: The events that leave the event store.
        handler: Takes them, batch by batch.
        types: The stored names that it wants of them, ``None`` for all.
        rate: How many events a second it may take at most, ``None`` for as many as it can.
        documents: What the handler has made of the streams of some events, by collection and id;
            for people to see. ``None`` where it makes nothing that is worth to be seen.
        gathers_s: How long news gather at least before they are handled together, in seconds.
        paused: Whether nobody is to hold it for now.
    """

    name: str
    group: str
    matching: EventFilter
    handler: Handler
    types: frozenset[str] | None = None
    documents: Documents | None = None
    rate: float | None = None
    gathers_s: float = NEWS_GATHERED_FOR_S
    paused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Something that one worker at a time does, until it is cancelled or done.

    It is cancelled when another worker has taken it over; nothing fences what it still does then, so
    it must do no harm twice.

    Attributes:
        name: Of its lease.
        group: As of a unit.
        run: Does it; called again by the same worker when it has come to an end.
    """

    name: str
    group: str
    run: Callable[[], Awaitable[None]]


Work = Unit | Job
