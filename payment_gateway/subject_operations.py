"""What the command line does with the people whose data payments carry."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

from payment_gateway.application.gateway import Gateway
from payment_gateway.application.ports import CommandContext
from payment_gateway.application.services.subject_service import Subject
from payment_gateway.bootstrap import open_gateway
from payment_gateway.command_line_context import command_context
from payment_gateway.domain.value_objects.tenant_id import TenantIdVO
from payment_gateway.infrastructure.logs import configure_logs
from payment_gateway.infrastructure.persistence.mongodb import open_mongodb
from payment_gateway.presentation.cli.subjects import SubjectKept, SubjectOperations
from payment_gateway.settings import Settings
from projections.generations import Shown
from projections.payment_queries import count_of_subjects


def show(settings: Settings, tenant_id: str, reference: str) -> SubjectKept:
    """Return what is kept of a tenant's customer.

    Raises:
        SubjectNotFound: Nothing of that reference was ever kept for the tenant.
        EventStoreUnavailable: No answer.
        NotBuilt: The read model that payments are counted in is not built yet.
    """

    async def use(gateway: Gateway, _: CommandContext) -> Subject:
        return await gateway.subjects.find(reference, tenant_id=tenant_id)

    return _run(settings, tenant_id, use)


def forget(settings: Settings, tenant_id: str, reference: str, reason: str | None) -> SubjectKept:
    """Destroy the keys to what is kept of a tenant's customer.

    Raises:
        SubjectNotFound: Nothing of that reference was ever kept for the tenant.
        StreamMoved: Others forget the same person all the time.
        EventStoreUnavailable: No answer; forgetting again is safe.
        NotBuilt: As for ``show``; the person is forgotten.
    """

    async def use(gateway: Gateway, context: CommandContext) -> Subject:
        return await gateway.subjects.forget(reference, replace(context, reason=reason))

    return _run(settings, tenant_id, use)


OPERATIONS: Final = SubjectOperations(show=show, forget=forget)


def _run(
    settings: Settings,
    tenant_id: str,
    use: Callable[[Gateway, CommandContext], Awaitable[Subject]],
) -> SubjectKept:
    tenant = TenantIdVO(tenant_id)
    configure_logs(log_format=settings.log_format, level=settings.log_level, process="admin")

    async def run() -> SubjectKept:
        async with open_gateway(settings) as opened, open_mongodb(settings) as database:
            gateway = opened.gateway
            subject = await use(gateway, command_context(tenant.value, gateway.now()))
            payments = await count_of_subjects(Shown(database), tenant_id, subject.subject_ids)
            return SubjectKept(
                payments=payments,
                readable=subject.readable,
                forgotten_at=subject.forgotten_at,
            )

    return asyncio.run(run())
