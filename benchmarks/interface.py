"""What authentication, limits and idempotency add to a command, beside the same command without them.

Both are the whole application, each in a process of its own over the same servers, asked in turns.
"""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final
from uuid import uuid4

import httpx

from benchmarks.http_load import Load
from benchmarks.initiate import installation, load
from benchmarks.row import Row
from benchmarks.server_process import started_mongodb, started_redis

ROUNDS: Final = 9
REQUESTS: Final = 40
WARM_UP: Final = 200
WANTED: Final = 1.2
# One call at a time, each after a rest: what is measured is a call, and not the one before it.
PAUSE_S: Final = 0.02
# The simulator answers at once, which no provider does; this is still quick for one.
PROVIDER_DELAY_MS: Final = 100
DELAYED_ROUNDS: Final = 5
DELAYED_REQUESTS: Final = 20
# Nobody is to be refused here: it is the asking that is measured.
UNLIMITED: Final = "1000000"


def run() -> list[Row]:
    """Measure; takes about two minutes."""
    return asyncio.run(_rows())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rounds:
    """What came of each round: sent with a key of its own, without one, and to the floor."""

    whole: list[Load]
    keyless: list[Load]
    bare: list[Load]


async def _rows() -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="bench-interface-") as folder:
        at_once, delayed = await _measured(Path(folder))
    name = "authentication, limits, idempotency"
    after = f", provider after {PROVIDER_DELAY_MS} ms"
    return [
        _row("authentication, limits", at_once.keyless, at_once.bare, wanted=None),
        _row(name, at_once.whole, at_once.bare, wanted=WANTED),
        _row(name + after, delayed.whole, delayed.bare, wanted=WANTED),
    ]


async def _measured(folder: Path) -> tuple[_Rounds, _Rounds]:
    """Return the rounds with a provider that answers at once, and with one that takes its time."""
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
            gateway, floor, key, environ = running
            for url in (gateway, floor):
                await load(url, key, WARM_UP, 1, headers_of_one=_idempotency_key)
            at_once = await _rounds(gateway, floor, key, rounds=ROUNDS, requests=REQUESTS)
            await _delay(environ["GATEWAY_PAYPAL_BASE_URL"])
            delayed = await _rounds(
                gateway, floor, key, rounds=DELAYED_ROUNDS, requests=DELAYED_REQUESTS
            )
    return at_once, delayed


async def _rounds(gateway: str, floor: str, key: str, *, rounds: int, requests: int) -> _Rounds:
    of = _Rounds(whole=[], keyless=[], bare=[])
    for _ in range(rounds):
        of.whole.append(
            await load(gateway, key, requests, 1, headers_of_one=_idempotency_key, pause_s=PAUSE_S)
        )
        of.bare.append(await load(floor, key, requests, 1, pause_s=PAUSE_S))
        of.keyless.append(await load(gateway, key, requests, 1, pause_s=PAUSE_S))
    return of


async def _delay(provider: str) -> None:
    """Have the provider think about every order from now on."""
    fault = {
        "operation": "create_order",
        "kind": "delay_before",
        "delayMs": PROVIDER_DELAY_MS,
        "times": DELAYED_ROUNDS * DELAYED_REQUESTS * 3,
    }
    async with httpx.AsyncClient(base_url=provider, trust_env=False) as http:
        (await http.post("/_control/faults", json=fault)).raise_for_status()


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
