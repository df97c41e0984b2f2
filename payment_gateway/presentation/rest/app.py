"""The ASGI application, made over whatever it is given."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from fastapi import APIRouter, FastAPI, Response
from starlette.middleware.cors import CORSMiddleware

from payment_gateway.presentation.rest import (
    api_keys,
    checkout_return,
    error_table,
    errors,
    payments,
    provider_status,
    providers,
    resolutions,
    splits,
    subjects,
    tenants,
    webhook_deliveries,
    webhook_endpoints,
)
from payment_gateway.presentation.rest.access import Authenticate, Caller
from payment_gateway.presentation.rest.body_limit import BodyLimit
from payment_gateway.presentation.rest.command_context import CommandSide
from payment_gateway.presentation.rest.http_metrics import HttpMetrics, metrics
from payment_gateway.presentation.rest.json_body import BODY_BYTES_MAX
from payment_gateway.presentation.rest.openapi import DescribedApi
from payment_gateway.presentation.rest.refusals import Refusal
from payment_gateway.presentation.rest.request_context import RequestContext
from payment_gateway.presentation.rest.request_limits import Limiter, RequestLimit
from payment_gateway.presentation.rest.schemas import Readiness
from payment_gateway.presentation.rest.security_headers import SecurityHeaders
from payment_gateway.presentation.stopping import ClosesConnections, Stopping
from payment_gateway.presentation.webhooks import provider_webhooks

CORS_REQUEST_HEADERS: Final = [
    "Authorization",
    "Consistency-Token",
    "Content-Type",
    "Idempotency-Key",
    "If-Match",
    "Last-Event-ID",
    "Prefer",
    "X-Request-Id",
]
CORS_ANSWER_HEADERS: Final = [
    "Consistency-Token",
    "ETag",
    "Idempotent-Replayed",
    "Preference-Applied",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "X-Request-Id",
]
CORS_MAX_AGE_S: Final = 600

DESCRIPTION = """Commands and queries of the payment gateway.

Send `Authorization: Bearer KEY`. Amounts are decimal strings in answers, decimal strings or JSON numbers in
requests, and are read exactly. Every refusal is problem details (RFC 9457) with a stable `code`.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """Whether a dependency answers; one that is not required may be away for a while."""

    answers: Callable[[], Awaitable[bool]]
    required: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """What the application works with while it is open.

    Attributes:
        checks: By dependency.
        lag_s: How far what the queries show is behind the log, in seconds; ``None`` if nobody knows.
        last_uses: From ids of API keys to when each was last used, where that is known.
    """

    command_side: CommandSide
    authenticate: Authenticate
    limiter: Limiter
    checks: Mapping[str, Check]
    lag_s: Callable[[], Awaitable[float | None]]
    last_uses: Callable[[list[str]], Awaitable[Mapping[str, datetime]]]


def create_app(
    open_application: Callable[[FastAPI], AbstractAsyncContextManager[Application]],
    *,
    query_routers: Sequence[APIRouter] = (),
    query_refusals: Mapping[type[Exception], Refusal] | None = None,
    cors_origins: Sequence[str] = (),
) -> FastAPI:
    """Return the API.

    Args:
        open_application: Opens the connections; given the app, so that the read side can put
            what its routes need into ``app.state``.
        query_routers: The read side's routes.
        query_refusals: How the read side's own refusals are answered.
        cors_origins: Whose pages may call the API from a browser; nobody's where none is named.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_application(app) as application:
            app.state.application = application
            app.state.command_side = application.command_side
            yield

    app = DescribedApi(
        title="Payment gateway",
        version="1",
        description=DESCRIPTION,
        lifespan=lifespan,
        redoc_url=None,
        redirect_slashes=False,  # it would redirect to whatever host a request names
        telemetry={"logs": False},
    )

    async def authenticate(key: str, client: str | None) -> Caller:
        application: Application = app.state.application
        return await application.authenticate(key, client)

    def limiter() -> Limiter:
        application: Application = app.state.application
        return application.limiter

    app.add_middleware(BodyLimit, bytes_max=BODY_BYTES_MAX)
    app.add_middleware(RequestLimit, limiter=limiter)
    app.add_middleware(RequestContext, authenticate=authenticate)
    if cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(cors_origins),
            allow_methods=["GET", "POST", "PATCH", "DELETE"],
            allow_headers=CORS_REQUEST_HEADERS,
            expose_headers=CORS_ANSWER_HEADERS,
            max_age=CORS_MAX_AGE_S,
        )
    app.add_middleware(SecurityHeaders)
    app.state.stopping = stopping = Stopping()
    app.add_middleware(ClosesConnections, stopping=stopping)
    app.add_middleware(HttpMetrics)  # the outermost
    errors.install(app, query_refusals or {})
    for module in (
        payments,
        resolutions,
        splits,
        providers,
        provider_status,
        subjects,
        tenants,
        api_keys,
        checkout_return,
        error_table,
        webhook_endpoints,
        webhook_deliveries,
    ):
        app.include_router(module.router)
    app.include_router(webhook_endpoints.without_body)
    app.include_router(webhook_deliveries.without_body)
    app.include_router(provider_webhooks.router)
    for router in query_routers:
        app.include_router(router)
    app.include_router(_probes(app))
    return app


def _probes(app: FastAPI) -> APIRouter:
    router = APIRouter(tags=["probes"])
    router.add_api_route("/metrics", metrics, include_in_schema=False)

    @router.get("/livez")
    async def live() -> dict[str, str]:
        """Return 200 while the process answers at all."""
        return {"status": "ok"}

    @router.get(
        "/readyz",
        responses={503: {"model": Readiness, "description": "A dependency gives no answer"}},
    )
    async def ready(response: Response) -> Readiness:
        """Return 200 when every dependency answers that nothing works without, and which do not.

        ``lagSeconds`` tells how far the queries are behind; they go on answering all the same. A process
        that is about to stop answers 503 ``draining`` while it still serves.
        """
        if app.state.stopping.is_draining:
            response.status_code = 503
            return Readiness(status="draining", checks={}, lag_seconds=None)
        application: Application = app.state.application
        checks = application.checks
        lag_s, *answers = await asyncio.gather(
            application.lag_s(), *(check.answers() for check in checks.values())
        )
        results = dict(zip(checks, answers, strict=True))
        healthy = all(results[name] for name, check in checks.items() if check.required)
        response.status_code = 200 if healthy else 503
        return Readiness(
            status="ok" if healthy else "unavailable",
            checks={name: "ok" if ok else "unavailable" for name, ok in results.items()},
            lag_seconds=lag_s,
        )

    return router
