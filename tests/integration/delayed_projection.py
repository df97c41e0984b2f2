"""A projection worker whose every batch takes a random while longer; run as a program."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from typing import Final

from payment_gateway.infrastructure.messaging.subscription import Subscription
from payment_gateway.infrastructure.persistence.event_log import RecordedEvent
from payment_gateway.infrastructure.persistence.eventstoredb import open_eventstoredb
from payment_gateway.infrastructure.persistence.mongodb import Session, open_mongodb
from payment_gateway.settings import Settings
from projections.document_writer import DocumentWriter
from projections.generations import install, matching
from projections.payment_details import MODEL

DELAY_S_MAX: Final = 0.05


async def main() -> None:
    settings, chance = Settings(), random.Random(20_260_203)
    async with open_eventstoredb(settings) as log, open_mongodb(settings) as database:
        generation = await install(database, MODEL)
        documents = DocumentWriter(database, MODEL, generation)
        await documents.install()

        async def handle(events: Sequence[RecordedEvent], session: Session) -> None:
            await asyncio.sleep(chance.uniform(0, DELAY_S_MAX))
            await documents(events, session)

        await Subscription(
            name=generation.subscription(0),
            matching=matching(MODEL, generation, 0),
            handler=handle,
            log=log,
            database=database,
        ).run()


if __name__ == "__main__":
    asyncio.run(main())
