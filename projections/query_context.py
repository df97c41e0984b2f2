"""What every route of the query API is given: who asks, what from, and what they have been told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Protocol

from fastapi import Header, Path, Query

from payment_gateway.domain.errors import InvalidValue
from payment_gateway.infrastructure.persistence.event_log import RecordedEvent
from payment_gateway.infrastructure.persistence.mongodb import Database
from projections.consistency import wait_s, wait_until
from projections.generations import Shown
from projections.payment_queries import PAGE_SIZE_MAX
from projections.read_model import ReadModel

PAGE_SIZE_DEFAULT: Final = 25
TEXT_LENGTH_MAX: Final = 255

Dependency = Callable[..., Any]
"""A FastAPI dependency: of a ``Viewer`` or of ``Queries``."""


class Viewer(Protocol):
    """Who asks, and whose data may be seen."""

    @property
    def tenant_id(self) -> str:
        """The one tenant whose payments are shown."""
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
    """

    database: Database
    shown: Shown
    events: StreamReader
    open_personal: Callable[[str, str | None, str], Awaitable[Mapping[str, Any] | None]]
    decode_token: Callable[[str, str], int | None]


@dataclass(frozen=True, slots=True)
class Seen:
    """What the caller has been told of, and how long they wait for it to show."""

    token: str | None
    wait_s: int


def seen(
    token: Annotated[str | None, Header(alias="Consistency-Token")] = None,
    prefer: Annotated[str | None, Header(description="`wait=SECONDS`, 30 at most.")] = None,
) -> Seen:
    """Read the headers by which a caller asks to see its own writes."""
    return Seen(token, wait_s(prefer))


PaymentId = Annotated[str, Path(alias="paymentId", max_length=TEXT_LENGTH_MAX)]
Limit = Annotated[int, Query(ge=1, le=PAGE_SIZE_MAX)]
Text = Annotated[str | None, Query(min_length=1, max_length=TEXT_LENGTH_MAX)]
Cursor = Annotated[str | None, Query(description="`nextCursor` of the page before.")]
Moment = Annotated[str | None, Query(description="A date or an RFC 3339 time, itself included.")]


async def catch_up(
    source: Queries, model: ReadModel, who: Viewer, told: Seen, *, payment_id: str | None = None
) -> None:
    """Wait until a read model shows what the caller has been told of.

    Args:
        source: Where it is.
        model: Which one is to be read.
        who: Whose token it must be.
        told: What the caller has been told of.
        payment_id: The one payment that is asked for; then only its partition has to be that far.

    Raises:
        InvalidValue: No token of this tenant.
        NotYet: It does not within the time that the caller waits.
        NotBuilt: There is no generation of it to be shown.
    """
    if told.token is None:
        return
    position = source.decode_token(who.tenant_id, told.token)
    if position is None:
        raise InvalidValue("not a token that this gateway gave out", param="Consistency-Token")
    await wait_until(
        source.database,
        await source.shown.generation(model),
        position=position,
        within_s=told.wait_s,
        payment_id=payment_id,
    )
