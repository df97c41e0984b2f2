"""A bare endpoint that does what no payment can do without: one call to the provider, two appends.

It validates nothing, decides nothing and remembers nothing; what the gateway costs beyond it is the
gateway's own.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final
from uuid import uuid4

import httpx
import uvicorn
from esdbclient import AsyncEventStoreDBClient, NewEvent, StreamState
from fastapi import FastAPI, Request

EVENT: Final = b'{"some":"bytes"}' + b" " * 500
METADATA: Final = b'{"tenantId":"demo"}'
ORDER: Final = {
    "intent": "CAPTURE",
    "purchase_units": [
        {
            "amount": {
                "currency_code": "USD",
                "value": "19.99",
                "breakdown": {"item_total": {"currency_code": "USD", "value": "19.99"}},
            },
            "items": [
                {
                    "name": "Coffee",
                    "quantity": "1",
                    "unit_amount": {"currency_code": "USD", "value": "19.99"},
                }
            ],
        }
    ],
}


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Open the event store and the provider, with a token that lasts for the whole run."""
    app.state.store = AsyncEventStoreDBClient(os.environ["GATEWAY_EVENTSTORE_URI"])
    await app.state.store.connect()
    limits = httpx.Limits(max_connections=100, max_keepalive_connections=100)
    async with httpx.AsyncClient(
        base_url=os.environ["GATEWAY_PAYPAL_BASE_URL"], limits=limits, trust_env=False
    ) as http:
        token = await http.post(
            "/v1/oauth2/token",
            data={"grant_type": "client_credentials"},
            auth=(os.environ["BENCH_CLIENT_ID"], os.environ["BENCH_CLIENT_SECRET"]),
        )
        http.headers["Authorization"] = f"Bearer {token.raise_for_status().json()['access_token']}"
        app.state.http = http
        yield
    await app.state.store.close()


app = FastAPI(lifespan=lifespan, telemetry={"logs": False, "tracing": False, "metrics": False})


@app.get("/readyz")
async def ready() -> dict[str, str]:
    """Answer once the connections are open."""
    return {"status": "ok"}


@app.post("/api/v1/payments/initiate", status_code=201)
async def initiate(request: Request) -> dict[str, Any]:
    """Append, call the provider, append, answer."""
    await request.json()
    stream = f"payment-{uuid4()}"
    await _append(stream, StreamState.NO_STREAM, "PaymentInitiated", "ProviderAttemptStarted")
    answer = await app.state.http.post(
        "/v2/checkout/orders",
        json=ORDER,
        headers={"PayPal-Request-Id": str(uuid4()), "Prefer": "return=representation"},
    )
    order = answer.raise_for_status().json()
    await _append(stream, 1, "CheckoutCreated")
    return {"checkoutUrl": order["links"][-1]["href"]}


async def _append(stream: str, version: int | StreamState, *types: str) -> None:
    events = [NewEvent(type=name, data=EVENT, metadata=METADATA) for name in types]
    await app.state.store.append_to_stream(stream, current_version=version, events=events)


if __name__ == "__main__":
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(os.environ["BENCH_PORT"]),
        loop="uvloop",
        http="httptools",
        log_level="warning",
        access_log=False,
    )
