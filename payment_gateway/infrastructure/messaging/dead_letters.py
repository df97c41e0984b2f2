"""Takes up what subscriptions have parked: the events of one stream together, in order."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pymongo.errors import PyMongoError

from payment_gateway.application.ports import EventStore, RecordedEvent
from payment_gateway.infrastructure.messaging import checkpoint, parking
from payment_gateway.infrastructure.messaging.backoff import delay_s
from payment_gateway.infrastructure.messaging.mongodb_faults import is_conflict
from payment_gateway.infrastructure.messaging.unit import Unit
from payment_gateway.infrastructure.persistence.event_codec import UndecodableEvent
from payment_gateway.infrastructure.persistence.mongodb import (
    Database,
    Document,
    Session,
    open_session,
    transaction,
)

LISTED_MAX: Final = 1_000
# A subscription that is at work moves the same checkpoint; losing to it so often is trouble.
TRIES_MAX: Final = 10


class NoSuchLetter(Exception):
    """Nothing is parked under that id."""

    def __init__(self, letter_id: str) -> None:
        super().__init__(f"nothing is parked under {letter_id}")


class NotReplayed(Exception):
    """The events cannot be handled even now; they stay parked. The message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """All that a subscription has parked of one stream.

    Attributes:
        id: Of the first of them, by which they are taken up together.
        revision: Its place in the stream.
        cause: Why it was parked; those that follow wait behind it.
        events: How many there are.
    """

    id: str
    subscription: str
    stream: str
    revision: int
    position: int
    type: str
    cause: str
    events: int
    parked_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """What handling parked events changes.

    Attributes:
        events: Those that were handled.
        before: The documents that they concern, by collection and id; ``None`` for one not there.
        after: The same afterwards.
    """

    events: tuple[RecordedEvent, ...]
    before: Mapping[str, Document | None]
    after: Mapping[str, Document | None]


class DeadLetters:
    """What all subscriptions of an installation have parked."""

    def __init__(self, database: Database, store: EventStore) -> None:
        self._database: Final = database
        self._parked: Final = database[parking.COLLECTION]
        self._discarded: Final = database[parking.DISCARDED]
        self._replayed: Final = database[parking.REPLAYED]
        self._checkpoints: Final = database[checkpoint.COLLECTION]
        self._store: Final = store

    async def all(self) -> list[DeadLetter]:
        """Return what is parked, oldest first, at most ``LISTED_MAX`` streams."""
        return await self._grouped({}, limit=LISTED_MAX)

    async def find(self, letter_id: str) -> DeadLetter:
        """Return one of them.

        Raises:
            NoSuchLetter: Nothing is parked under that id.
        """
        first = await self._parked.find_one({"_id": letter_id})
        if first is None:
            raise NoSuchLetter(letter_id)
        of_stream = {"subscription": first["subscription"], "stream": first["stream"]}
        (found,) = await self._grouped(of_stream, limit=1)
        return found

    async def documents(self, letter: DeadLetter, unit: Unit) -> Mapping[str, Document | None]:
        """Return the documents that the parked events concern, as far as they can be read."""
        if unit.documents is None:
            return {}
        history = await self._store.read(letter.stream)
        async with open_session(self._database) as session:
            return await unit.documents(history.events, session)

    async def replay(
        self,
        letter: DeadLetter,
        unit: Unit,
        *,
        dry_run: bool = False,
        keep: Callable[[Replay, Session], Awaitable[None]] | None = None,
    ) -> Replay:
        """Have the unit's handler take the parked events of a stream, all or none, and unpark them.

        The worker that holds the unit loses its lease by that, and takes it up anew with what is parked
        then. So nothing comes between: what it parks meanwhile is taken too, or behind what is taken.

        Args:
            letter: Which events.
            unit: Whose handler takes them.
            dry_run: Only return what it would change.
            keep: Keeps that it was done, as the last part of the same transaction.

        Raises:
            NoSuchLetter: Nothing is parked any more.
            NotReplayed: One of them still cannot be read, or the handler still fails.
            pymongo.errors.PyMongoError: It was not done, or no answer says whether it was.
            EventStoreUnavailable: No answer; nothing was done.
        """
        async with open_session(self._database) as session:
            for attempt in range(1, TRIES_MAX + 1):
                try:
                    return await self._replay(letter, unit, session, dry_run=dry_run, keep=keep)
                except PyMongoError as error:
                    if attempt == TRIES_MAX or not is_conflict(error):
                        raise
                await asyncio.sleep(delay_s(attempt))
        raise AssertionError("the last try returned or raised")

    async def discard(
        self, letter: DeadLetter, *, keep: Callable[[Session], Awaitable[None]] | None = None
    ) -> None:
        """Unpark the events of a stream without handling them; those to come are handled again.

        Args:
            letter: Which events.
            keep: Keeps that it was done, as the last part of the same transaction.
        """
        async with open_session(self._database) as session, transaction(session):
            await self._end_lease(letter, session)
            given_up = await self._parked.find(_of(letter), session=session).to_list(None)
            if given_up:
                await self._discarded.insert_many(given_up, session=session)
            await self._parked.delete_many(_of(letter), session=session)
            if keep is not None:
                await keep(session)

    async def _replay(
        self,
        letter: DeadLetter,
        unit: Unit,
        session: Session,
        *,
        dry_run: bool,
        keep: Callable[[Replay, Session], Awaitable[None]] | None,
    ) -> Replay:
        async with transaction(session):
            ended = await self._end_lease(letter, session)
            events = await self._events(letter, unit, session)
            before = await _documents(unit, events, session)
            try:
                await unit.handler(events, session)
            except PyMongoError:
                raise
            except Exception as error:
                raise NotReplayed(f"{type(error).__name__}: {error}") from error
            after = await _documents(unit, events, session)
            await self._parked.delete_many(_of(letter), session=session)
            if unit.documents is not None:
                await self._note_replayed(events, ended, session)
            replay = Replay(events=tuple(events), before=before, after=after)
            if dry_run:
                await session.abort_transaction()
            elif keep is not None:
                await keep(replay, session)
        return replay

    async def _end_lease(self, letter: DeadLetter, session: Session) -> Document | None:
        """End it; return the checkpoint as it was then."""
        ended: Document | None = await self._checkpoints.find_one_and_update(
            {"_id": letter.subscription}, {"$inc": {"epoch": 1}}, session=session
        )
        return ended

    async def _note_replayed(
        self, events: Sequence[RecordedEvent], checkpoint: Document | None, session: Session
    ) -> None:
        """Note behind which event of the log each of them was handled; epochs tell which came first."""
        if not events or checkpoint is None:
            return
        await self._replayed.insert_many(
            [
                {
                    "_id": f"{checkpoint['_id']}:{event.position}",
                    "subscription": checkpoint["_id"],
                    "position": event.position,
                    "after": checkpoint["position"],
                    "epoch": checkpoint["epoch"],
                }
                for event in events
            ],
            session=session,
        )

    async def _events(
        self, letter: DeadLetter, unit: Unit, session: Session
    ) -> list[RecordedEvent]:
        cursor = self._parked.find(_of(letter), {"position": 1}, session=session)
        positions = {document["position"] async for document in cursor}
        if not positions:
            raise NoSuchLetter(letter.id)
        try:
            history = await self._store.read(letter.stream)
        except UndecodableEvent as error:
            raise NotReplayed(f"{letter.stream}: {error}") from error
        found = [event for event in history.events if event.position in positions]
        if len(found) < len(positions):
            raise NotReplayed(f"{letter.stream}: not all parked events are in the log any more")
        return [event for event in found if unit.types is None or event.type in unit.types]

    async def _grouped(self, matching: Document, *, limit: int) -> list[DeadLetter]:
        pipeline: list[Document] = [
            {"$match": matching},
            {"$sort": {"position": 1}},
            {
                "$group": {
                    "_id": {"subscription": "$subscription", "stream": "$stream"},
                    "first": {"$first": "$$ROOT"},
                    "events": {"$sum": 1},
                }
            },
            {"$sort": {"first.parkedAt": 1, "first._id": 1}},
            {"$limit": limit},
        ]
        rows = await self._parked.aggregate(pipeline).to_list(limit)
        return [
            DeadLetter(
                id=row["first"]["_id"],
                subscription=row["first"]["subscription"],
                stream=row["first"]["stream"],
                revision=row["first"]["revision"],
                position=row["first"]["position"],
                type=row["first"]["type"],
                cause=row["first"]["cause"],
                events=row["events"],
                parked_at=row["first"]["parkedAt"],
            )
            for row in rows
        ]


def _of(letter: DeadLetter) -> Document:
    return {"subscription": letter.subscription, "stream": letter.stream}


async def _documents(
    unit: Unit, events: Sequence[RecordedEvent], session: Session
) -> Mapping[str, Document | None]:
    return {} if unit.documents is None else await unit.documents(events, session)
