"""From a command's answer to the query that shows what it did, under a steady load, on a whole installation.

The floor is the same query asked once more, when there is nothing left to wait for. Payments are begun
at fixed times, whether the ones before are done or not, so that a slow one hides nothing.
"""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass
from typing import Final

from benchmarks.http_connections import Answer, Connections
from benchmarks.row import Row
from benchmarks.whole_installation import installation

PAYMENTS_PER_S: Final = 50
# One in so many payments is looked at: the looking is not to be the load.
LOOKED_AT: Final = 5
WARM_UP: Final = 100
PAYMENTS: Final = 1_500
TARGETS_MS: Final = {50: 50, 99: 250}


@dataclass(frozen=True, slots=True)
class Look:
    """How long the query took that waited for the payment, and the one after it that did not."""

    waiting_s: float
    after_s: float


def run() -> list[Row]:
    """Measure; takes about a minute."""
    looks = asyncio.run(_looks())
    return [_row(looks, percent) for percent in TARGETS_MS]


def _row(looks: list[Look], percent: int) -> Row:
    waiting = _percentile_ms([look.waiting_s for look in looks], percent)
    after = _percentile_ms([look.after_s for look in looks], percent)
    return Row(
        name=f"command to visible at {PAYMENTS_PER_S}/s, p{percent} (target {TARGETS_MS[percent]} ms)",
        value=waiting,
        unit="ms",
        floor=after,
        ratio=waiting / after,
        wanted=None,
    )


def _percentile_ms(times_s: list[float], percent: int) -> float:
    return sorted(times_s)[min(len(times_s) - 1, len(times_s) * percent // 100)] * 1000


async def _looks() -> list[Look]:
    async with (
        installation() as whole,
        Connections(
            whole.said["api"],
            {
                "Authorization": f"Bearer {whole.said['apiKey']}",
                "Content-Type": "application/json",
            },
        ) as api,
    ):
        await _at_a_steady_rate(api, whole.said["tenant"], WARM_UP)
        return await _at_a_steady_rate(api, whole.said["tenant"], PAYMENTS)


async def _at_a_steady_rate(api: Connections, tenant: str, payments: int) -> list[Look]:
    begun_s = time.perf_counter()
    looking = []
    async with asyncio.TaskGroup() as group:
        for number in range(payments):
            await asyncio.sleep(begun_s + number / PAYMENTS_PER_S - time.perf_counter())
            if number % LOOKED_AT:
                group.create_task(_pay(api, tenant, number))
            else:
                looking.append(group.create_task(_pay_and_look(api, tenant, number)))
    return [task.result() for task in looking]


async def _pay_and_look(api: Connections, tenant: str, number: int) -> Look:
    paid = await _pay(api, tenant, number)
    headers = {"Consistency-Token": paid.headers["consistency-token"], "Prefer": "wait=30"}
    path = f"/api/v1/payments/{json.loads(paid.body)['paymentId']}"
    times_s = [time.perf_counter()]
    for _ in range(2):
        await api.ask("GET", path, status=200, headers=headers)
        times_s.append(time.perf_counter())
    return Look(times_s[1] - times_s[0], times_s[2] - times_s[1])


async def _pay(api: Connections, tenant: str, number: int) -> Answer:
    payment = {
        "tenantId": tenant,
        "providerType": "PAYPAL",
        "amount": "19.99",
        "currency": "USD",
        "orderId": f"order-{number}",
    }
    body = json.dumps(payment).encode()
    return await api.ask("POST", "/api/v1/payments/initiate", status=201, body=body)


if __name__ == "__main__":
    for row in run():
        print(row)
