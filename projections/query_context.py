"""What every route of the query API is given: who asks, and what from."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Protocol

from fastapi import Path, Query

from payment_gateway.infrastructure.cache import Cache
from payment_gateway.infrastructure.persistence.event_log import RecordedEvent
from payment_gateway.infrastructure.persistence.mongodb import Database
from projections.event_streams import EventStreams
from projections.generations import Shown
from projections.payment_queries import PAGE_SIZE_MAX
from projections.positions import Positions

PAGE_SIZE_DEFAULT: Final = 25
TEXT_LENGTH_MAX: Final = 255
CURSOR_LENGTH_MAX: Final = 1000

Dependency = Callable[..., Any]
"""A FastAPI dependency: of a ``Viewer`` or of ``Queries``."""


class Viewer(Protocol):
    """Who asks, and whose data may be seen."""

    @property
    def tenant_id(self) -> str:
        """The one tenant whose payments are shown."""
        ...

    @property
    def speaks_for(self) -> str:
        """The one tenant of who asks, or ``*``: whose tokens they may have been given."""
        ...


class StreamHistory(Protocol):
    """A stream as read, oldest event first."""

    @property
    def events(self) -> tuple[RecordedEvent, ...]:
        """Its events."""
        ...


class StreamReader(Protocol):
    """What histories are read from: an event store."""

    async def read(self, stream: str) -> StreamHistory:
        """Return a stream, empty if it was never written."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Queries:
    """What the queries are answered from.

    Attributes:
        database: Where the read models are.
        shown: Which generation of each of them is read.
        events: Where histories are.
        open_personal: Unseals what a payment keeps sealed: ``(tenant id, subject id, sealed)`` to an
            object with ``customParams`` and ``customer``, or to ``None`` where it was erased.
        decode_token: ``(tenant id, Consistency-Token)`` to a position in the log; ``None`` for a
            text that is no token of that tenant.
        encode_token: ``(tenant id, position)`` to a ``Consistency-Token``.
        positions: How far the read models have come.
        streams: Those who follow feeds.
        cache: Where answers are kept that are asked for often; ``None`` where there is no Redis.
    """

    database: Database
    shown: Shown
    events: StreamReader
    open_personal: Callable[[str, str | None, str], Awaitable[Mapping[str, Any] | None]]
    decode_token: Callable[[str, str], int | None]
    encode_token: Callable[[str, int], str]
    positions: Positions
    streams: EventStreams
    cache: Cache | None = None


PaymentId = Annotated[str, Path(alias="paymentId", max_length=TEXT_LENGTH_MAX)]
Limit = Annotated[int, Query(ge=1, le=PAGE_SIZE_MAX)]
Text = Annotated[str | None, Query(min_length=1, max_length=TEXT_LENGTH_MAX)]
Cursor = Annotated[
    str | None,
    Query(max_length=CURSOR_LENGTH_MAX, description="`nextCursor` of the page before."),
]
Moment = Annotated[str | None, Query(description="A date or an RFC 3339 time, itself included.")]
