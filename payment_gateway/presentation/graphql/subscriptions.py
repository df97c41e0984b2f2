"""The subscription: a tenant's events as they come.

Annotations are evaluated here, not postponed: they are the schema.
"""

import asyncio
from collections.abc import AsyncGenerator
from typing import Final

import strawberry

from payment_gateway.presentation.graphql.context import Context
from payment_gateway.presentation.graphql.types import PaymentEvent, shown

LOOK_EVERY_S: Final = 0.5
# A client that has not gone by then is asked to come again.
LOOKS_MAX: Final = 24 * 60 * 60 * 2
Info = strawberry.Info[Context, None]


@strawberry.type(description="An event, and where the stream goes on after it.")
class PaymentEventEntry:
    """An event in the stream."""

    event: PaymentEvent
    cursor: str


@strawberry.type
class Subscription:
    """What may be followed."""

    @strawberry.subscription(
        description="The tenant's events in order, for ever; after a cursor, or from the first."
    )
    async def payment_events(
        self,
        info: Info,
        after: str | None = strawberry.UNSET,
        types: list[str] | None = strawberry.UNSET,
    ) -> AsyncGenerator[PaymentEventEntry, None]:
        """Yield events as they come; the access of whoever asked is looked at with every page."""
        names = ",".join(types) if types else None
        for _ in range(LOOKS_MAX):
            found = await info.context.query("/events", cursor=after, types=names, limit="1")
            for one in found["data"]:
                after = str(found["nextCursor"])
                yield PaymentEventEntry(event=shown(PaymentEvent, one), cursor=after)
            if not found["data"]:
                await asyncio.sleep(LOOK_EVERY_S)
