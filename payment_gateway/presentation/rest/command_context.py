"""What a route needs of a request besides its body: the gateway, and who asks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from fastapi import Request, Response
from structlog.contextvars import bind_contextvars

from payment_gateway.application.gateway import Gateway
from payment_gateway.application.ports import CommandContext
from payment_gateway.presentation.rest.access import Caller, check_tenant
from payment_gateway.presentation.rest.if_match import revisions_of


class FollowsLog(Protocol):
    """What is made from the log, and may be behind it."""

    async def reach(self, position: int, *, within_s: float) -> int | None:
        """Wait until everything up to a position shows.

        Returns:
            How far it has come then; ``None`` where it was not that far within that time.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandSide:
    """What the command routes are given by the composition root.

    Attributes:
        encode_token: From tenant and position in the log to a ``Consistency-Token``.
        decode_token: Back to the position; ``None`` for a text that is no token of that tenant.
        known_access: How far this process knows tenants and API keys.
        known_deliveries: How far webhook endpoints and deliveries are listed.
        known_notifications: How far providers' notifications are listed that could not be applied.
        refusals: What commands raise, beside errors of the domain, where they have done nothing.
    """

    gateway: Gateway
    encode_token: Callable[[str, int], str]
    decode_token: Callable[[str, str], int | None]
    known_access: FollowsLog
    known_deliveries: FollowsLog
    known_notifications: FollowsLog
    refusals: tuple[type[Exception], ...] = ()


def command_side_of(request: Request) -> CommandSide:
    """Return what the application was opened with."""
    side = request.app.state.command_side
    assert isinstance(side, CommandSide), "the lifespan did not run"
    return side


def context_of(
    request: Request, caller: Caller, tenant_id: str, side: CommandSide
) -> CommandContext:
    """Return who asks, for the metadata of every event.

    Raises:
        AccessRefused: The caller does not speak for that tenant.
        InvalidValue: ``If-Match`` is no list of entity tags.
    """
    check_tenant(caller, tenant_id)
    return CommandContext(
        tenant_id=tenant_id,
        actor=caller.actor,
        correlation_id=request.scope["request_id"],
        traceparent=request.scope["traceparent"],
        at=side.gateway.now(),
        if_match=revisions_of(request.headers.getlist("If-Match")),
    )


async def command_context(
    request: Request,
    caller: Caller,
    tenant_id: str,
    side: CommandSide,
    *,
    payment_id: str | None = None,
) -> CommandContext:
    """Return who commands something for a tenant that may have something done.

    Raises:
        AccessRefused: The caller does not speak for that tenant.
        TenantNotFound: There is none of that id.
        TenantSuspended: It is suspended.
        TenantDeleted: It is deleted.
        EventStoreUnavailable: The event store gave no answer.
    """
    context = context_of(request, caller, tenant_id, side)
    log_for(tenant_id, payment_id)
    await side.gateway.tenants.find_active(tenant_id)
    return context


def log_for(tenant_id: str, payment_id: str | None) -> None:
    """Have each further line of this request say for whom it is."""
    known = {"tenant_id": tenant_id, "payment_id": payment_id}
    bind_contextvars(**{name: one for name, one in known.items() if one is not None})


def stamp(
    response: Response, side: CommandSide, tenant_id: str, *, revision: int, position: int
) -> None:
    """Tell the caller where the log and the payment are now."""
    stamp_position(response, side, tenant_id, position)
    response.headers["ETag"] = etag(revision)


def stamp_position(response: Response, side: CommandSide, tenant_id: str, position: int) -> None:
    """Tell the caller where the log is now, where there is no revision to go on from."""
    response.headers["Consistency-Token"] = side.encode_token(tenant_id, position)


def etag(revision: int) -> str:
    """Return a revision as a strong tag, which ``If-Match`` may name."""
    return f'"{revision}"'
