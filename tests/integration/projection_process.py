"""A projection worker that also keeps a ledger of each event it was given; run as a program."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from pymongo import UpdateOne

from payment_gateway.infrastructure.messaging.subscription import Subscription
from payment_gateway.infrastructure.persistence.event_log import RecordedEvent
from payment_gateway.infrastructure.persistence.eventstoredb import open_eventstoredb
from payment_gateway.infrastructure.persistence.mongodb import Session, open_mongodb
from payment_gateway.settings import Settings
from projections.document_writer import DocumentWriter
from projections.generations import install, matching
from projections.payment_details import MODEL

LEDGER = "ledger"


async def main() -> None:
    settings = Settings()
    async with open_eventstoredb(settings) as log, open_mongodb(settings) as database:
        generation = await install(database, MODEL)
        documents = DocumentWriter(database, MODEL, generation)
        await documents.install()

        async def handle(events: Sequence[RecordedEvent], session: Session) -> None:
            await documents(events, session)
            seen = [
                UpdateOne({"_id": event.position}, {"$inc": {"times": 1}}, upsert=True)
                for event in events
            ]
            await database[LEDGER].bulk_write(seen, session=session)

        await Subscription(
            name=generation.subscription(0),
            matching=matching(MODEL, generation, 0),
            handler=handle,
            log=log,
            database=database,
        ).run()


if __name__ == "__main__":
    asyncio.run(main())
