"""The queries: each asks REST once, however many payments it shows.

Annotations are evaluated here, not postponed: they are the schema.
"""

from datetime import datetime
from typing import Annotated, Any, Final

import strawberry
from graphql import GraphQLError

from payment_gateway.presentation.graphql.context import Context
from payment_gateway.presentation.graphql.types import (
    DailyStats,
    PageInfo,
    Payment,
    PaymentConnection,
    PaymentEdge,
    PaymentEvent,
    PaymentSummary,
    Provider,
    shown,
)

PAGE_SIZE_DEFAULT: Final = 25
PAGE_SIZE_MAX: Final = 100
Info = strawberry.Info[Context, None]
From = Annotated[str | None, strawberry.argument(name="from")]


@strawberry.type
class Query:
    """What may be asked about a tenant's payments."""

    @strawberry.field(description="A payment as it stands, or as it stood at a time.")
    async def payment(
        self, info: Info, payment_id: str, as_of: datetime | None = strawberry.UNSET
    ) -> Payment | None:
        """Return a payment; ``None`` where the tenant has none of this id."""
        when = as_of.isoformat() if as_of else None
        try:
            found = await info.context.query(f"/payments/{_segment(payment_id)}", as_of=when)
        except GraphQLError as error:
            if (error.extensions or {}).get("code") == "payment_not_found":
                return None
            raise
        return shown(Payment, found)

    @strawberry.field(description="Payments, newest first; those of an order, if one is named.")
    async def payments(
        self,
        info: Info,
        *,
        first: int = PAGE_SIZE_DEFAULT,
        after: str | None = strawberry.UNSET,
        order_id: str | None = strawberry.UNSET,
        status: str | None = strawberry.UNSET,
        provider: str | None = strawberry.UNSET,
        from_: From = strawberry.UNSET,
        to: str | None = strawberry.UNSET,
    ) -> PaymentConnection:
        """Return a page of payments."""
        _check_first(first)
        found = await info.context.query(
            "/payments",
            limit=str(first),
            cursor=after,
            orderId=order_id,
            status=status,
            provider=provider,
            to=to,
            **{"from": from_},
        )
        return _connection(found, after, info.context)

    @strawberry.field(description="What happened to a payment, oldest first.")
    async def payment_history(self, info: Info, payment_id: str) -> list[PaymentEvent]:
        """Return a payment's events, the first hundred of them."""
        found = await info.context.query(f"/payments/{_segment(payment_id)}/events")
        return [shown(PaymentEvent, one) for one in found["data"]]

    @strawberry.field(description="Counts and amounts by day, provider and currency.")
    async def daily_stats(
        self, info: Info, from_: From = strawberry.UNSET, to: str | None = strawberry.UNSET
    ) -> list[DailyStats]:
        """Return the statistics of days."""
        found = await info.context.query("/stats/daily", to=to, **{"from": from_})
        return [shown(DailyStats, {**one["outcomes"], **one}) for one in found["data"]]

    @strawberry.field(description="How the tenant's providers do.")
    async def providers(self, info: Info) -> list[Provider]:
        """Return each provider as it stands."""
        found = await info.context.query("/providers/status")
        return [_provider(one) for one in found["providers"]]


def _check_first(first: int) -> None:
    if not 1 <= first <= PAGE_SIZE_MAX:
        raise GraphQLError(
            f"first is between 1 and {PAGE_SIZE_MAX}",
            extensions={"code": "invalid_value", "retryable": False, "param": "first"},
        )


def _segment(payment_id: str) -> str:
    """Return a payment's id as a part of a path; what is none leads to "not found", as any other."""
    return payment_id if payment_id.replace("-", "").isalnum() else "none"


def _connection(found: dict[str, Any], after: str | None, context: Context) -> PaymentConnection:
    edges = [
        PaymentEdge(
            node=one, cursor=context.cursor_of(one.tenant_id, one.created_at, one.payment_id)
        )
        for one in (shown(PaymentSummary, one) for one in found["data"])
    ]
    return PaymentConnection(
        edges=edges,
        page_info=PageInfo(
            has_next_page=found["nextCursor"] is not None,
            has_previous_page=bool(after),
            start_cursor=edges[0].cursor if edges else None,
            end_cursor=edges[-1].cursor if edges else None,
        ),
    )


def _provider(one: dict[str, Any]) -> Provider:
    hour = one["lastHour"]
    return Provider(
        provider_type=one["providerType"],
        configured=one["configured"],
        enabled=one["enabled"],
        circuit=one["circuit"]["state"],
        calls_last_hour=hour["calls"],
        success_rate=hour["successRate"],
        latency_ms_p50=hour["latencyMsP50"],
        latency_ms_p95=hour["latencyMsP95"],
    )
