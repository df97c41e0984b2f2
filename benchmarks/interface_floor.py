"""The API's own application without what ``interface`` measures.

Every key is somebody's without being looked at, nothing is counted, and no request names an
``Idempotency-Key``. All the rest is as it is served.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Final

import uvicorn
from fastapi import FastAPI

from payment_gateway.asgi import application
from payment_gateway.infrastructure.logs import configure_logs
from payment_gateway.presentation.rest.access import Caller
from payment_gateway.presentation.rest.request_limits import RequestLimit
from payment_gateway.settings import Settings

SOMEBODY: Final = Caller(
    actor="apikey:bench", tenant_id="bench", roles=frozenset({"order-service"})
)


async def _somebody(_key: str, _client: str | None) -> Caller:
    return SOMEBODY


def bare(settings: Settings) -> FastAPI:
    """Return the application without authentication and limits."""
    app = application(settings)
    limits: object = RequestLimit
    app.user_middleware = [one for one in app.user_middleware if one.cls != limits]
    opened = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(opening: FastAPI) -> AsyncIterator[Any]:
        async with opened(opening) as state:
            whole = opening.state.application
            opening.state.application = replace(whole, authenticate=_somebody)
            yield state

    app.router.lifespan_context = lifespan
    return app


if __name__ == "__main__":
    chosen = Settings()
    configure_logs(log_format=chosen.log_format, level=chosen.log_level, process="api")
    uvicorn.run(
        bare(chosen),
        host="127.0.0.1",
        port=int(os.environ["BENCH_PORT"]),
        loop="uvloop",
        http="httptools",
        log_config=None,
        access_log=False,
        server_header=False,
    )
