"""Waits until what is open is settled, then compares the events with the providers' books."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from esdbclient import AsyncEventStoreDBClient

from benchmarks.load.books import compared
from benchmarks.load.stage import Stage
from payment_gateway.infrastructure.persistence.eventstoredb import EventStoreDB

LOOK_EVERY_S: Final = 2.0
EVENT_STORE_TIMEOUT_S: Final = 30.0
VERIFY_WITHIN_S: Final = 120.0
VERIFIED: Final = "payment_details"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """How the books stand at the end.

    Attributes:
        took_s: Until they agreed, or until they were given up.
        differences: What is lost or was moved twice.
        payments: All payments of the log.
        events: All events of the log, in every stream; the embedded event store's positions count them.
        captures: That the providers have on their books, and ``refunds``.
        is_verified: Whether the queries show what the log says.
    """

    took_s: float
    differences: list[str]
    payments: int
    events: int
    captures: int
    refunds: int
    is_verified: bool


async def settled(stage: Stage, within_s: float) -> Settled:
    """Compare again and again until there is no difference left, or the time is up."""
    begun_s = time.monotonic()
    said = stage.whole.said
    async with _event_store(said["eventstore"]) as log:
        while True:
            now = await compared(log, said["paypal"], said["pagadito"], stage.told)
            if not now.differences or time.monotonic() > begun_s + within_s:
                break
            await asyncio.sleep(LOOK_EVERY_S)
        took_s = time.monotonic() - begun_s
        head = await log.head()
    moved = [one.what for one in now.books.elements()]
    return Settled(
        took_s=took_s,
        differences=now.differences,
        payments=len(now.events.payments),
        events=head,
        captures=moved.count("capture"),
        refunds=moved.count("refund"),
        is_verified=await asyncio.to_thread(_is_verified, stage),
    )


@asynccontextmanager
async def _event_store(uri: str) -> AsyncGenerator[EventStoreDB, None]:
    client = AsyncEventStoreDBClient(uri=uri)
    await client.connect()
    try:
        yield EventStoreDB(client, timeout_s=EVENT_STORE_TIMEOUT_S)
    finally:
        await client.close()


def _is_verified(stage: Stage) -> bool:
    """Have the gateway compare a read model with the log; say so where it differs."""
    command = (sys.executable, "-m", "payment_gateway", "projections", "verify", VERIFIED)
    done = subprocess.run(  # noqa: S603 - this Python, fixed words
        command,
        env={**os.environ, "GATEWAY_DATA_DIR": str(stage.whole.folder)},
        capture_output=True,
        text=True,
        timeout=VERIFY_WITHIN_S,
        check=False,
    )
    if done.returncode:
        sys.stderr.write(done.stdout + done.stderr)
    return done.returncode == 0
