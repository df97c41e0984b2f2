"""What the command line does with credentials and providers, on the installation that the settings name."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from payment_gateway.application.gateway import Gateway
from payment_gateway.application.ports import CommandContext
from payment_gateway.bootstrap import open_gateway
from payment_gateway.command_line_context import command_context
from payment_gateway.domain.value_objects.tenant_id import TenantIdVO
from payment_gateway.infrastructure.logs import configure_logs
from payment_gateway.settings import Settings

Result = TypeVar("Result")


def for_tenant(
    settings: Settings,
    tenant_id: str,
    use: Callable[[Gateway, CommandContext], Awaitable[Result]],
) -> Result:
    """Return what is done for a tenant with an open gateway.

    Raises:
        DomainError: The tenant does not exist, or what is done is refused.
        KeySourceMissing: The settings name no keys.
        EventStoreUnavailable: No answer; it may be done again.
    """
    configure_logs(log_format=settings.log_format, level=settings.log_level, process="admin")

    async def run() -> Result:
        async with open_gateway(settings) as opened:
            tenant = await opened.gateway.tenants.find(TenantIdVO(tenant_id).value)
            context = command_context(tenant.tenant_id, opened.gateway.now())
            return await use(opened.gateway, context)

    return asyncio.run(run())
