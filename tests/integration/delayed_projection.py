"""Projections whose every batch takes a random while longer; run as a program."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from typing import Final

from payment_gateway.infrastructure.messaging.subscription import Subscription
from payment_gateway.infrastructure.persistence.event_log import RecordedEvent
from payment_gateway.infrastructure.persistence.eventstoredb import (
    EventStoreDB,
    open_eventstoredb,
)
from payment_gateway.infrastructure.persistence.mongodb import Database, Session, open_mongodb
from payment_gateway.settings import Settings
from projections import order_payments, payment_details, payment_list
from projections.document_writer import DocumentWriter
from projections.generations import install, matching
from projections.read_model import ReadModel

DELAY_S_MAX: Final = 0.05
MODELS: Final = (payment_details.MODEL, payment_list.MODEL, order_payments.MODEL)


async def project(
    model: ReadModel, log: EventStoreDB, database: Database, chance: random.Random
) -> None:
    generation = await install(database, model)
    documents = DocumentWriter(database, model, generation)
    await documents.install()

    async def handle(events: Sequence[RecordedEvent], session: Session) -> None:
        await asyncio.sleep(chance.uniform(0, DELAY_S_MAX))
        await documents(events, session)

    await Subscription(
        name=generation.subscription(0),
        matching=matching(model, generation, 0),
        handler=handle,
        log=log,
        database=database,
    ).run()


async def main() -> None:
    settings, chance = Settings(), random.Random(20_260_203)
    async with (
        open_eventstoredb(settings) as log,
        open_mongodb(settings) as database,
        asyncio.TaskGroup() as models,
    ):
        for model in MODELS:
            models.create_task(project(model, log, database, chance))


if __name__ == "__main__":
    asyncio.run(main())
