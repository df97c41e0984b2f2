"""REST queries over the read models.

Annotations are evaluated here, not postponed: those of the routes name what a router was given.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Protocol

from fastapi import APIRouter, Depends, Header, Path, Query

from payment_gateway.domain.errors import InvalidValue, PaymentNotFound
from payment_gateway.domain.value_objects.payment_status import PaymentStatusVO
from payment_gateway.infrastructure.persistence.event_log import RecordedEvent
from payment_gateway.infrastructure.persistence.mongodb import Database
from projections import payment_details
from projections.consistency import wait_s, wait_until
from projections.cursor import decode_after, decode_revision, encode_after, encode_revision
from projections.generations import Shown
from projections.payment_answers import (
    PaymentAnswer,
    PaymentPage,
    payment_answer,
    payment_summary,
)
from projections.payment_events import (
    EventPage,
    belongs_to,
    currency_of,
    event_answer,
)
from projections.payment_queries import (
    PAGE_SIZE_MAX,
    After,
    PaymentFilter,
    find_payment,
    find_payments,
)
from projections.query_parameters import as_of, created_before, created_from

PAGE_SIZE_DEFAULT: Final = 25
TEXT_LENGTH_MAX: Final = 255
AS_OF: Final = "A date or an RFC 3339 time; what was recorded at that very time is included."


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


def create_query_router(*, viewer: Callable[..., Any], queries: Callable[..., Any]) -> APIRouter:
    """Return the routes.

    Args:
        viewer: A FastAPI dependency that returns a ``Viewer``, or refuses the request.
        queries: A FastAPI dependency that returns ``Queries``.
    """
    router = APIRouter(prefix="/api/v1", tags=["queries"])
    _add_payment_routes(router, viewer, queries)
    _add_list_routes(router, viewer, queries)
    return router


def _add_payment_routes(
    router: APIRouter, viewer: Callable[..., Any], queries: Callable[..., Any]
) -> None:
    @router.get("/payments/{paymentId}")
    async def get_payment(
        *,
        payment_id: PaymentId,
        who: Annotated[Viewer, Depends(viewer)],
        source: Annotated[Queries, Depends(queries)],
        told: Annotated[Seen, Depends(seen)],
        then: Annotated[str | None, Query(alias="as_of", description=AS_OF)] = None,
    ) -> PaymentAnswer:
        """Show a payment as it stands, or as it stood at a time."""
        moment = as_of(then)
        if moment is None:
            await _catch_up(source, who, told, payment_id=payment_id)
            collection = await source.shown.collection(payment_details.MODEL)
            document = await find_payment(collection, who.tenant_id, payment_id)
        else:
            events = (await source.events.read(f"payment-{payment_id}")).events
            known = belongs_to(events, who.tenant_id)
            document = payment_details.as_of(events, moment) if known else None
        if document is None:
            raise PaymentNotFound(payment_id)
        sealed = document["personal"]
        personal = sealed and await source.open_personal(
            who.tenant_id, document["subjectId"], sealed
        )
        return payment_answer(document, personal)

    @router.get("/payments/{paymentId}/events")
    async def get_payment_events(
        *,
        payment_id: PaymentId,
        who: Annotated[Viewer, Depends(viewer)],
        source: Annotated[Queries, Depends(queries)],
        limit: Limit = PAGE_SIZE_MAX,
        cursor: Cursor = None,
    ) -> EventPage:
        """Show all that happened to a payment, oldest first. It is read from the log itself."""
        tenant_id = who.tenant_id
        begin = decode_revision(tenant_id, payment_id, cursor) if cursor else 0
        events = (await source.events.read(f"payment-{payment_id}")).events
        if not belongs_to(events, tenant_id):
            raise PaymentNotFound(payment_id)
        currency, end = currency_of(events), begin + limit
        more = end < len(events)
        return EventPage(
            data=[
                event_answer(recorded, payment_id=payment_id, currency=currency)
                for recorded in events[begin:end]
            ],
            next_cursor=encode_revision(tenant_id, payment_id, end) if more else None,
        )


def _add_list_routes(
    router: APIRouter, viewer: Callable[..., Any], queries: Callable[..., Any]
) -> None:
    @router.get("/payments")
    async def list_payments(
        *,
        who: Annotated[Viewer, Depends(viewer)],
        source: Annotated[Queries, Depends(queries)],
        status: PaymentStatusVO | None = None,
        provider: Text = None,
        order_id: Annotated[Text, Query(alias="orderId")] = None,
        from_: Annotated[Moment, Query(alias="from")] = None,
        to: Moment = None,
        limit: Limit = PAGE_SIZE_DEFAULT,
        cursor: Cursor = None,
        told: Annotated[Seen, Depends(seen)],
    ) -> PaymentPage:
        """List payments, newest first."""
        wanted = PaymentFilter(
            tenant_id=who.tenant_id,
            status=status,
            provider=provider,
            order_id=order_id,
            created_from=created_from(from_),
            created_before=created_before(to),
        )
        await _catch_up(source, who, told)
        return await _page(source, wanted, limit=limit, cursor=cursor)

    # An order's id is its service's own and may hold a slash.
    @router.get("/orders/{orderId:path}/payments")
    async def list_payments_of_order(
        *,
        order_id: Annotated[str, Path(alias="orderId", max_length=TEXT_LENGTH_MAX)],
        who: Annotated[Viewer, Depends(viewer)],
        source: Annotated[Queries, Depends(queries)],
        limit: Limit = PAGE_SIZE_DEFAULT,
        cursor: Cursor = None,
        told: Annotated[Seen, Depends(seen)],
    ) -> PaymentPage:
        """List the payments of an order, newest first."""
        await _catch_up(source, who, told)
        wanted = PaymentFilter(tenant_id=who.tenant_id, order_id=order_id)
        return await _page(source, wanted, limit=limit, cursor=cursor)


async def _page(
    source: Queries, wanted: PaymentFilter, *, limit: int, cursor: str | None
) -> PaymentPage:
    after = decode_after(wanted.tenant_id, cursor) if cursor else None
    collection = await source.shown.collection(payment_details.MODEL)
    found = await find_payments(collection, wanted, limit=limit + 1, after=after)
    page = found[:limit]
    next_cursor = None
    if len(found) > limit:
        last = After(page[-1]["createdAt"], page[-1]["_id"])
        next_cursor = encode_after(wanted.tenant_id, last)
    return PaymentPage(data=[payment_summary(one) for one in page], next_cursor=next_cursor)


async def _catch_up(
    source: Queries, who: Viewer, seen: Seen, *, payment_id: str | None = None
) -> None:
    """Wait until the read model shows what the caller has been told of.

    Raises:
        InvalidValue: No token of this tenant.
        NotYet: It does not within the time that the caller waits.
    """
    if seen.token is None:
        return
    position = source.decode_token(who.tenant_id, seen.token)
    if position is None:
        raise InvalidValue("not a token that this gateway gave out", param="Consistency-Token")
    await wait_until(
        source.database,
        await source.shown.generation(payment_details.MODEL),
        position=position,
        within_s=seen.wait_s,
        payment_id=payment_id,
    )
