"""Queries answered from Redis, beside the same queries answered from MongoDB every time.

Both are the query API in this process, over the servers of one installation, asked in turns while nothing
happens: what is measured is what an answer costs that is found.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

import httpx
from fastapi import FastAPI, Request

from benchmarks.row import Row
from benchmarks.whole_installation import installation
from payment_gateway.bootstrap import utc_now
from payment_gateway.infrastructure.cache import Cache, open_cache
from payment_gateway.infrastructure.persistence.eventstoredb import open_eventstoredb
from payment_gateway.infrastructure.persistence.mongodb import open_mongodb
from payment_gateway.settings import Settings
from projections.event_streams import EventStreams
from projections.generations import Shown
from projections.positions import Positions
from projections.query_api import Queries, create_query_router

PAYMENTS: Final = 100
ROUNDS: Final = 300
QUERIES: Final[Mapping[str, str]] = {
    "list of 25": "/api/v1/payments",
    "list of 100": "/api/v1/payments?limit=100",
    "an order's payment": "/api/v1/orders/order-1/payments",
}


@dataclass(frozen=True, slots=True)
class _Viewer:
    tenant_id: str


def run() -> list[Row]:
    """Measure; takes about a minute."""
    return asyncio.run(_rows())


async def _rows() -> list[Row]:
    rows = []
    async with installation() as whole:
        up = whole.said
        await _pay(up)
        async with _apis(up) as (kept, made):
            for name, path in QUERIES.items():
                times = [
                    (await _time_ms(kept, path), await _time_ms(made, path)) for _ in range(ROUNDS)
                ]
                ours, floor = (median(column) for column in zip(*times, strict=True))
                rows.append(
                    Row(
                        name=f"{name} from Redis",
                        value=ours,
                        unit="ms",
                        floor=floor,
                        ratio=ours / floor,
                        wanted=None,
                    )
                )
    return rows


async def _time_ms(api: httpx.AsyncClient, path: str) -> float:
    begun_s = time.perf_counter()
    (await api.get(path)).raise_for_status()
    return (time.perf_counter() - begun_s) * 1000


async def _pay(up: Mapping[str, Any]) -> None:
    headers = {"Authorization": f"Bearer {up['apiKey']}"}
    async with httpx.AsyncClient(base_url=up["api"], headers=headers, trust_env=False) as api:
        for number in range(PAYMENTS):
            body = {
                "tenantId": up["tenant"],
                "providerType": "PAYPAL",
                "amount": "19.99",
                "currency": "USD",
                "orderId": f"order-{number}",
            }
            last = await api.post("/api/v1/payments/initiate", json=body)
            last.raise_for_status()
        token = {"Consistency-Token": last.headers["consistency-token"], "Prefer": "wait=30"}
        for path in QUERIES.values():
            (await api.get(path, headers=token)).raise_for_status()


@asynccontextmanager
async def _apis(
    up: Mapping[str, Any],
) -> AsyncIterator[tuple[httpx.AsyncClient, httpx.AsyncClient]]:
    """Yield the query API with a cache and without one."""
    settings = Settings.model_validate(
        {
            "eventstore_uri": up["eventstore"],
            "mongodb_uri": up["mongodb"],
            "redis_url": up["redis"],
        }
    )
    async with (
        open_mongodb(settings) as database,
        open_eventstoredb(settings) as store,
        open_cache(settings) as redis,
    ):
        assert redis is not None, "the installation has one"
        shown, positions = Shown(database), Positions(database)

        async def nothing_personal(*_: object) -> None:
            return None

        def api(cache: Cache | None) -> httpx.AsyncClient:
            queries = Queries(
                database=database,
                shown=shown,
                events=store,
                open_personal=nothing_personal,
                decode_token=lambda _, token: int(token),
                encode_token=lambda _, position: str(position),
                positions=positions,
                streams=EventStreams(database, shown, positions),
                cache=cache,
            )
            return _client(queries, up["tenant"])

        async with api(Cache(redis, installation="bench")) as kept, api(None) as made:
            yield kept, made


def _client(queries: Queries, tenant_id: str) -> httpx.AsyncClient:
    async def allowed(_: Request) -> bool:
        return True

    app = FastAPI()
    app.include_router(
        create_query_router(
            viewer=lambda: _Viewer(tenant_id),
            subscriber=lambda: _Viewer(tenant_id),
            queries=lambda: queries,
            still_allowed=allowed,
            auditor=lambda: _Viewer(tenant_id),
            operator=lambda: _Viewer(tenant_id),
            provider_viewer=lambda: _Viewer(tenant_id),
            now=utc_now,
        )
    )
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://queries")


if __name__ == "__main__":
    for row in run():
        print(row)
