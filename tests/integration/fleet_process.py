"""A projection worker as ``projections run`` has it, with a ledger of each event it was given; a program."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from pymongo import UpdateOne

from payment_gateway.infrastructure.messaging.canary_job import canary_job
from payment_gateway.infrastructure.messaging.fleet import Fleet
from payment_gateway.infrastructure.messaging.unit import Unit, Work
from payment_gateway.infrastructure.persistence.event_log import RecordedEvent
from payment_gateway.infrastructure.persistence.eventstoredb import open_eventstoredb
from payment_gateway.infrastructure.persistence.mongodb import Database, Session, open_mongodb
from payment_gateway.settings import Settings
from projections.payment_details import MODEL
from projections.units import GenerationUnits
from tests.integration.projection_process import LEDGER


def noted(unit: Unit, database: Database) -> Unit:
    """Return the unit with a handler that also counts each event, in the same transaction."""

    async def handle(events: Sequence[RecordedEvent], session: Session) -> None:
        await unit.handler(events, session)
        seen = [
            UpdateOne({"_id": event.position}, {"$inc": {"times": 1}}, upsert=True)
            for event in events
        ]
        await database[LEDGER].bulk_write(seen, session=session)

    return replace(unit, handler=handle)


async def main() -> None:
    settings = Settings()
    async with open_eventstoredb(settings) as log, open_mongodb(settings) as database:
        units = GenerationUnits([MODEL], database)

        # It moves the checkpoints of partitions in which nothing happens.
        canary = canary_job(log, every_s=0.5, now=lambda: datetime.now(UTC))

        async def offered() -> Sequence[Work]:
            return [*(noted(unit, database) for unit in await units()), canary]

        running: asyncio.Task[None] = asyncio.create_task(
            Fleet(offered=offered, log=log, database=database).run()
        )
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
        await asyncio.wait({running})


if __name__ == "__main__":
    asyncio.run(main())
