"""What the command line does with tenants, API keys and the audit trail."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Final, TypeVar

from payment_gateway.application.gateway import Gateway
from payment_gateway.application.ports import CommandContext, EventHistory, RecordedEvent
from payment_gateway.bootstrap import open_gateway
from payment_gateway.command_line_context import command_context
from payment_gateway.domain.value_objects.grant import ANY_TENANT
from payment_gateway.infrastructure.logs import configure_logs
from payment_gateway.infrastructure.persistence.eventstoredb import open_eventstoredb
from payment_gateway.infrastructure.persistence.log_history import LogHistory
from payment_gateway.infrastructure.persistence.mongodb import open_mongodb
from payment_gateway.infrastructure.security.api_key_uses import ApiKeyUses
from payment_gateway.presentation.cli.audit import AuditEntry
from payment_gateway.settings import Settings
from projections.query_parameters import as_of as read_moment

_KEPT: Final = "(?:apikey|tenant)-.*"
_ADMINISTRATIVE: Final = "(?:apikey|credential|deadletter|erasure|projection|provider|tenant)-.*"

Result = TypeVar("Result")


def administer(
    settings: Settings,
    use: Callable[[Gateway, CommandContext], Awaitable[Result]],
    *,
    with_lists: bool,
) -> Result:
    """Return what is done with an open gateway by a person who speaks for all tenants.

    Args:
        settings: Where everything is.
        use: What is done.
        with_lists: Whether all tenants and API keys are read from the log first.

    Raises:
        DomainError: It is refused.
        KeySourceMissing: The settings name no keys.
        EventStoreUnavailable: No answer; it may be done again.
    """
    configure_logs(log_format=settings.log_format, level=settings.log_level, process="admin")

    async def run() -> Result:
        async with open_gateway(settings) as opened:
            gateway = opened.gateway
            if with_lists:
                await _read_lists(gateway, LogHistory(opened.event_store))
            return await use(gateway, command_context(ANY_TENANT, gateway.now()))

    return asyncio.run(run())


def last_uses(settings: Settings, api_key_ids: list[str]) -> Mapping[str, datetime]:
    """Return when keys were last used, where that is known."""

    async def run() -> Mapping[str, datetime]:
        async with open_mongodb(settings) as database:
            return await ApiKeyUses(database).last_uses(api_key_ids)

    return asyncio.run(run()) if api_key_ids else {}


def audit(settings: Settings, tenant_id: str | None, since: str | None) -> list[AuditEntry]:
    """Return every administrative act, of one tenant or of all, since a time; oldest first.

    Raises:
        InvalidValue: No time.
        EventStoreUnavailable: No answer.
        UnknownEventType: A newer release wrote one of them.
    """
    begin = read_moment(since)

    async def run() -> list[AuditEntry]:
        async with open_eventstoredb(settings) as store:
            return [
                _entry(recorded)
                async for recorded in LogHistory(store).every(_ADMINISTRATIVE)
                if tenant_id in {None, recorded.context.tenant_id}
                and (begin is None or recorded.context.at >= begin)
            ]

    return asyncio.run(run())


async def _read_lists(gateway: Gateway, history: EventHistory) -> None:
    async for recorded in history.every(_KEPT):
        gateway.api_keys.directory.apply(recorded)
        gateway.tenants.note(recorded)


def _entry(recorded: RecordedEvent) -> AuditEntry:
    context = recorded.context
    return AuditEntry(
        at=context.at,
        actor=context.actor,
        tenant_id=context.tenant_id,
        event=recorded.type,
        stream=recorded.stream,
        reason=context.reason or getattr(recorded.event, "reason", None),
        correlation_id=context.correlation_id,
    )
