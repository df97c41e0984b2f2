"""Where each generation of each read model is, and who keeps it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from payment_gateway.infrastructure.messaging import checkpoint, parking, workers
from payment_gateway.infrastructure.messaging.events_behind import Behind, EventsBehind
from payment_gateway.infrastructure.persistence.event_log import EventLog
from payment_gateway.infrastructure.persistence.mongodb import Database, Document
from projections.generations import Generation, matching
from projections.read_model import ReadModel
from projections.registry import Kept, Registered, all_registered

RATE_OVER_S: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionStatus:
    """One subscription of a generation.

    Attributes:
        position: Up to where its work is done.
        holder: The worker that keeps it, as host and process; ``None`` where nobody does.
        lag_s: The age of the newest mark that it shows, in seconds.
        events: That it has handled since it began.
        unknown: Events of types that its worker has never heard of.
    """

    position: int
    holder: str | None
    lag_s: float | None
    events: int
    unknown: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationStatus:
    """One generation of a read model.

    Attributes:
        state: ``active``, ``previous``, ``building``, or ``failed`` where its verification was.
        head: Where the log ends.
        behind: How many events all of its partitions still have to take; ``None`` for a version of the
            code that is not this one.
        rate: Events a second; ``None`` where nobody measured.
        parked: Events that wait for a repair.
        failure: What the verification of a rebuild found.
    """

    generation: Generation
    state: str
    is_paused: bool
    rate_max: float | None
    head: int
    behind: Behind | None
    rate: float | None
    parked: int
    partitions: tuple[PartitionStatus, ...]
    failure: Document | None

    @property
    def position(self) -> int:
        """Up to where all partitions have come."""
        return min(one.position for one in self.partitions)

    @property
    def lag_s(self) -> float | None:
        """The age of the newest mark that all partitions show, in seconds."""
        ages = [one.lag_s for one in self.partitions if one.lag_s is not None]
        return max(ages) if len(ages) == len(self.partitions) else None

    def as_json(self) -> dict[str, object]:
        """Return the same as a JSON object."""
        return {
            "readModel": self.generation.model,
            "version": self.generation.version,
            "generation": self.generation.number,
            "state": self.state,
            "paused": self.is_paused,
            "position": self.position,
            "head": self.head,
            "lagEvents": self.behind and self.behind.events,
            "lagEventsIsLeast": self.behind is not None and self.behind.is_least,
            "lagSeconds": self.lag_s,
            "rate": self.rate,
            "rateMax": self.rate_max,
            "parked": self.parked,
            "unknown": sum(one.unknown for one in self.partitions),
            "partitions": [
                {
                    "partition": number,
                    "position": one.position,
                    "holder": one.holder,
                    "lagSeconds": one.lag_s,
                    "events": one.events,
                }
                for number, one in enumerate(self.partitions)
            ],
            "failure": self.failure,
        }


async def status_of_all(
    database: Database,
    log: EventLog,
    models: Mapping[str, ReadModel],
    *,
    rate_over_s: float | None = None,
    counted: EventsBehind | None = None,
) -> list[GenerationStatus]:
    """Return where all generations are, those of other versions of the code too.

    Args:
        database: Where they are.
        log: What they follow.
        models: The read models of this code, by name.
        rate_over_s: Over how long the rate is measured; not at all where nothing is said.
        counted: Counts that are kept for those who look often.

    Raises:
        EventStoreUnavailable: No answer.
        LogNotRead: Not all of it.
        pymongo.errors.PyMongoError: MongoDB gives no answer.
    """
    before = await _checkpoints(database) if rate_over_s else {}
    if rate_over_s:
        await asyncio.sleep(rate_over_s)
    look = _Look(
        database=database,
        counted=counted or EventsBehind(log),
        head=await log.head(),
        checkpoints=await _checkpoints(database),
        holders=await _holders(database),
        before=before,
        over_s=rate_over_s,
    )
    return [
        await look.status(models.get(found.model), found, kept)
        for found in await all_registered(database)
        for kept in found.kept
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    database: Database
    counted: EventsBehind
    head: int
    checkpoints: Mapping[str, Document]
    holders: Mapping[str, str]
    before: Mapping[str, Document]
    over_s: float | None

    async def status(
        self, model: ReadModel | None, found: Registered, kept: Kept
    ) -> GenerationStatus:
        generation = kept.generation
        names = [generation.subscription(one) for one in range(generation.partitions)]
        partitions = tuple(self._partition(name) for name in names)
        failure = found.building.failure if found.building and kept.state == "building" else None
        waiting = {"subscription": {"$in": names}}
        is_ours = model is not None and model.version == generation.version
        return GenerationStatus(
            generation=generation,
            state="failed" if failure else kept.state,
            is_paused=kept.is_paused,
            rate_max=kept.rate_max,
            head=self.head,
            behind=await self._behind(model, generation, partitions) if is_ours and model else None,
            rate=self._rate(names),
            parked=await self.database[parking.COLLECTION].count_documents(waiting),
            partitions=partitions,
            failure=failure,
        )

    def _partition(self, name: str) -> PartitionStatus:
        document = self.checkpoints.get(name, {})
        marked_at = document.get("canaryAt")
        lag_s = (datetime.now(UTC) - marked_at).total_seconds() if marked_at else None
        return PartitionStatus(
            position=document.get("position", 0),
            holder=self.holders.get(document.get("owner", "")),
            lag_s=None if lag_s is None else round(max(0.0, lag_s), 3),
            events=document.get("events", 0),
            unknown=document.get("unknown", 0),
        )

    def _rate(self, names: list[str]) -> float | None:
        if self.over_s is None:
            return None
        events = [
            sum(there.get(name, {}).get("events", 0) for name in names)
            for there in (self.before, self.checkpoints)
        ]
        return round(float(events[1] - events[0]) / self.over_s, 1)

    async def _behind(
        self, model: ReadModel, generation: Generation, partitions: tuple[PartitionStatus, ...]
    ) -> Behind:
        counts = [
            await self.counted.of(
                generation.subscription(number),
                matching(model, generation, number),
                after=one.position,
                types=model.events,
            )
            for number, one in enumerate(partitions)
            if one.position < self.head
        ]
        return Behind(
            sum(one.events for one in counts), is_least=any(one.is_least for one in counts)
        )


async def _checkpoints(database: Database) -> dict[str, Document]:
    fields = {"position": 1, "owner": 1, "events": 1, "unknown": 1, "canaryAt": 1}
    found = database[checkpoint.COLLECTION].find({}, fields)
    return {document["_id"]: document async for document in found}


async def _holders(database: Database) -> dict[str, str]:
    alive = {"$expr": {"$gt": ["$expiresAt", "$$NOW"]}}
    found = database[workers.COLLECTION].find(alive, {"host": 1, "pid": 1})
    return {document["_id"]: f"{document['host']}:{document['pid']}" async for document in found}
