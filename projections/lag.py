"""How far what queries show is behind the log."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from pymongo.errors import PyMongoError

from payment_gateway.infrastructure.messaging import checkpoint
from payment_gateway.infrastructure.messaging.canary import AGE_S_MAX
from payment_gateway.infrastructure.persistence.mongodb import Database
from projections.generations import NotBuilt, active
from projections.read_model import ReadModel


async def lag_s(database: Database, models: Iterable[ReadModel], now: datetime) -> float | None:
    """Return the age of the newest mark that all of these read models show, in seconds.

    ``None`` where one of them is not built or has shown no mark yet, or MongoDB gives no answer.
    """
    try:
        shown = [await active(database, model) for model in models]
        names = [one.subscription(part) for one in shown for part in range(one.partitions)]
        cursor = database[checkpoint.COLLECTION].find(
            {"_id": {"$in": names}, "canaryAt": {"$exists": True}}, {"canaryAt": 1}
        )
        marks: list[datetime] = [document["canaryAt"] async for document in cursor]
    except (NotBuilt, PyMongoError):
        return None
    if not marks or len(marks) < len(names):
        return None
    return round(max(0.0, (now - min(marks)).total_seconds()), 3)


def is_short(lag: float | None) -> bool:
    """Tell whether so many seconds are what a reader that is well is behind at most."""
    return lag is not None and lag <= AGE_S_MAX
