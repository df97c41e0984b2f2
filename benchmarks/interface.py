"""What authentication, limits and idempotency add to a command, beside the same command without them.

Both are the whole application, each in a process of its own over the same servers, asked in turns.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from statistics import median
from typing import Final
from uuid import uuid4

from benchmarks.http_load import Load
from benchmarks.initiate import installation, load
from benchmarks.row import Row
from benchmarks.server_process import started_mongodb, started_redis

ROUNDS: Final = 15
REQUESTS: Final = 60
WARM_UP: Final = 200
WANTED: Final = 1.2
# Nobody is to be refused here: it is the asking that is measured.
UNLIMITED: Final = "1000000"


def run() -> list[Row]:
    """Measure; takes about a minute."""
    return asyncio.run(_rows())


async def _rows() -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="bench-interface-") as folder:
        whole, keyless, bare = await _loads(Path(folder))
    return [
        _row("authentication, limits", keyless, bare, wanted=None),
        _row("authentication, limits, idempotency", whole, bare, wanted=WANTED),
    ]


async def _loads(folder: Path) -> tuple[list[Load], list[Load], list[Load]]:
    """Return the rounds of what is sent with a key of its own, without one, and to the floor."""
    whole: list[Load] = []
    keyless: list[Load] = []
    bare: list[Load] = []
    async with (
        started_mongodb(folder / "mongodb") as mongodb,
        started_redis(folder / "redis") as at,
    ):
        servers = {
            "GATEWAY_MONGODB_URI": mongodb,
            "GATEWAY_REDIS_URL": at,
            **dict.fromkeys(
                ("GATEWAY_LIMIT_KEY_WRITES_PER_S", "GATEWAY_LIMIT_TENANT_WRITES_PER_S"), UNLIMITED
            ),
        }
        floor_module = "benchmarks.interface_floor"
        async with installation(folder, servers, floor_module=floor_module) as running:
            gateway, floor, key, _ = running
            for url in (gateway, floor):
                await load(url, key, WARM_UP, 1, headers_of_one=_idempotency_key)
            for _ in range(ROUNDS):
                whole.append(await load(gateway, key, REQUESTS, 1, headers_of_one=_idempotency_key))
                bare.append(await load(floor, key, REQUESTS, 1))
                keyless.append(await load(gateway, key, REQUESTS, 1))
    return whole, keyless, bare


def _idempotency_key() -> dict[str, str]:
    return {"Idempotency-Key": str(uuid4())}


def _row(name: str, ours: list[Load], bare: list[Load], *, wanted: float | None) -> Row:
    pairs = list(zip(ours, bare, strict=True))
    return Row(
        name=f"initiate with {name}, p50",
        value=median(one.percentile_ms(50) for one in ours),
        unit="ms",
        floor=median(one.percentile_ms(50) for one in bare),
        ratio=median(one.percentile_ms(50) / other.percentile_ms(50) for one, other in pairs),
        wanted=wanted,
        at_most=True,
    )


if __name__ == "__main__":
    for row in run():
        print(row)
