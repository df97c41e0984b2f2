"""``GET /api/v1/providers/status``: what is shown, and to whom."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import httpx
import pytest
from fastapi import FastAPI

from payment_gateway.application.ports import (
    CircuitReport,
    LastFailure,
    LastHour,
    ProviderReport,
)
from payment_gateway.domain.value_objects.tenant_id import TenantIdVO
from payment_gateway.infrastructure.resilience.request_limits_in_memory import (
    InMemoryRequestLimits,
)
from payment_gateway.presentation.rest.access import AccessRefused, Caller
from payment_gateway.presentation.rest.app import Application, create_app
from payment_gateway.presentation.rest.command_context import CommandSide
from payment_gateway.presentation.rest.request_limits import Limiter, LimitPolicy, Rates
from tests.unit.application.gateway_fixture import Shop, open_shop

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
CALLERS = {
    "viewer": Caller(actor="v", tenant_id="demo", roles=frozenset({"viewer"})),
    "operator": Caller(actor="o", tenant_id="demo", roles=frozenset({"operator"})),
    "admin": Caller(actor="a", tenant_id="*", roles=frozenset({"admin"})),
    "service": Caller(actor="s", tenant_id="demo", roles=frozenset({"order-service"})),
    "rival": Caller(actor="r", tenant_id="rival", roles=frozenset({"viewer"})),
}


@dataclass
class Health:
    """Knows one bad hour of one account, and which accounts were asked about."""

    provider_types: tuple[str, ...] = ("PAGADITO", "PAYPAL")
    asked: list[tuple[str, str, bool]] = field(default_factory=list)

    async def report(self, provider_type: str, *, tenant_id: str, sandbox: bool) -> ProviderReport:
        self.asked.append((provider_type, tenant_id, sandbox))
        if (provider_type, tenant_id) != ("PAYPAL", "demo"):
            return ProviderReport(
                circuit=CircuitReport(state="closed", open_until=None),
                last_hour=LastHour(
                    calls=0, success_rate=None, latency_ms_p50=None, latency_ms_p95=None
                ),
                last_failure=None,
            )
        return ProviderReport(
            circuit=CircuitReport(state="open", open_until=NOON),
            last_hour=LastHour(calls=4, success_rate=0.75, latency_ms_p50=200, latency_ms_p95=500),
            last_failure=LastFailure(at=NOON, reason="capture: 503"),
        )


async def caller_with(key: str, client: str | None) -> Caller:
    if (caller := CALLERS.get(key)) is None:
        raise AccessRefused
    return caller


async def no_uses(_: list[str]) -> dict[str, datetime]:
    return {}


@pytest.fixture
def health() -> Health:
    return Health()


@pytest.fixture
async def shop() -> Shop:
    return await open_shop()


async def nobody_knows() -> None:
    return None


class NeverBehind:
    """Shows all that anybody was told of."""

    async def reach(self, position: int, *, within_s: float) -> int | None:
        del within_s
        return position


PLENTY = Rates(reads_per_s=1000, writes_per_s=1000, at_once=100)
LIMITER = Limiter(
    policy=LimitPolicy(key=PLENTY, tenant=PLENTY, burst_s=1), limits=InMemoryRequestLimits()
)


@pytest.fixture
async def api(health: Health, shop: Shop) -> AsyncIterator[httpx.AsyncClient]:
    for tenant in ("rival", "bare"):
        await shop.gateway.tenants.create(
            TenantIdVO(tenant), name=None, return_urls=(), context=shop.context
        )
    gateway = replace(shop.gateway, provider_health=health)

    @asynccontextmanager
    async def opened(_: FastAPI) -> AsyncIterator[Application]:
        side = CommandSide(
            gateway=gateway,
            encode_token=lambda *_: "token",
            decode_token=lambda *_: None,
            known_access=NeverBehind(),
            known_deliveries=NeverBehind(),
            known_notifications=NeverBehind(),
        )
        yield Application(
            command_side=side,
            authenticate=caller_with,
            limiter=LIMITER,
            checks={},
            lag_s=nobody_knows,
            last_uses=no_uses,
        )

    app = create_app(opened)
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://gateway.test") as client,
    ):
        yield client


async def ask(api: httpx.AsyncClient, key: str, **query: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {key}"}
    return await api.get("/api/v1/providers/status", headers=headers, params=query)


async def test_each_provider_is_shown_as_it_fares(api: httpx.AsyncClient) -> None:
    answer = await ask(api, "viewer")

    assert answer.status_code == 200
    body = answer.json()
    assert body["tenantId"] == "demo"
    pagadito, paypal = body["providers"]
    assert paypal == {
        "providerType": "PAYPAL",
        "configured": True,
        "enabled": True,
        "capabilities": {"refund": True, "capturesOnApproval": False, "currencies": ["USD"]},
        "circuit": {"state": "open", "openUntil": "2026-01-02T12:00:00Z"},
        "lastHour": {"calls": 4, "successRate": 0.75, "latencyMsP50": 200, "latencyMsP95": 500},
        "lastFailure": {"at": "2026-01-02T12:00:00Z", "reason": "capture: 503"},
    }
    assert pagadito["providerType"] == "PAGADITO"
    assert pagadito["circuit"] == {"state": "closed", "openUntil": None}
    assert pagadito["lastHour"]["successRate"] is None
    assert pagadito["lastFailure"] is None


async def test_the_account_that_is_configured_is_the_one_asked_about(
    api: httpx.AsyncClient, health: Health
) -> None:
    await ask(api, "viewer")
    assert health.asked == [("PAGADITO", "demo", True), ("PAYPAL", "demo", True)]

    body = (await ask(api, "admin", tenantId="bare")).json()

    assert [one["configured"] for one in body["providers"]] == [False, False]
    assert [one["enabled"] for one in body["providers"]] == [False, False]
    assert health.asked[2:] == [("PAGADITO", "bare", False), ("PAYPAL", "bare", False)]


async def test_an_account_that_was_revoked_is_not_enabled(
    api: httpx.AsyncClient, shop: Shop
) -> None:
    await shop.gateway.credentials.revoke("PAYPAL", shop.context, reason=None)

    pagadito, paypal = (await ask(api, "viewer")).json()["providers"]

    assert (pagadito["configured"], pagadito["enabled"]) == (True, True)
    assert (paypal["configured"], paypal["enabled"]) == (True, False)


@pytest.mark.parametrize(
    ("key", "query", "status", "code"),
    [
        ("operator", {}, 200, None),
        ("admin", {"tenantId": "demo"}, 200, None),
        ("viewer", {"tenantId": "demo"}, 200, None),
        ("viewer", {"tenantId": "rival"}, 403, "forbidden"),
        ("rival", {"tenantId": "demo"}, 403, "forbidden"),
        ("service", {}, 403, "forbidden"),
        ("nobody", {}, 401, "unauthorized"),
        ("admin", {}, 422, "invalid_value"),
        ("admin", {"tenantId": "*"}, 422, "invalid_value"),
        ("admin", {"tenantId": "no such tenant"}, 422, "invalid_value"),
        ("admin", {"tenantId": "unknown"}, 404, "tenant_not_found"),
    ],
)
async def test_who_may_see_it(
    api: httpx.AsyncClient, key: str, query: dict[str, str], status: int, code: str | None
) -> None:
    answer = await ask(api, key, **query)

    assert answer.status_code == status
    assert answer.json().get("code") == code


async def test_one_tenant_sees_nothing_of_anothers_calls(api: httpx.AsyncClient) -> None:
    text = (await ask(api, "rival")).text

    assert "capture: 503" not in text
    assert '"calls":4' not in text
