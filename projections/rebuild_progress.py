"""How far rebuilds have come: for whoever waits for one, and as metrics."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from payment_gateway.infrastructure.messaging import checkpoint
from payment_gateway.infrastructure.messaging.fleet_metrics import Measure
from payment_gateway.infrastructure.persistence.event_log import EventLog
from payment_gateway.infrastructure.persistence.mongodb import Database, Document
from payment_gateway.telemetry import metrics
from projections import registry
from projections.generations import Generation
from projections.overseer import Overseer
from projections.read_model import ReadModel
from projections.registry import Building

PROGRESS_EVERY_S: Final = 0.5
# The rate is that of the last seconds, so that it tells what is to be expected.
RATE_OVER_S: Final = 10.0
_GAUGES: Final = (
    metrics.REBUILD_PROGRESS,
    metrics.REBUILD_POSITION,
    metrics.REBUILD_STATE,
    metrics.REBUILD_VERIFIED,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a rebuild has come.

    Attributes:
        generation: What is built.
        state: ``building``, ``paused`` or ``verifying``.
        share: Of the log that has been read, from 0 to 1.
        position: Up to where every partition has come.
        head: Where the log ends.
        events: That were projected so far.
        rate: Events a second of late, ``None`` until it can be told.
        left_s: The seconds that are left at this rate.
    """

    generation: Generation
    state: str
    share: float
    position: int
    head: int
    events: int
    rate: float | None
    left_s: float | None


OnProgress = Callable[[Progress], None]


async def progress_of(
    database: Database, log: EventLog, model: ReadModel, overseer: Overseer
) -> AsyncGenerator[Progress, None]:
    """Yield how far a rebuild has come, again and again, for as long as it lasts."""
    generation = overseer.generation
    counts: deque[tuple[float, int]] = deque()
    while True:
        found = (await registry.registered(database, model)).building
        if found is None or found.generation != generation:
            return
        checkpoints = await _checkpoints(database, generation)
        positions = _positions(checkpoints)
        events = sum(one.get("events", 0) for one in checkpoints)
        head = await log.head()
        share = _share(positions, head)
        rate = _rate(counts, events)
        left = None if not rate or not share else events * (1 / share - 1) / rate
        yield Progress(
            generation=generation,
            state="paused" if found.is_paused else _state(overseer),
            share=share,
            position=min(positions),
            head=head,
            events=events,
            rate=rate,
            left_s=left,
        )
        await asyncio.sleep(PROGRESS_EVERY_S)


def rebuilds(models: Iterable[ReadModel], database: Database, log: EventLog) -> Measure:
    """Return what measures the rebuilds of some read models, whoever began them and works on them.

    The command that began one ends with it and is not scraped; workers are, and each says the same.
    """
    measured = tuple(models)

    async def measure() -> None:
        found = [(await registry.registered(database, model)).building for model in measured]
        under_way = [one for one in found if one is not None]
        head = await log.head() if under_way else 0
        positions = [_positions(await _checkpoints(database, one.generation)) for one in under_way]
        for gauge in _GAUGES:
            gauge.clear()  # one that has ended is told of no more
        for one, reached in zip(under_way, positions, strict=True):
            model = one.generation.model
            metrics.REBUILD_PROGRESS.labels(model).set(_share(reached, head))
            metrics.REBUILD_POSITION.labels(model).set(min(reached))
            metrics.REBUILD_STATE.labels(model, _noted_state(one)).set(1)
            if one.verified is not None:
                metrics.REBUILD_VERIFIED.labels(model).set(one.verified)

    return measure


async def _checkpoints(database: Database, generation: Generation) -> list[Document]:
    """Return what is kept of each partition, empty of one that has not begun."""
    names = [generation.subscription(partition) for partition in range(generation.partitions)]
    there = database[checkpoint.COLLECTION].find({"_id": {"$in": names}})
    found: Mapping[str, Document] = {document["_id"]: document async for document in there}
    return [found.get(name, {}) for name in names]


def _positions(checkpoints: Iterable[Document]) -> list[int]:
    return [one.get("position", 0) for one in checkpoints]


def _share(positions: Sequence[int], head: int) -> float:
    return sum(min(one, head) for one in positions) / (head * len(positions)) if head else 1.0


def _noted_state(building: Building) -> str:
    if building.failure is not None:
        return "failed"
    if building.is_paused:
        return "paused"
    return "building" if building.verified is None else "verifying"


def _state(overseer: Overseer) -> str:
    return "verifying" if overseer.is_verifying else "building"


def _rate(counts: deque[tuple[float, int]], events: int) -> float | None:
    now_s = time.monotonic()
    counts.append((now_s, events))
    while now_s - counts[0][0] > RATE_OVER_S:
        counts.popleft()
    since_s, before = counts[0]
    return (events - before) / (now_s - since_s) if now_s > since_s else None
