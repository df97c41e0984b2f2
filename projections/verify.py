"""Proves that a read model is what the log says.

The log is folded again from its first event, up to the very position at which the documents were looked
at, and both are compared. Documents, positions and what is parked are read as of one moment, so that
what goes on meanwhile is no difference.
"""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import product
from typing import Final, TypeVar

from pymongo.errors import PyMongoError

from payment_gateway.infrastructure.messaging.backoff import delay_s
from payment_gateway.infrastructure.messaging.log_reading import BREATHE_EVERY
from payment_gateway.infrastructure.persistence.event_log import EventLog
from payment_gateway.infrastructure.persistence.mongodb import Database, Session, open_snapshot
from projections.generations import DIGITS, Generation
from projections.read_model import TOTALS, Key, ReadModel
from projections.verify_documents import (
    expected_totals,
    is_moment_gone,
    is_moment_hidden,
    point_of,
    take_all,
    take_expected,
)
from projections.verify_explain import Trace, explain
from projections.verify_fold import Point, Refold, Steps
from projections.verify_money import disagreement
from projections.verify_report import Fault, FaultKind, Faults, Report, shown
from projections.verify_shelf import Pair, Shelf

# A sample is all payments whose ids begin with digits that were drawn.
PREFIX_DIGITS_MAX: Final = 4
PREFIXES_MAX: Final = 256
PAYMENTS_A_PREFIX: Final = 4
# Times that another moment is looked at; collections and indexes are not made all the time.
MOMENTS_MAX: Final = 5
_RANDOM: Final = random.SystemRandom()

Seen = TypeVar("Seen")


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """How much is compared; everything, where nothing is said.

    Attributes:
        sample: About so many documents, drawn at random. Of a read model that is kept by payment no
            more of the log is read than they need.
        since: Only documents that an event changed since then.
    """

    sample: int | None = None
    since: datetime | None = None


ALL: Final = Extent()


class _MomentGone(Exception):
    """MongoDB kept a moment for less time than it took to read what is compared."""


async def verify(
    database: Database,
    log: EventLog,
    model: ReadModel,
    generation: Generation,
    extent: Extent = ALL,
    *,
    steps: Steps | None = None,
) -> Report:
    """Compare a generation of a read model with the log.

    Where the documents take longer to be read than MongoDB keeps a moment, the report says so: nothing
    was compared then, and nothing agrees. ``steps`` grows while it gets on, for whoever watches it.

    Raises:
        LogNotRead: The event store did not send all of it.
        EventStoreUnavailable: The event store gives no answer.
        pymongo.errors.PyMongoError: MongoDB gives none.
    """
    began_s = time.monotonic()
    with Shelf() as shelf, Shelf() as money:
        work = _Verification(
            database=database,
            log=log,
            model=model,
            generation=generation,
            extent=extent,
            shelf=shelf,
            money=money,
            steps=steps or Steps(),
        )
        try:
            report = await work.run()
        except _MomentGone:
            report = _not_compared(generation)
    return replace(report, seconds=time.monotonic() - began_s)


class _Verification:
    def __init__(
        self,
        *,
        database: Database,
        log: EventLog,
        model: ReadModel,
        generation: Generation,
        extent: Extent,
        shelf: Shelf,
        money: Shelf,
        steps: Steps,
    ) -> None:
        self._database: Final = database
        self._log: Final = log
        self._model: Final = model
        self._generation: Final = generation
        self._extent: Final = extent
        self._shelf: Final = shelf
        self._money: Final = money
        self._steps: Final = steps

    async def run(self) -> Report:
        by_payment = self._model.partitionable and self._extent.sample is not None
        point, refold = await (self._some_payments() if by_payment else self._everything())
        if self._extent.sample is not None:
            self._shelf.keep_some(self._extent.sample)
        faults = refold.faults
        async for pair in self._differences():
            faults.add(await self._explained(pair, point, explained=faults.has_room))
        if self._model.partitionable:
            await self._compare_money(point, faults)
        return Report(
            generation=self._generation,
            positions=point.positions,
            events=refold.events,
            documents=self._shelf.count(),
            parked=sum(len(one) for one in point.parked),
            faults=faults.first,
            faults_count=faults.count,
            seconds=0.0,
        )

    async def _everything(self) -> tuple[Point, Refold]:
        async def look(snapshot: Session) -> Point:
            point = await point_of(self._database, self._generation, snapshot)
            shown = (self._database, self._model, self._generation)
            await take_all(*shown, self._shelf, snapshot, steps=self._steps)
            return point

        point = await self._at_one_moment(look)
        refold = self._refold(point)
        await refold.run(self._log, self._all_streams())
        for total in expected_totals(self._model, self._shelf):
            self._shelf.put_total(TOTALS, total)
        return point, refold

    async def _some_payments(self) -> tuple[Point, Refold]:
        """Read of the log what belongs to some payments; sums over all of them cannot be told then."""
        assert self._extent.sample is not None, "asked for by its size"
        collection = self._database[self._generation.collection("")]
        count = await collection.estimated_document_count()
        prefixes = "|".join(draw_prefixes(self._extent.sample, of=count))

        async def look(snapshot: Session) -> tuple[Point, Refold]:
            self._shelf.clear()
            self._money.clear()
            point = await point_of(self._database, self._generation, snapshot)
            refold = self._refold(point)
            await refold.run(self._log, f"payment-(?:{prefixes}).*")
            expected = (self._database, self._generation, self._shelf)
            await take_expected(*expected, snapshot, steps=self._steps)
            return point, refold

        return await self._at_one_moment(look)

    async def _at_one_moment(self, look: Callable[[Session], Awaitable[Seen]]) -> Seen:
        """Look at MongoDB as of one moment; where it cannot be shown, as of another one.

        Raises:
            _MomentGone: It was gone before all was read. Another one would go as fast.
        """
        for attempt in range(1, MOMENTS_MAX + 1):
            try:
                async with open_snapshot(self._database) as snapshot:
                    return await look(snapshot)
            except PyMongoError as error:
                if is_moment_gone(error):
                    raise _MomentGone from error
                if attempt == MOMENTS_MAX or not is_moment_hidden(error):
                    raise
                await asyncio.sleep(delay_s(attempt))
        raise AssertionError("the last attempt returns or raises")

    def _refold(self, point: Point) -> Refold:
        shelves = (self._shelf, self._money)
        return Refold(self._model, self._generation, point, *shelves, steps=self._steps)

    def _all_streams(self) -> str:
        return f"(?:{'|'.join(re.escape(one) for one in self._model.categories)})-.*"

    async def _differences(self) -> AsyncGenerator[Pair, None]:
        for pair in self._shelf.differences(self._extent.since):
            yield pair
            await asyncio.sleep(0)

    async def _explained(self, pair: Pair, point: Point, *, explained: bool) -> Fault:
        """Fold once more what led to the document; with many faults only for the first of them."""
        trace = Trace(self._model, pair.key)
        if explained and pair.expected is not None:
            alone = self._model.partitionable and pair.stream is not None
            streams = re.escape(pair.stream or "") if alone else self._all_streams()
            with Shelf() as shelf, Shelf() as money:
                shelves = (shelf, money)
                again = Refold(self._model, self._generation, point, *shelves, steps=self._steps)
                await again.run(self._log, streams, trace.watch)
        return explain(self._model, pair, trace)

    async def _compare_money(self, point: Point, faults: Faults) -> None:
        """Compare the amounts in payments' documents with the sums over their events.

        This needs nothing of the read model's code, so that it also finds what that gets wrong.
        """
        for count, document in enumerate(self._shelf.found_documents("")):
            self._steps.taken += 1
            key = Key(document["_id"])
            sums = self._money.get(key)
            if sums is None or f"payment-{key.id}" in point.parked_streams:
                continue
            wrong = disagreement(sums, document)
            if wrong is not None:
                field, expected, found = wrong
                faults.add(
                    Fault(
                        kind=FaultKind.MONEY,
                        cause="the amount is not what the payment's events add up to",
                        key=key,
                        field=field,
                        expected=str(expected),
                        found=shown(found),
                        event=self._money.place(key),
                    )
                )
            if count % BREATHE_EVERY == 0:
                await asyncio.sleep(0)


def _not_compared(generation: Generation) -> Report:
    cause = (
        "the documents take longer to be read than MongoDB keeps a moment; have it keep moments longer"
        " (minSnapshotHistoryWindowInSeconds), or verify a sample"
    )
    return Report(
        generation=generation,
        positions=(),
        events=0,
        documents=0,
        parked=0,
        faults=(Fault(kind=FaultKind.NOT_COMPARED, cause=cause),),
        faults_count=1,
        seconds=0.0,
    )


def draw_prefixes(sample: int, *, of: int) -> list[str]:
    """Return beginnings of payment ids, drawn at random, that about so many payments have.

    Args:
        sample: How many payments are wanted.
        of: How many there are.
    """
    digits, wanted = 1, _prefixes(1, sample, of)
    while digits < PREFIX_DIGITS_MAX and len(DIGITS) ** digits * PAYMENTS_A_PREFIX < of:
        more = _prefixes(digits + 1, sample, of)
        if more > PREFIXES_MAX:
            break
        digits, wanted = digits + 1, more
    return sorted(_RANDOM.sample(["".join(one) for one in product(DIGITS, repeat=digits)], wanted))


def _prefixes(digits: int, sample: int, of: int) -> int:
    """Return how many beginnings of so many digits cover the sample."""
    there_are = int(len(DIGITS) ** digits)
    return min(there_are, max(1, -(-sample * there_are // max(of, 1))))
