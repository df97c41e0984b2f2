"""The subscription: a tenant's events as they come.

Annotations are evaluated here, not postponed: they are the schema.
"""

import json
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

import strawberry

from payment_gateway.presentation.graphql.context import Context, refused
from payment_gateway.presentation.graphql.types import PaymentEvent, shown
from payment_gateway.presentation.in_process import ApiRefused

# How soon a subscription ends whose caller may not see it any more.
ACCESS_CHECKED_EVERY_S: Final = 2.0
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
        """Yield events as they come, for as long as whoever asked may see them.

        REST is asked first, and lets in or refuses. Then they come from what its streams come from.
        """
        context, wanted = info.context, types or []
        await context.query("/events", cursor=after, types=",".join(wanted), limit="1")
        assert context.caller is not None, "REST knows who it is"
        following = context.follow_events(context.caller.tenant_id, after or None, wanted)
        checked_s = time.monotonic()
        async with aclosing(following) as batches:
            try:
                async for batch in batches:
                    if time.monotonic() - checked_s >= ACCESS_CHECKED_EVERY_S:
                        await context.check_access()
                        checked_s = time.monotonic()
                    for one in batch:
                        event = shown(PaymentEvent, json.loads(one.answer))
                        yield PaymentEventEntry(event=event, cursor=one.cursor)
            except ApiRefused as refusal:
                raise refused(refusal) from None
