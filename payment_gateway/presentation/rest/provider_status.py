"""How a tenant's providers fare."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends

from payment_gateway.application.gateway import Gateway
from payment_gateway.presentation.rest.access import Caller, requires
from payment_gateway.presentation.rest.command_context import CommandSide, command_side_of
from payment_gateway.presentation.rest.read_your_writes import Asking
from payment_gateway.presentation.rest.schemas import Answer, ProviderType, TenantId
from payment_gateway.presentation.rest.tenant_named import TenantNamed, tenant_named

router = APIRouter(prefix="/api/v1/providers", tags=["providers"])


class CapabilitiesAnswer(Answer):
    """What a provider can do, and in which currencies."""

    refund: bool
    captures_on_approval: bool
    currencies: list[str]


class CircuitAnswer(Answer):
    """Whether calls go through; an open circuit is tried again at ``openUntil``."""

    state: Literal["closed", "open", "half_open"]
    open_until: datetime | None


class LastHourAnswer(Answer):
    """The tenant's calls; the share that was answered, and how long they took."""

    calls: int
    success_rate: float | None
    latency_ms_p50: int | None
    latency_ms_p95: int | None


class LastFailureAnswer(Answer):
    """The last call that got no answer."""

    at: datetime
    reason: str


class ProviderStatus(Answer):
    """One provider; ``configured`` with credentials that were revoked, it is not ``enabled``."""

    provider_type: ProviderType
    configured: bool
    enabled: bool
    capabilities: CapabilitiesAnswer
    circuit: CircuitAnswer
    last_hour: LastHourAnswer
    last_failure: LastFailureAnswer | None


class ProvidersStatus(Answer):
    """All providers, for one tenant."""

    tenant_id: TenantId
    providers: list[ProviderStatus]


@router.get("/status")
async def show_status(
    caller: Annotated[Caller, Depends(requires("viewer", "operator", "admin"))],
    side: Annotated[CommandSide, Depends(command_side_of)],
    _: Asking,
    tenant_id: TenantNamed = None,
) -> ProvidersStatus:
    """Show how the key's tenant fares with each provider; a key of all tenants names one."""
    gateway = side.gateway
    tenant = await gateway.tenants.find(tenant_named(caller, tenant_id))
    types = gateway.provider_health.provider_types
    return ProvidersStatus(
        tenant_id=tenant.tenant_id,
        providers=[await _status(one, tenant.tenant_id, gateway) for one in types],
    )


async def _status(provider_type: str, tenant_id: str, gateway: Gateway) -> ProviderStatus:
    credential = await gateway.credentials.find(provider_type, tenant_id=tenant_id)
    usage = await gateway.providers.find(provider_type, tenant_id=tenant_id)
    sandbox = credential is not None and credential.sandbox
    report = await gateway.provider_health.report(
        provider_type, tenant_id=tenant_id, sandbox=sandbox
    )
    circuit, hour, failure = report.circuit, report.last_hour, report.last_failure
    capabilities = gateway.provider_factory.capabilities(provider_type)
    return ProviderStatus(
        provider_type=provider_type,
        configured=credential is not None,
        enabled=usage.enabled and credential is not None and not credential.revoked,
        capabilities=CapabilitiesAnswer(
            refund=capabilities.refund,
            captures_on_approval=capabilities.captures_on_approval,
            currencies=sorted(capabilities.currencies),
        ),
        circuit=CircuitAnswer(state=circuit.state, open_until=circuit.open_until),
        last_hour=LastHourAnswer(
            calls=hour.calls,
            success_rate=hour.success_rate,
            latency_ms_p50=hour.latency_ms_p50,
            latency_ms_p95=hour.latency_ms_p95,
        ),
        last_failure=failure and LastFailureAnswer(at=failure.at, reason=failure.reason),
    )
