"""Removes what is left of generations that nobody keeps any more."""

from __future__ import annotations

import asyncio
import re
from typing import Final

from payment_gateway.infrastructure.messaging import checkpoint, parking
from payment_gateway.infrastructure.persistence.mongodb import Database
from projections.registry import all_registered

# By then readers and workers have seen that it is not in the registry any more: readers look every
# second, workers in every round of about a second.
DROPPED_AFTER_S: Final = 4.0


async def drop_orphans(database: Database, name: str, *, after_s: float = DROPPED_AFTER_S) -> int:
    """Drop the collections, checkpoints and parked events of generations that no version notes.

    Args:
        database: Where they are.
        name: Of the read model.
        after_s: How long readers and workers are given to let go of them.

    Returns:
        How many generations were dropped.
    """
    await asyncio.sleep(after_s)
    # Looked for before the registry is: what is made meanwhile was noted there first.
    there = await _numbers(database, name)
    kept = {
        one.generation.number
        for found in await all_registered(database)
        if found.model == name
        for one in found.kept
    }
    for number in sorted(there - kept):
        await _drop(database, f"{name}_g{number}")
    return len(there - kept)


async def _numbers(database: Database, name: str) -> set[int]:
    pattern = re.compile(rf"{re.escape(name)}_g(\d+)(?:[._].*)?")
    collections = await database.list_collection_names()
    subscriptions = await database[checkpoint.COLLECTION].distinct("_id")
    found = (pattern.fullmatch(one) for one in (*collections, *subscriptions))
    return {int(match.group(1)) for match in found if match}


async def _drop(database: Database, generation: str) -> None:
    subscriptions = {"$regex": rf"^{re.escape(generation)}\."}
    # First of all the checkpoints, so that a worker that comes late cannot commit any more.
    await database[checkpoint.COLLECTION].delete_many({"_id": subscriptions})
    for aside in (parking.COLLECTION, parking.DISCARDED, parking.REPLAYED):
        await database[aside].delete_many({"subscription": subscriptions})
    for collection in await database.list_collection_names():
        if collection == generation or collection.startswith(f"{generation}_"):
            await database.drop_collection(collection)
